"""The lifecycle of a GenAI feature: pure rules about stages, exposure, releases, plans and promotions.

Nothing here reads a clock, a socket or the environment. Going up takes gates and people; going down always
works.
"""

from stages.exposure import NOBODY, WHOLE, Autonomy, Exposure, Review
from stages.moves import DOWN, MOVES, UP, Ends, Request, Row, find_ends, make
from stages.plan import UNPROTECTED, Gate, Plan, Requirement, StagePlan, Tier
from stages.promotion import (
    Approval,
    Case,
    Evidence,
    Watch,
    approve,
    awaits_only_approval,
    check_promotion,
    firing,
    seen,
    unproven,
)
from stages.refusals import Refusal, Refused, refuse_unless_empty
from stages.release import Goodness, Release, canonical_json, digest, seal
from stages.rollout import EXPOSED, Mode, Rollout, Stage

__all__ = [
    "DOWN",
    "EXPOSED",
    "MOVES",
    "NOBODY",
    "UNPROTECTED",
    "UP",
    "WHOLE",
    "Approval",
    "Autonomy",
    "Case",
    "Ends",
    "Evidence",
    "Exposure",
    "Gate",
    "Goodness",
    "Mode",
    "Plan",
    "Refusal",
    "Refused",
    "Release",
    "Request",
    "Requirement",
    "Review",
    "Rollout",
    "Row",
    "Stage",
    "StagePlan",
    "Tier",
    "Watch",
    "approve",
    "awaits_only_approval",
    "canonical_json",
    "check_promotion",
    "digest",
    "find_ends",
    "firing",
    "make",
    "refuse_unless_empty",
    "seal",
    "seen",
    "unproven",
]
