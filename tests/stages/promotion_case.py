"""One promotion that lacks nothing but approvals, for tests to take something from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from stages import (
    EXPOSED,
    WHOLE,
    Case,
    Count,
    Criterion,
    Evidence,
    Exposure,
    Gate,
    Missed,
    Mode,
    Part,
    Plan,
    Request,
    Requirement,
    Review,
    Rollout,
    Stage,
    StagePlan,
    Subject,
    Waiver,
    Watch,
    approve,
    check_promotion,
)
from tests.stages.answers import PARTS

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)

GOLDEN = Requirement(
    key="golden-set",
    gate=Gate.EVALUATION,
    title="Golden set passed",
    proves=frozenset({Part.PROMPT, Part.MODEL}),
    missed=Missed.WAIVE,
)
OWNER = Requirement(key="owner", gate=Gate.BUSINESS_FIT, title="An owner is named")
ACCEPTED = Criterion(key="quiet", title="No trigger acted", measure="automatic_actions", window_s=86_400)
STEP = StagePlan(
    ceiling=500,
    start=100,
    soak_s=86_400,
    min_samples=50,
    approvals=2,
    armed_triggers=1,
    requirements=(GOLDEN, OWNER),
    exit_criteria=(ACCEPTED,),
)
PLAN = Plan(
    dict(zip(EXPOSED, (STEP, replace(STEP, ceiling=2500), replace(STEP, ceiling=WHOLE)), strict=True))
)

ROLLOUT = Rollout(
    feature="claims-assistant",
    environment="production",
    stage=Stage.BETA,
    mode=Mode.LIVE,
    exposure=Exposure(share=500, cohorts=frozenset({"staff"}), tasks=frozenset({"summarise"})),
    review=Review(sample=2000, below_confidence=0.8, reviewers=("claims-qa",)),
    stable="r-1",
    previous="r-0",
    stage_since=NOW - 5 * DAY,
    live_since=NOW - 2 * DAY,
    version=7,
)
PASSED = Evidence(
    id="e-1",
    requirement="golden-set",
    release="r-1",
    parts=PARTS,
    made_at=NOW - DAY,
    expires_at=NOW + DAY,
    sha256="0" * 64,
)
NAMED = Evidence(id="e-2", requirement="owner", made_at=NOW - DAY)
WAIVER = Waiver(
    id="w-1",
    requirement="golden-set",
    release="r-1",
    approver="risk",
    reason="the index is being rebuilt",
    trigger="grounding",
    expires_at=NOW + DAY,
)
ARMED = Watch(key="grounding", version=3, acts=True, firing=False, blind=False)
SHADOW = Watch(key="latency", version=1, acts=False, firing=False, blind=False)
WIDER = Exposure(share=1000, cohorts=frozenset({"staff"}), tasks=frozenset({"summarise"}))
CASE = Case(
    rollout=ROLLOUT,
    request=Request(move="promote", stage=Stage.PILOT, exposure=WIDER),
    requester="olga",
    subject=Subject(
        release="r-1", parts=PARTS, filled=frozenset({"owner"}), watching=frozenset({"grounding"})
    ),
    evidence=(PASSED, NAMED),
    watches=(ARMED, SHADOW),
    measured={"quiet": Count(0)},
    answers=50,
)


def approved(case: Case, *approvers: str, plan: Plan = PLAN) -> Case:
    for approver in approvers or ("amir", "bea"):
        case = replace(case, approvals=(*case.approvals, approve(case, plan, approver)))
    return case


def planned(**change: Any) -> Plan:
    """The plan with another stage for everybody to enter."""
    step = replace(STEP, ceiling=WHOLE, **change)
    return Plan(dict.fromkeys(EXPOSED, step))


def codes(case: Case, plan: Plan = PLAN, now: datetime = NOW) -> list[str]:
    return [refusal.code for refusal in check_promotion(case, plan, now)]
