"""A project may ask for more than its installation, and never for less."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import InvalidInput
from controller.plans import Loosened, load_plans
from stages import EXPOSED, Autonomy, Plan, Stage, Tier
from tests.controller.plans.content import plans

PLANS = plans()


def tightened(overlay: dict[str, Any]) -> Plan:
    return PLANS.tightened(overlay).of("T2", protected=True)


def every_stage(**change: Any) -> dict[str, Any]:
    return {"tiers": {"T2": {stage.value: change for stage in EXPOSED}}}


def test_nothing_to_tighten_is_the_same_plans() -> None:
    assert PLANS.tightened({}) is PLANS


def test_the_same_tightening_is_worked_out_once() -> None:
    assert PLANS.tightened(every_stage(approvals=2)) is PLANS.tightened(every_stage(approvals=2))


def test_a_tightening_changes_what_it_names_and_leaves_the_rest() -> None:
    plan = tightened(every_stage(approvals=3))
    assert [plan[stage].approvals for stage in EXPOSED] == [3, 3, 3]
    assert plan[Stage.BETA].ramp == PLANS.of("T2", protected=True)[Stage.BETA].ramp
    other = PLANS.tightened(every_stage(approvals=3)).of("T3", protected=True)
    assert other == PLANS.of("T3", protected=True)


def test_lists_add_to_those_of_the_installation() -> None:
    overlay = {
        "requirements": {"dpia": {"gate": "controls", "title": "Impact assessment"}},
        "criteria": {
            "abandoned": {
                "title": "Few give up",
                "measure": "abandoned",
                "at_most": 0.2,
                "window_days": 7,
            }
        },
        "tiers": {
            "T2": {
                "beta": {
                    "requirements": ["dpia", {"golden": {"layers": ["edge", "safety"]}}],
                    "exit_criteria": ["abandoned"],
                    "trigger_classes": ["sensitive_data"],
                    "approver_groups": ["legal"],
                }
            }
        },
    }
    tighter = PLANS.tightened(overlay)
    beta, pilot, _ = (tighter.of("T2", protected=True)[stage] for stage in EXPOSED)
    assert [need.key for need in beta.requirements] == ["owner", "golden", "dpia"]
    assert [need.key for need in pilot.requirements] == ["owner", "golden", "dpia", "brief"]
    assert pilot.requirements[1].layers == ("edge", "safety")
    assert [each.key for each in beta.exit_criteria] == ["accepted", "swift", "abandoned"]
    assert beta.trigger_classes == ("cost", "sensitive_data")
    assert beta.approver_groups == ("risk", "legal")
    assert "dpia" in tighter.requirements
    assert "dpia" not in PLANS.requirements


def test_a_ramp_is_given_whole() -> None:
    ramp = [
        {"share": 50, "hold_hours": 2, "min_samples": 10},
        {"share": 100, "hold_hours": 2, "min_samples": 10},
    ]
    overlay = {"tiers": {"T2": {"beta": {"ramp": [*ramp, {"share": 1000, "approvals": 1}]}}}}
    assert [step.share for step in tightened(overlay)[Stage.BETA].ramp] == [50, 100, 1000]


def test_a_time_may_be_said_anew_in_another_unit() -> None:
    assert tightened(every_stage(soak_s=90_000))[Stage.BETA].soak_s == 90_000
    assert tightened(every_stage(soak_days=2))[Stage.SCALED].soak_s == 2 * 86_400
    for said in ({"release_soak_s": 7200}, {"release_soak_hours": 2}):
        assert tightened(every_stage(**said))[Stage.PILOT].release_soak_s == 7200


def test_a_project_may_ask_for_people_and_a_trial_of_each_new_release() -> None:
    beta = tightened(every_stage(release_approvals=2, release_min_samples=50))[Stage.BETA]
    assert (beta.release_approvals, beta.release_min_samples) == (2, 50)


def test_a_tier_may_be_tightened_as_a_whole() -> None:
    plan = tightened({"tiers": {"T2": {"good_after_days": 14}}})
    assert (plan.good_after_s, plan.pinned_models) == (14 * 86_400, True)


@pytest.mark.parametrize(
    ("overlay", "places"),
    [
        (every_stage(ceiling=10_000), ["tiers.T2.beta", "tiers.T2.pilot"]),
        (
            {"tiers": {"T2": {"pilot": {"autonomy": "recommend"}, "beta": {"autonomy": "execute"}}}},
            ["tiers.T2.beta"],
        ),
        (every_stage(approvals=0), ["tiers.T2.beta", "tiers.T2.pilot", "tiers.T2.scaled"]),
        ({"tiers": {"T2": {"pinned_models": False, "good_after_days": 1}}}, ["tiers.T2", "tiers.T2"]),
        (
            {"tiers": {"T1": {"pinned_models": False}, "T3": {"scaled": {"start": 6000}}}},
            ["tiers.T1", "tiers.T3.scaled"],
        ),
        (
            {"tiers": {"T2": {"scaled": {"requirements": [{"brief": {"valid_days": 400}}]}}}},
            None,
        ),
        (
            {"tiers": {"T2": {"pilot": {"requirements": [{"brief": {"valid_days": 400}}]}}}},
            ["tiers.T2.pilot", "tiers.T2.scaled"],
        ),
    ],
)
def test_each_place_that_asks_for_less_is_a_problem(
    overlay: dict[str, Any], places: list[str] | None
) -> None:
    with pytest.raises(InvalidInput) as caught:
        PLANS.tightened(overlay)
    if places is None:
        assert [problem.field for problem in caught.value.problems] == ["tiers.T2"]
        return
    assert isinstance(caught.value, Loosened)
    assert caught.value.code == "plan_loosened"
    assert [problem.field for problem in caught.value.problems] == places
    assert all(problem.message and problem.remedy for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("overlay", "place", "told"),
    [
        ({"surprise": 1}, "surprise", "is not a key here"),
        ({"tiers": {"T4": {}}}, "tiers.T4", "is not a tier here"),
        ({"tiers": {"T2": {"gamma": {}}}}, "tiers.T2.gamma", "is not a key here"),
        ({"tiers": {"T2": {"beta": {"approval": 3}}}}, "tiers.T2.beta.approval", "is not a key here"),
        ({"tiers": {"T2": {"beta": {"approvals": "many"}}}}, "tiers.T2.beta.approvals", "not a whole number"),
        (
            {"tiers": {"T2": {"beta": {"requirements": ["x"]}}}},
            "tiers.T2.beta.requirements.0",
            "'x' is not defined",
        ),
        ({"tiers": {"T2": {"beta": {"requirements": "x"}}}}, "tiers.T2.beta.requirements", "is not a list"),
        ({"tiers": {"T2": {"beta": []}}}, "tiers.T2.beta", "is not a mapping"),
        ({"tiers": []}, "tiers", "is not a mapping"),
        ({"requirements": {"golden": {"min_samples": 99}}}, "requirements.golden", "is defined already"),
        ({"criteria": {"swift": {"limit": 9}}}, "criteria.swift", "is defined already"),
        ({"requirements": {"new": {"gate": "controls"}}}, "requirements.new.title", "is missing"),
        (every_stage(ceiling=500), "tiers.T2", "the ramp ends with 1000, above the ceiling 500"),
        (
            {"tiers": {"T2": {"beta": {"approvals": 4}}}},
            "tiers.T2",
            "pilot: approvals is lower than in the stage before",
        ),
    ],
)
def test_a_tightening_that_makes_no_sense_is_told_with_its_place(
    overlay: dict[str, Any], place: str, told: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        PLANS.tightened(overlay)
    (problem,) = caught.value.problems
    assert (problem.field, caught.value.code) == (place, "invalid_field")
    assert told in problem.message
    assert problem.remedy


overlays = st.fixed_dictionaries(
    {},
    optional={
        stage.value: st.fixed_dictionaries(
            {},
            optional={
                "ceiling": st.integers(1, 10_000),
                "autonomy": st.sampled_from([each.value for each in Autonomy]),
                "soak_s": st.integers(0, 10**6),
                "approvals": st.integers(0, 3),
                "armed_triggers": st.integers(0, 3),
                "requirements": st.lists(
                    st.sampled_from(["drill", {"golden": {"min_samples": 99}}, {"brief": {"valid_days": 9}}]),
                    max_size=2,
                ),
            },
        )
        for stage in EXPOSED
    },
)


@given(overlays)
def test_whatever_a_project_says_its_plan_never_asks_for_less(overlay: dict[str, Any]) -> None:
    try:
        plan = tightened({"tiers": {"T2": overlay}})
    except InvalidInput:
        return
    assert not list(PLANS.of("T2", protected=True).loosened_by(plan))


def test_everything_a_plan_says_can_be_shown_as_plain_data() -> None:
    shown = load_plans().as_json()
    assert json.loads(json.dumps(shown)) == shown
    assert set(shown["tiers"]) == {tier.value for tier in Tier}
    beta = shown["tiers"]["T3"]["stages"]["beta"]
    assert (beta["autonomy"], beta["approvals"]) == ("draft", 2)
    assert beta["ramp"][0] == {"share": 100, "hold_s": 259_200, "min_samples": 100, "approvals": 0}
    report = next(need for need in beta["requirements"] if need["key"] == "evaluation-report")
    assert report["threshold"] == {
        "metric": "pass_rate",
        "at_least": 0.9,
        "at_most": None,
        "confidence": 0.95,
    }
    assert report["proves"] == sorted(report["proves"])
    assert shown["requirements"]["accountable-owner"]["fields"] == ["owner"]
