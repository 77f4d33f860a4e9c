"""A plan that makes no sense cannot be built."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import EXPOSED, UNPROTECTED, WHOLE, Gate, Plan, Requirement, Stage, StagePlan

GOLDEN = Requirement(key="golden-set", gate=Gate.EVALUATION, title="Golden set passed", per_release=True)
OWNER = Requirement(key="owner", gate=Gate.BUSINESS_FIT, title="An owner is named")
BETA = StagePlan(
    ceiling=500, start=100, soak_s=60, approvals=1, armed_triggers=2, requirements=(GOLDEN, OWNER)
)
PILOT = replace(BETA, ceiling=2500, approvals=2)
SCALED = replace(BETA, ceiling=WHOLE, approvals=2)

steps = st.sampled_from([0, 0, 0, 0, 0, 1, 1, -1])


@st.composite
def climbs(draw: st.DrawFn) -> dict[Stage, StagePlan]:
    """Three stages of which each asks for a little more than the one before, and sometimes for less."""
    step, climb = replace(BETA, ceiling=WHOLE - 1, start=1), {}
    for stage in EXPOSED:
        numbers = ("ceiling", "start", "soak_s", "approvals", "armed_triggers")
        step = replace(step, **{name: getattr(step, name) + draw(steps) for name in numbers})
        step = replace(
            step, requirements=draw(st.sampled_from([step.requirements, (GOLDEN, OWNER), (OWNER,)]))
        )
        climb[stage] = step
    return climb


def is_laxer(after: StagePlan, before: StagePlan) -> bool:
    numbers = (
        after.soak_s < before.soak_s,
        after.approvals < before.approvals,
        after.armed_triggers < before.armed_triggers,
        # Not laxer in itself, but those above it would have to be evicted by a promotion.
        after.ceiling < before.ceiling,
    )
    return any(numbers) or not set(before.requirements) <= set(after.requirements)


def plan(**steps: StagePlan) -> Plan:
    return Plan(
        {stage: steps.get(stage, step) for stage, step in zip(EXPOSED, (BETA, PILOT, SCALED), strict=True)}
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"ceiling": 499}, "pilot: ceiling is lower than in the stage before"),
        ({"soak_s": 59}, "pilot: soak_s is lower than in the stage before"),
        ({"approvals": 0}, "pilot: approvals is lower than in the stage before"),
        ({"armed_triggers": 1}, "pilot: armed_triggers is lower than in the stage before"),
        ({"requirements": (GOLDEN,)}, "pilot: drops the requirement owner of the stage before"),
        (
            {"requirements": (replace(GOLDEN, per_release=False), OWNER)},
            "pilot: takes evidence of any release for golden-set, unlike the stage before",
        ),
        ({"start": 0}, "pilot: start 0 is not between 1 and the ceiling 2500"),
        ({"start": 2501}, "pilot: start 2501 is not between 1 and the ceiling 2500"),
        ({"ceiling": WHOLE + 1}, "pilot: ceiling 10001 is above 10000, which is everybody"),
    ],
)
def test_a_plan_with_a_hole_is_refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError) as caught:
        plan(pilot=replace(PILOT, **change))
    assert problem in str(caught.value).split("; ")


def test_all_problems_of_a_plan_are_told_at_once() -> None:
    with pytest.raises(ValueError) as caught:
        plan(pilot=replace(PILOT, start=0, approvals=0, requirements=()), scaled=replace(SCALED, ceiling=1))
    assert len(str(caught.value).split("; ")) == 6


@pytest.mark.parametrize(
    "stages", [(), EXPOSED[:2], tuple(reversed(EXPOSED)), (*EXPOSED, Stage.STOPPED), tuple(Stage)]
)
def test_a_plan_names_the_exposed_stages_in_their_order(stages: tuple[Stage, ...]) -> None:
    with pytest.raises(ValueError, match="a plan names the stages beta, pilot, scaled, in this order"):
        Plan(dict.fromkeys(stages, BETA))


def test_a_later_stage_may_ask_for_more() -> None:
    more = Requirement(key="runbook", gate=Gate.OPERATIONS, title="There is a runbook")
    stricter = plan(scaled=replace(SCALED, approvals=3, soak_s=90, requirements=(more, OWNER, GOLDEN)))
    assert stricter[Stage.SCALED].approvals == 3
    assert stricter[Stage.PILOT] is PILOT


@given(climbs())
def test_a_plan_stands_exactly_when_no_stage_is_laxer_than_the_one_before(
    climb: dict[Stage, StagePlan],
) -> None:
    beta, pilot, scaled = climb.values()
    sound = all(0 < step.start <= step.ceiling <= WHOLE for step in climb.values())
    sound = sound and not is_laxer(pilot, beta) and not is_laxer(scaled, pilot)
    try:
        Plan(climb)
    except ValueError:
        assert not sound
    else:
        assert sound


def test_an_unprotected_environment_asks_for_nothing_and_allows_everybody() -> None:
    assert all(UNPROTECTED[stage] == StagePlan(ceiling=WHOLE, start=WHOLE) for stage in EXPOSED)
