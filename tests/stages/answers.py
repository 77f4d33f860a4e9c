"""What it takes to enter a stage, built from its plan: everything, or everything but one thing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from stages import (
    EXPOSED,
    WHOLE,
    Artifact,
    Autonomy,
    Case,
    Count,
    Criterion,
    Dataset,
    EvalReport,
    Evidence,
    Exposure,
    Measured,
    Metric,
    MetricKind,
    Mode,
    Part,
    Plan,
    Progress,
    Request,
    Requirement,
    Rollout,
    Share,
    Stage,
    StagePlan,
    Subject,
    Watch,
    approve,
)

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PARTS = {part: part.value for part in Part}
BEFORE = dict(zip(EXPOSED, (Stage.READINESS, *EXPOSED), strict=False))
MANY = 10_000


def report_for(need: Requirement, passed: int = MANY, n: int = MANY) -> EvalReport:
    """A report with the metric that the requirement asks for and cases in each of its layers."""
    name = need.threshold.metric if need.threshold else "pass_rate"
    metric = Metric(
        name=name, kind=MetricKind.PASS_RATE, value=passed / n, n=n, passed=passed, failed=n - passed
    )
    return EvalReport(tool="junit", dataset=Dataset(layers=dict.fromkeys(need.layers, 1)), metrics=(metric,))


def answer(need: Requirement, release: str = "r-1") -> Evidence:
    """Evidence that meets a requirement for a release, made a moment ago."""
    worst = need.threshold is not None and need.threshold.at_most is not None
    return Evidence(
        id=f"e-{need.key}",
        requirement=need.key,
        release=release,
        parts=PARTS,
        made_at=NOW - timedelta(seconds=1),
        report=report_for(need, 0 if worst else MANY) if need.artifact is Artifact.EVAL_REPORT else None,
    )


def good(criterion: Criterion) -> Measured:
    """A measurement that meets a criterion of whatever measure."""
    if criterion.measure == "business_metric":
        return Progress(baseline=1, target=3, value=2, at=NOW, window_s=1)
    return Count(0) if criterion.measure == "automatic_actions" else Share(0, MANY)


def watches_for(step: StagePlan) -> tuple[Watch, ...]:
    """As many triggers that act as a stage asks for, among them one of each class."""
    classes = [*step.trigger_classes, *[""] * (step.armed_triggers - len(step.trigger_classes))]
    return tuple(
        Watch(key=f"t-{number}", version=1, trigger_class=name, acts=True, firing=False, blind=False)
        for number, name in enumerate(classes)
    )


def handed_in(needs: Iterable[Requirement]) -> tuple[Evidence, ...]:
    """Evidence for every requirement that the record does not answer."""
    return tuple(answer(need) for need in needs if need.artifact is not Artifact.RECORD)


def full_case(plan: Plan, stage: Stage) -> Case:
    """A promotion into a stage with everything but the approvals."""
    step, before = plan[stage], BEFORE[stage]
    is_used = before in EXPOSED
    rollout = Rollout(
        feature="claims",
        environment="production",
        stage=before,
        mode=Mode.LIVE if is_used else Mode.OFF,
        exposure=Exposure(share=1 if is_used else 0, autonomy=Autonomy.DRAFT),
        stable="r-1",
        stage_since=NOW - timedelta(seconds=step.soak_s),
        live_since=NOW - timedelta(seconds=step.soak_s) if is_used else None,
    )
    leaving = plan[before].exit_criteria if is_used else ()
    return Case(
        rollout=rollout,
        request=Request(move="promote", stage=stage),
        requester="olga",
        subject=Subject(
            release="r-1",
            parts=PARTS,
            filled=frozenset(name for need in step.requirements for name in need.fields),
            watching=frozenset(watch.key for watch in watches_for(step)),
        ),
        evidence=handed_in(step.requirements),
        watches=watches_for(step),
        measured={criterion.key: good(criterion) for criterion in leaving},
        answers=step.min_samples,
    )


def approved(case: Case, plan: Plan, groups: Iterable[str] | None = None, people: int | None = None) -> Case:
    """The case with as many approvals as its stage asks for, by people who belong to the groups asked for."""
    step = plan[case.request.stage] if case.request.stage in EXPOSED else StagePlan(ceiling=WHOLE, start=1)
    member_of = frozenset(step.approver_groups if groups is None else groups)
    for number in range(step.approvals if people is None else people):
        case = replace(
            case, approvals=(*case.approvals, approve(case, plan, f"approver-{number}", member_of))
        )
    return case
