"""Where one feature stands in one environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from stages.exposure import NOBODY, Exposure, Review


class Stage(StrEnum):
    """The way from demo to production, and the respected end of a feature that is not worth carrying on."""

    READINESS = "readiness"
    BETA = "beta"
    PILOT = "pilot"
    SCALED = "scaled"
    STOPPED = "stopped"


EXPOSED = (Stage.BETA, Stage.PILOT, Stage.SCALED)
"""The stages in which users get the feature, in order."""


class Mode(StrEnum):
    """What happens to an answer, from safest to least safe."""

    OFF = "off"
    REVIEW = "review"
    """A person sees every answer before the user does."""
    LIVE = "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One feature in one environment.

    ``stable``, ``candidate`` and ``previous`` are release ids; ``candidate_share`` is in basis points of the
    users who are exposed. ``previous`` is what was stable before, the target of a revert. While there is a
    reason in ``holds``, the feature does not go up. ``version`` counts the changes.
    """

    feature: str
    environment: str
    stage: Stage = Stage.READINESS
    mode: Mode = Mode.OFF
    exposure: Exposure = NOBODY
    review: Review = field(default_factory=Review)
    stable: str | None = None
    candidate: str | None = None
    candidate_share: int = 0
    previous: str | None = None
    holds: frozenset[str] = frozenset()
    stage_since: datetime
    version: int = 1

    @property
    def serves(self) -> tuple[str, ...]:
        """The ids of the releases users may get."""
        return tuple(release for release in (self.stable, self.candidate) if release)
