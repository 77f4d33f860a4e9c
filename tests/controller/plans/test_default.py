"""The plans that come with Headgate: complete, reasoned, and stricter the more harm a feature could do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from controller.plans import load_plans
from stages import (
    EXPOSED,
    UNPROTECTED,
    Artifact,
    Autonomy,
    Gate,
    Missed,
    Requirement,
    Stage,
    StagePlan,
    Tier,
    check,
    check_promotion,
)
from stages.bounds import lower_share
from tests.stages.answers import NOW, approved, full_case, report_for

PLANS = load_plans()
BY_TIER = {tier: PLANS.of(tier, protected=True) for tier in Tier}
STEPS = [pytest.param(BY_TIER[tier][stage], id=f"{tier}-{stage}") for tier in Tier for stage in EXPOSED]

TABLE = {
    Gate.BUSINESS_FIT: "use-case-brief baseline-metric expected-roi accountable-owner production-success",
    Gate.DATA_AND_RETRIEVAL: "source-inventory permission-check freshness-and-revocation retrieval-test citation-check "
    "feedback-labels",
    Gate.EVALUATION: "golden-set failure-taxonomy acceptance-threshold regression-suite production-evaluation "
    "evaluation-report",
    Gate.CONTROLS: "guardrail-check human-review audit-logging escalation-rules policy-and-pii-check "
    "permission-separation",
    Gate.OPERATIONS: "cost-model budget-owner quotas shutdown-threshold monitoring fallback-drill runbook "
    "incident-path rollback-drill support-owner",
}


@pytest.mark.parametrize("gate", Gate)
def test_every_artifact_of_a_gate_is_a_requirement_and_the_highest_tier_asks_for_it(gate: Gate) -> None:
    asked = {need.key for need in BY_TIER[Tier.T3][Stage.SCALED].requirements if need.gate is gate}
    assert set(TABLE[gate].split()) <= asked


def test_every_requirement_is_asked_for_somewhere_and_by_every_higher_tier() -> None:
    asked = [{need.key for need in BY_TIER[tier][Stage.SCALED].requirements} for tier in Tier]
    assert asked[0] <= asked[1] <= asked[2] == set(PLANS.requirements)


def test_every_requirement_says_why_and_has_an_owner() -> None:
    for need in PLANS.requirements.values():
        assert need.why.endswith(".")
        assert need.owner
        assert need.artifact is Artifact.RECORD or need.valid_s


def test_the_higher_the_tier_the_more_is_asked_and_the_less_is_allowed() -> None:
    for stage in EXPOSED:
        steps = [BY_TIER[tier][stage] for tier in Tier]
        for lower, higher in pairwise(steps):
            assert lower.ceiling >= higher.ceiling
            assert lower.start >= higher.start
            assert not higher.autonomy.exceeds(lower.autonomy)
            for name in (
                *("soak_s", "min_samples", "approvals", "armed_triggers"),
                *("release_approvals", "release_soak_s", "release_min_samples"),
            ):
                assert getattr(lower, name) <= getattr(higher, name)
            assert set(lower.trigger_classes) <= set(higher.trigger_classes)
            assert_larger_samples(lower, higher)


def assert_larger_samples(lower: StagePlan, higher: StagePlan) -> None:
    asked = {need.key: need for need in higher.requirements}
    for need in lower.requirements:
        assert asked[need.key].min_samples >= need.min_samples
        if need.threshold and need.threshold.at_least:
            assert (asked[need.key].threshold or need.threshold).at_least >= need.threshold.at_least


@pytest.mark.parametrize("step", STEPS)
def test_the_smallest_sample_that_is_asked_for_can_meet_its_threshold(step: StagePlan) -> None:
    for need in step.requirements:
        if need.threshold and need.threshold.at_least:
            assert lower_share(need.min_samples, need.min_samples) >= need.threshold.at_least
            assert check(need, report_for(need, need.min_samples, need.min_samples)).bound


def test_a_harmless_feature_gets_to_beta_with_its_record_and_one_small_evaluation() -> None:
    plan = BY_TIER[Tier.T1]
    handed_in = [*blocking(plan[Stage.BETA])]
    assert [(need.key, need.min_samples, need.layers) for need in handed_in] == [
        ("evaluation-report", 40, ())
    ]
    case = full_case(plan, Stage.BETA)
    (small,) = (item for item in case.evidence if item.requirement == "evaluation-report")
    small = replace(small, report=report_for(handed_in[0], 37, 40))
    assert check_promotion(approved(replace(case, evidence=(small,)), plan), plan, NOW) == ()
    assert [need.key for need in blocking(plan[Stage.PILOT])] == ["evaluation-report"]


def blocking(step: StagePlan) -> Iterator[Requirement]:
    """What has to be handed in before a stage is entered."""
    for need in step.requirements:
        if need.artifact is not Artifact.RECORD and need.missed is not Missed.REMIND:
            yield need


def test_sensitive_data_takes_299_clean_cases_where_harm_is_possible() -> None:
    for stage in EXPOSED:
        need = next(n for n in BY_TIER[Tier.T3][stage].requirements if n.key == "policy-and-pii-check")
        assert check(need, report_for(need, need.min_samples, need.min_samples)).holds
        assert need.min_samples >= 299
    beta = next(n for n in BY_TIER[Tier.T3][Stage.BETA].requirements if n.key == "policy-and-pii-check")
    assert not check(beta, report_for(beta, 298, 299)).holds


@pytest.mark.parametrize("tier", Tier)
def test_the_last_stage_is_for_everybody_and_the_ramps_lead_to_the_ceilings(tier: Tier) -> None:
    plan = BY_TIER[tier]
    assert plan[Stage.SCALED].ceiling == 10_000
    assert all(plan[stage].ramp[-1].share == plan[stage].ceiling for stage in EXPOSED)
    assert [plan[stage].planned_s // 86_400 for stage in EXPOSED] == [30, 60, 90]


def test_what_a_feature_of_the_highest_tier_may_do_grows_with_its_stage() -> None:
    plan = BY_TIER[Tier.T3]
    assert [plan[stage].autonomy for stage in EXPOSED] == list(Autonomy)
    assert [plan[stage].approver_groups for stage in EXPOSED] == [(), ("risk",), ("risk",)]


@pytest.mark.parametrize("tier", Tier)
def test_leaving_the_pilot_takes_a_better_business_metric_and_no_automatic_action(tier: Tier) -> None:
    measures = {each.measure for each in BY_TIER[tier][Stage.PILOT].exit_criteria}
    assert {"business_metric", "automatic_actions", "rejected", "slow", "costly", "escalated"} <= measures


def test_no_evidence_of_what_blocks_at_a_lower_tier_may_be_waived_at_a_higher_one() -> None:
    for stage in EXPOSED:
        lower = {need.key: need for need in BY_TIER[Tier.T2][stage].requirements}
        for need in BY_TIER[Tier.T3][stage].requirements:
            assert not need.missed.is_laxer_than(lower.get(need.key, need).missed)


def test_an_environment_that_is_not_protected_asks_for_nothing() -> None:
    assert PLANS.of("T3", protected=False) is UNPROTECTED


@pytest.mark.parametrize("protected", [True, False])
def test_a_feature_may_allow_itself_less_autonomy_than_its_plan(protected: bool) -> None:
    plan = PLANS.of("T1", protected=protected, autonomy=Autonomy.DRAFT)
    assert {plan[stage].autonomy for stage in EXPOSED} == {Autonomy.DRAFT}
