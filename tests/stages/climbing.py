"""A feature on a ramp, to test with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from stages import (
    EXPOSED,
    Artifact,
    Autonomy,
    Case,
    Criterion,
    Evidence,
    Exposure,
    Gate,
    Mode,
    Plan,
    Ramp,
    Request,
    Requirement,
    Rollout,
    Stage,
    StagePlan,
    Step,
    Subject,
    Watch,
    start_ramp,
)

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
GAP = timedelta(seconds=15)
ADA, BOB, EVE = "user:ada", "user:bob", "user:eve"
STEPS = (
    Step(share=500, hold_s=60, min_samples=10),
    Step(share=1000, hold_s=30),
    Step(share=2500, approvals=1),
)
REPORT = Requirement(
    key="report",
    gate=Gate.EVALUATION,
    title="Evaluation report",
    owner="qa",
    why="",
    artifact=Artifact.DOCUMENT,
)
REJECTED = Criterion(
    key="acceptance", title="Acceptance", measure="rejected", at_most=0.2, min_samples=20, window_s=3600
)
PROGRESS = Criterion(key="business", title="Business", measure="business_metric", window_s=0)
SEEING = Watch(key="errors", version=1, acts=True, firing=False, blind=False)


def plan_of(steps: tuple[Step, ...] = STEPS, **parts: Any) -> Plan:
    """A plan with a ramp in beta; the later stages ask for as much, and have none."""
    beta = StagePlan(ceiling=5000, start=steps[0].share if steps else 500, ramp=steps, **parts)
    later = replace(beta, ceiling=10_000, ramp=())
    return Plan({stage: beta if stage is Stage.BETA else later for stage in EXPOSED})


def rollout_of(share: int = 500, **parts: Any) -> Rollout:
    """A feature that is live in beta."""
    exposure = Exposure(share=share, autonomy=Autonomy.DRAFT)
    standing: dict[str, Any] = {"stage": Stage.BETA, "mode": Mode.LIVE, "exposure": exposure, "stable": "r-1"}
    return Rollout(
        feature="claims",
        environment="production",
        stage_since=NOW,
        live_since=NOW,
        **standing | parts,
    )


def case_of(rollout: Rollout | None = None, **parts: Any) -> Case:
    """A case in which nothing speaks against going on."""
    shown: dict[str, Any] = {
        "subject": Subject(release="r-1", watching=frozenset({"errors"})),
        "watches": (SEEING,),
        "evidence": (Evidence(id="e-1", requirement="report", release="r-1", made_at=NOW),),
    }
    return Case(
        rollout=rollout or rollout_of(), request=Request(move="advance"), requester=ADA, **shown | parts
    )


def ramp_of(rollout: Rollout | None = None, **parts: Any) -> Ramp:
    """A ramp that Ada has just started."""
    return replace(start_ramp(rollout or rollout_of(), ADA, NOW), **parts)


def after(seconds: float) -> datetime:
    """So many seconds after the start."""
    return NOW + timedelta(seconds=seconds)
