"""A plan that makes no sense cannot be built."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import (
    EXPOSED,
    UNPROTECTED,
    WHOLE,
    Autonomy,
    Criterion,
    Gate,
    Part,
    Plan,
    Requirement,
    Stage,
    StagePlan,
    Step,
)

GOLDEN = Requirement(
    key="golden-set", gate=Gate.EVALUATION, title="Golden set passed", proves=frozenset({Part.PROMPT})
)
OWNER = Requirement(key="owner", gate=Gate.BUSINESS_FIT, title="An owner is named")
ACCEPTED = Criterion(
    key="acceptance", title="Accepted", measure="rejected", at_most=0.1, min_samples=50, window_s=60
)
SWIFT = Criterion(key="latency", title="Swift", measure="slow", at_most=0.1, limit=8000, window_s=60)
BETA = StagePlan(
    ceiling=500,
    start=100,
    autonomy=Autonomy.RECOMMEND,
    soak_s=60,
    min_samples=10,
    approvals=1,
    approver_groups=("risk",),
    armed_triggers=2,
    trigger_classes=("cost",),
    requirements=(GOLDEN, OWNER),
    ramp=(
        Step(share=100, hold_s=60, min_samples=20),
        Step(share=300, hold_s=60, approvals=1),
        Step(share=500),
    ),
    exit_criteria=(ACCEPTED, SWIFT),
    planned_s=60,
    release_approvals=1,
    release_soak_s=60,
    release_min_samples=10,
)
PILOT = replace(BETA, ceiling=2500, approvals=2)
SCALED = replace(BETA, ceiling=WHOLE, approvals=2)
BARE = replace(BETA, ramp=())

steps = st.sampled_from([0, 0, 0, 0, 0, 1, 1, -1])


@st.composite
def climbs(draw: st.DrawFn) -> dict[Stage, StagePlan]:
    """Three stages of which each asks for a little more than the one before, and sometimes for less."""
    step, climb = replace(BARE, ceiling=WHOLE - 1, start=1), {}
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
        ({"min_samples": 9}, "pilot: min_samples is lower than in the stage before"),
        ({"planned_s": 59}, "pilot: planned_s is lower than in the stage before"),
        ({"approver_groups": ("legal",)}, "pilot: approver_groups drops risk of the stage before"),
        ({"trigger_classes": ()}, "pilot: trigger_classes drops cost of the stage before"),
        ({"requirements": (GOLDEN,)}, "pilot: drops the requirement owner, unlike the stage before"),
        (
            {"requirements": (replace(GOLDEN, proves=frozenset()), OWNER)},
            "pilot: golden-set takes evidence that proves less of the release, unlike the stage before",
        ),
        ({"exit_criteria": (SWIFT,)}, "pilot: drops the exit criterion acceptance, unlike the stage before"),
        (
            {"exit_criteria": (replace(ACCEPTED, at_most=0.2), SWIFT)},
            "pilot: the exit criterion acceptance is easier to meet, unlike the stage before",
        ),
        ({"start": 0}, "pilot: start 0 is not between 1 and the ceiling 2500"),
        ({"start": 2501}, "pilot: start 2501 is not between 1 and the ceiling 2500"),
        ({"ceiling": WHOLE + 1}, "pilot: ceiling 10001 is above 10000, which is everybody"),
        ({"start": 50}, "pilot: the ramp begins with 100, not with the start 50"),
        (
            {"ramp": (Step(share=100), Step(share=2501))},
            "pilot: the ramp ends with 2501, above the ceiling 2500",
        ),
        (
            {"ramp": (Step(share=100), Step(share=100))},
            "pilot: each step of a ramp goes higher than the one before",
        ),
    ],
)
def test_a_plan_with_a_hole_is_refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError) as caught:
        plan(pilot=replace(PILOT, **change))
    assert problem in str(caught.value).split("; ")


def test_all_problems_of_a_plan_are_told_at_once() -> None:
    with pytest.raises(ValueError) as caught:
        plan(
            pilot=replace(PILOT, start=0, approvals=0, requirements=(), ramp=()),
            scaled=replace(SCALED, ceiling=1, ramp=()),
        )
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


def test_a_plan_capped_by_a_feature_never_allows_more_autonomy_and_is_the_same_otherwise() -> None:
    able = replace(SCALED, autonomy=Autonomy.EXECUTE)
    capped = plan(scaled=able).capped(Autonomy.DRAFT)
    assert {step.autonomy for step in capped.stages.values()} == {Autonomy.DRAFT}
    assert replace(capped[Stage.SCALED], autonomy=Autonomy.EXECUTE) == able
    assert plan(scaled=able).capped(Autonomy.EXECUTE) == plan(scaled=able)


# One plan beside another.


def loosened(**change: Any) -> list[str]:
    """In what a plan with another pilot asks for less than the plan."""
    stages = dict(plan().stages) | {Stage.PILOT: replace(PILOT, **change)}
    return [what.removeprefix("pilot: ") for what in plan().loosened_by(_unchecked(stages))]


def _unchecked(stages: dict[Stage, StagePlan]) -> Plan:
    """A plan whose stages are not compared with each other."""
    other = plan()
    object.__setattr__(other, "stages", stages)
    return other


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"ceiling": 2501}, "ceiling is higher"),
        ({"start": 101, "ramp": ()}, "start is higher"),
        ({"autonomy": Autonomy.EXECUTE}, "autonomy goes further"),
        ({"soak_s": 59}, "soak_s is lower"),
        ({"min_samples": 9}, "min_samples is lower"),
        ({"approvals": 1}, "approvals is lower"),
        ({"armed_triggers": 1}, "armed_triggers is lower"),
        ({"planned_s": 59}, "planned_s is lower"),
        ({"release_approvals": 0}, "release_approvals is lower"),
        ({"release_soak_s": 59}, "release_soak_s is lower"),
        ({"release_min_samples": 9}, "release_min_samples is lower"),
        ({"approver_groups": ("legal",)}, "approver_groups drops risk"),
        ({"trigger_classes": ()}, "trigger_classes drops cost"),
        ({"requirements": (OWNER,)}, "drops the requirement golden-set"),
        ({"exit_criteria": (SWIFT,)}, "drops the exit criterion acceptance"),
        (
            {"exit_criteria": (replace(ACCEPTED, measure="abandoned"), SWIFT)},
            "the exit criterion acceptance looks at something else, or at less",
        ),
        (
            {"exit_criteria": (replace(ACCEPTED, window_s=59), SWIFT)},
            "the exit criterion acceptance looks at something else, or at less",
        ),
        (
            {"exit_criteria": (replace(ACCEPTED, min_samples=49), SWIFT)},
            "the exit criterion acceptance is easier to meet",
        ),
        (
            {"exit_criteria": (ACCEPTED, replace(SWIFT, limit=9000))},
            "the exit criterion latency has a higher limit",
        ),
        (
            {"exit_criteria": (ACCEPTED, replace(SWIFT, limit=None))},
            "the exit criterion latency has a higher limit",
        ),
    ],
)
def test_a_plan_that_asks_for_less_is_told_where(change: dict[str, Any], what: str) -> None:
    assert what in loosened(**change)


def test_the_whole_plan_is_compared_too() -> None:
    ours = replace(plan(), good_after_s=60, pinned_models=True)
    assert list(ours.loosened_by(replace(ours, good_after_s=59))) == ["good_after_s is shorter"]
    assert list(ours.loosened_by(replace(ours, pinned_models=False))) == ["models need not be pinned"]
    assert list(plan().loosened_by(ours)) == []


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"start": 50, "ramp": (Step(share=50, hold_s=1), *BETA.ramp)},
        {"soak_s": 61, "approvals": 3, "min_samples": 11, "planned_s": 61, "armed_triggers": 3},
        {"approver_groups": ("legal", "risk"), "trigger_classes": ("latency", "cost")},
        {"exit_criteria": (SWIFT, replace(ACCEPTED, at_most=0.05, min_samples=100, window_s=120))},
        {"autonomy": Autonomy.DRAFT},
    ],
)
def test_a_plan_that_asks_for_more_is_no_looser(change: dict[str, Any]) -> None:
    assert loosened(**change) == []


@pytest.mark.parametrize(
    ("ramp", "expected"),
    [
        ((), ["is quicker", "takes fewer answers", "needs fewer approvals"]),
        ((Step(share=100, hold_s=30, min_samples=20), *BETA.ramp[1:]), ["is quicker"]),
        ((Step(share=100, hold_s=60, min_samples=19), *BETA.ramp[1:]), ["takes fewer answers"]),
        # Slower, and with fewer answers: one does not make up for the other.
        ((Step(share=100, hold_s=600, min_samples=19), *BETA.ramp[1:]), ["takes fewer answers"]),
        ((BETA.ramp[0], Step(share=300, hold_s=60), BETA.ramp[2]), ["needs fewer approvals"]),
        ((BETA.ramp[0], Step(share=300, approvals=1), BETA.ramp[2]), ["is quicker"]),
        ((BETA.ramp[0], Step(share=500, hold_s=600, approvals=1)), ["is quicker"]),
        ((*BETA.ramp, Step(share=2500, approvals=1)), []),
        ((BETA.ramp[0], replace(BETA.ramp[1], hold_s=90), BETA.ramp[2]), []),
    ],
)
def test_a_ramp_is_looser_when_it_reaches_some_share_more_easily(
    ramp: tuple[Step, ...], expected: list[str]
) -> None:
    assert loosened(ramp=ramp) == [f"the ramp {how}" for how in expected]


def test_a_share_above_the_ceiling_is_never_reached_and_so_not_reached_more_easily() -> None:
    low = replace(BETA, ceiling=100, ramp=BETA.ramp[:1])
    assert list(plan().loosened_by(plan(beta=low))) == []


@given(climbs(), climbs())
def test_two_plans_neither_of_which_is_looser_ask_for_the_same(
    one: dict[Stage, StagePlan], other: dict[Stage, StagePlan]
) -> None:
    ours, theirs = _unchecked(one), _unchecked(other)
    assert not list(ours.loosened_by(ours))
    if not list(ours.loosened_by(theirs)) and not list(theirs.loosened_by(ours)):
        for stage in EXPOSED:
            assert {*ours[stage].requirements} == {*theirs[stage].requirements}
            assert replace(ours[stage], requirements=()) == replace(theirs[stage], requirements=())
