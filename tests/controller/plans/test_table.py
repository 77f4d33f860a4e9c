"""The plans that come with Headgate, line by line: each thing they ask for keeps a feature out, by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from controller.plans import load_plans
from stages import (
    EXPOSED,
    Answer,
    Artifact,
    Case,
    Count,
    Criterion,
    Evidence,
    Missed,
    Plan,
    Progress,
    Requirement,
    Share,
    Stage,
    StagePlan,
    Tier,
    check_promotion,
)
from tests.stages.answers import BEFORE, NOW, answer, approved, full_case, report_for

PLANS = {tier: load_plans().of(tier, protected=True) for tier in Tier}
STAGES = [(tier, stage) for tier in Tier for stage in EXPOSED]
SECOND = timedelta(seconds=1)


def lines(name: str) -> list[Any]:
    """Every entry of a list of every stage of every tier."""
    return [
        pytest.param(tier, stage, each, id=f"{tier}-{stage}-{getattr(each, 'key', each)}")
        for tier, stage in STAGES
        for each in getattr(PLANS[tier][stage], name)
    ]


def unless_reminded(need: Requirement, told: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """What is told where a requirement is not met; nothing where the stage only reminds of it."""
    return [] if need.missed is Missed.REMIND else told


def told(case: Case, plan: Plan) -> list[tuple[str, str]]:
    return [(refusal.code, refusal.field) for refusal in check_promotion(approved(case, plan), plan, NOW)]


def entering(tier: Tier, stage: Stage) -> tuple[Case, Plan, StagePlan]:
    plan = PLANS[tier]
    return full_case(plan, stage), plan, plan[stage]


def with_answer(case: Case, need: Requirement, **change: Any) -> Case:
    """The case with the answer to one requirement changed."""
    others = tuple(item for item in case.evidence if item.requirement != need.key)
    return replace(case, evidence=(*others, replace(answer(need), **change)))


@pytest.mark.parametrize(("tier", "stage"), STAGES)
def test_with_everything_a_stage_is_entered(tier: Tier, stage: Stage) -> None:
    case, plan, _ = entering(tier, stage)
    assert told(case, plan) == []


@pytest.mark.parametrize(("tier", "stage", "need"), lines("requirements"))
def test_a_requirement_that_is_not_met_is_the_one_thing_that_is_told_and_a_reminder_is_not(
    tier: Tier, stage: Stage, need: Requirement
) -> None:
    case, plan, _ = entering(tier, stage)
    if need.artifact is Artifact.RECORD:
        for name in need.fields:
            bare = replace(case.subject, filled=case.subject.filled - {name})
            fewer = told(replace(case, subject=bare), plan)
            assert ("evidence_missing", need.key) in fewer
            assert {code for code, _ in fewer} == {"evidence_missing"}
            assert need.missed is not Missed.REMIND
    else:
        without = tuple(item for item in case.evidence if item.requirement != need.key)
        missing = unless_reminded(need, [("evidence_missing", need.key)])
        assert told(replace(case, evidence=without), plan) == missing


@pytest.mark.parametrize(("tier", "stage", "need"), lines("requirements"))
def test_old_evidence_does_not_count(tier: Tier, stage: Stage, need: Requirement) -> None:
    if need.artifact is Artifact.RECORD:
        assert need.valid_s is None
        return
    case, plan, _ = entering(tier, stage)
    assert need.valid_s
    made_at = NOW - timedelta(seconds=need.valid_s)
    expired = unless_reminded(need, [(f"evidence_{Answer.EXPIRED}", need.key)])
    assert told(with_answer(case, need, made_at=made_at), plan) == expired
    assert told(with_answer(case, need, made_at=made_at + SECOND), plan) == []


@pytest.mark.parametrize(("tier", "stage", "need"), lines("requirements"))
def test_a_change_of_a_part_makes_stale_exactly_what_proves_it(
    tier: Tier, stage: Stage, need: Requirement
) -> None:
    case, plan, _ = entering(tier, stage)
    for part, digest in case.subject.parts.items():
        changed = replace(case.subject, release="r-2", parts=dict(case.subject.parts) | {part: digest + "!"})
        stale = ("evidence_stale", need.key) in told(replace(case, subject=changed), plan)
        assert stale == (part in need.proves and need.missed is not Missed.REMIND)


def reports() -> list[Any]:
    return [param for param in lines("requirements") if param.values[2].artifact is Artifact.EVAL_REPORT]


@pytest.mark.parametrize(("tier", "stage", "need"), reports())
def test_a_report_has_to_be_there_large_enough_layered_and_good_enough(
    tier: Tier, stage: Stage, need: Requirement
) -> None:
    case, plan, _ = entering(tier, stage)

    def with_report(**change: Any) -> list[tuple[str, str]]:
        return told(with_answer(case, need, **change), plan)

    assert with_report(report=None) == unless_reminded(need, [("evidence_unchecked", need.key)])
    assert with_report(report=report_for(need, 0)) == unless_reminded(need, [("evidence_failed", need.key)])
    assert with_report(report=report_for(need, need.min_samples, need.min_samples)) == []
    fewer = report_for(need, need.min_samples - 1, need.min_samples - 1)
    assert with_report(report=fewer) == unless_reminded(need, [("evidence_insufficient", need.key)])
    for layer in need.layers:
        others = {name: 1 for name in need.layers if name != layer}
        whole = report_for(need)
        bare = replace(whole, dataset=replace(whole.dataset, layers=others))
        assert with_report(report=bare) == unless_reminded(need, [("evidence_insufficient", need.key)])


def spoilt(criterion: Criterion) -> Any:
    if criterion.measure == "business_metric":
        return Progress(baseline=1, target=3, value=1, at=NOW, window_s=1)
    return Count(1) if criterion.measure == "automatic_actions" else Share(5_001, 10_000)


LEFT = [param for param in lines("exit_criteria") if param.values[1] is not Stage.SCALED]


@pytest.mark.parametrize(("tier", "left", "criterion"), LEFT)
def test_a_criterion_that_does_not_hold_is_the_one_thing_that_is_told(
    tier: Tier, left: Stage, criterion: Criterion
) -> None:
    stage = next(stage for stage, before in BEFORE.items() if before is left)
    case, plan, _ = entering(tier, stage)
    bad = dict(case.measured) | {criterion.key: spoilt(criterion)}
    assert told(replace(case, measured=bad), plan) == [("criterion_missed", criterion.key)]
    unknown = {key: found for key, found in case.measured.items() if key != criterion.key}
    assert told(replace(case, measured=unknown), plan) == [("criterion_unmeasured", criterion.key)]


@pytest.mark.parametrize(("tier", "stage", "trigger_class"), lines("trigger_classes"))
def test_a_class_without_a_trigger_that_acts_is_told(tier: Tier, stage: Stage, trigger_class: str) -> None:
    case, plan, step = entering(tier, stage)
    other = tuple(
        replace(watch, trigger_class="other") if watch.trigger_class == trigger_class else watch
        for watch in case.watches
    )
    assert told(replace(case, watches=other), plan) == [("trigger_class_missing", "triggers")]
    assert len(step.trigger_classes) <= step.armed_triggers


@pytest.mark.parametrize(("tier", "stage"), STAGES)
def test_one_trigger_fewer_is_told(tier: Tier, stage: Stage) -> None:
    case, plan, _ = entering(tier, stage)
    shadow = replace(case.watches[-1], acts=False)
    fewer = told(replace(case, watches=(*case.watches[:-1], shadow)), plan)
    assert ("triggers_missing", "triggers") in fewer


@pytest.mark.parametrize(("tier", "stage"), STAGES)
def test_one_approval_fewer_is_told_and_so_is_each_group_that_did_not_agree(tier: Tier, stage: Stage) -> None:
    case, plan, step = entering(tier, stage)
    missing = [("approvals_missing", "approvals")]
    if step.approvals:
        fewer = approved(case, plan, people=step.approvals - 1)
        assert [(r.code, r.field) for r in check_promotion(fewer, plan, NOW)] == missing
    strangers = check_promotion(approved(case, plan, groups=()), plan, NOW)
    assert [(r.code, r.field) for r in strangers] == missing * len(step.approver_groups)


@pytest.mark.parametrize(("tier", "stage"), STAGES)
def test_one_second_of_soak_and_one_answer_fewer_are_told(tier: Tier, stage: Stage) -> None:
    case, plan, step = entering(tier, stage)
    if stage is Stage.BETA:
        assert (step.soak_s, step.min_samples) == (0, 0)
        return
    assert case.rollout.live_since
    younger = replace(case.rollout, live_since=case.rollout.live_since + SECOND)
    assert told(replace(case, rollout=younger), plan) == [("soaking", "")]
    assert told(replace(case, answers=step.min_samples - 1), plan) == [("samples_missing", "answers")]


def test_evidence_for_one_requirement_answers_no_other() -> None:
    plan = PLANS[Tier.T3]
    case = full_case(plan, Stage.SCALED)
    one: Evidence = answer(plan[Stage.SCALED].requirements[4])
    handed_in = {item.requirement for item in case.evidence}
    missing = {field for _, field in told(replace(case, evidence=(one,)), plan)}
    assert missing == handed_in - {one.requirement}
