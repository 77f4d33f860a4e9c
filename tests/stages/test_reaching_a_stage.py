"""Nothing is reached without what its plan asks for, and the way down is always open."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from stages import (
    DOWN,
    EXPOSED,
    NOBODY,
    UNPROTECTED,
    Artifact,
    Case,
    Criterion,
    Gate,
    Missed,
    Mode,
    Part,
    Plan,
    Refused,
    Request,
    Requirement,
    Rollout,
    Stage,
    StagePlan,
    Threshold,
    check_promotion,
    make,
)
from tests.stages.answers import NOW, approved, full_case, good, handed_in, watches_for

RECORD = Requirement(
    key="owner", gate=Gate.BUSINESS_FIT, title="Owner", artifact=Artifact.RECORD, fields=("owner",)
)
BRIEF = Requirement(key="brief", gate=Gate.BUSINESS_FIT, title="Brief")
GOLDEN = Requirement(
    key="golden",
    gate=Gate.EVALUATION,
    title="Golden set",
    artifact=Artifact.EVAL_REPORT,
    proves=frozenset({Part.PROMPT}),
    threshold=Threshold(metric="pass_rate", at_least=0.9),
    min_samples=50,
    layers=("edge",),
)
LEAKS = replace(GOLDEN, key="leaks", threshold=Threshold(metric="leaks", at_most=0.01), layers=())
DRILL = Requirement(
    key="drill", gate=Gate.OPERATIONS, title="Drill", artifact=Artifact.DRILL, proves=frozenset(Part)
)
GLOSSARY = Requirement(key="glossary", gate=Gate.EVALUATION, title="Glossary", missed=Missed.REMIND)
NEEDS = (RECORD, BRIEF, GLOSSARY, GOLDEN, LEAKS, DRILL)
CRITERIA = (
    Criterion(key="rejected", title="Accepted", measure="rejected", at_most=0.1, min_samples=5, window_s=60),
    Criterion(key="quiet", title="Quiet", measure="automatic_actions", window_s=60),
    Criterion(key="business", title="It pays", measure="business_metric", window_s=0),
)
CLASSES = ("cost", "latency", "sensitive_data")


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Three stages, each of which asks for all that the one before asks for, and perhaps for more."""
    needs, criteria, classes, groups, stages = 0, 0, 0, 0, {}
    soak = approvals = samples = spare = 0
    for stage, ceiling in zip(EXPOSED, (500, 2500, 10_000), strict=True):
        needs = draw(st.integers(needs, len(NEEDS)))
        criteria = draw(st.integers(criteria, len(CRITERIA)))
        classes = draw(st.integers(classes, len(CLASSES)))
        approvals = draw(st.integers(approvals, 3))
        groups = draw(st.integers(groups, min(1, approvals)))
        soak, samples, spare = (draw(st.integers(least, least + 2)) for least in (soak, samples, spare))
        stages[stage] = StagePlan(
            ceiling=ceiling,
            start=1,
            soak_s=soak,
            min_samples=samples,
            approvals=approvals,
            approver_groups=("risk",)[:groups],
            armed_triggers=classes + spare,
            trigger_classes=CLASSES[:classes],
            requirements=NEEDS[:needs],
            exit_criteria=CRITERIA[:criteria],
        )
    return Plan(stages)


Take = Callable[[Case], Case]


def lacking(plan: Plan, stage: Stage) -> list[tuple[str, Take]]:
    """Each thing that can be taken from a case that has everything: the refusal, and how to take it."""
    step = plan[stage]
    things: list[tuple[str, Take]] = [
        (f"evidence_missing {need.key}", partial(without_answer, key=need.key))
        for need in step.requirements
        if need.missed is not Missed.REMIND
    ]
    if stage is not Stage.BETA:
        before = plan[EXPOSED[EXPOSED.index(stage) - 1]]
        things += [
            (f"criterion_unmeasured {each.key}", partial(without_measure, key=each.key))
            for each in before.exit_criteria
        ]
        things += [("samples_missing answers", partial(replace, answers=step.min_samples - 1))][
            : step.min_samples
        ]
    things += [("soaking ", too_young)][: step.soak_s]
    if len(step.trigger_classes) == step.armed_triggers:
        return things
    return [*things, ("triggers_missing triggers", one_trigger_less)]


def without_answer(case: Case, key: str) -> Case:
    if key == RECORD.key:
        return replace(case, subject=replace(case.subject, filled=frozenset()))
    return replace(case, evidence=tuple(item for item in case.evidence if item.requirement != key))


def without_measure(case: Case, key: str) -> Case:
    return replace(case, measured={name: found for name, found in case.measured.items() if name != key})


def too_young(case: Case) -> Case:
    def younger(rollout: Rollout) -> Rollout:
        second = timedelta(seconds=1)
        live_since = rollout.live_since and rollout.live_since + second
        return replace(rollout, stage_since=rollout.stage_since + second, live_since=live_since)

    return replace(case, rollout=younger(case.rollout))


def one_trigger_less(case: Case) -> Case:
    return replace(case, watches=case.watches[:-1])


def told(case: Case, plan: Plan) -> list[str]:
    return [f"{refusal.code} {refusal.field}" for refusal in check_promotion(case, plan, NOW)]


@given(plans(), st.sampled_from(EXPOSED), st.data())
@settings(max_examples=150, deadline=None)
def test_exactly_what_is_lacking_is_told(plan: Plan, stage: Stage, data: st.DataObject) -> None:
    case = full_case(plan, stage)
    assert told(approved(case, plan), plan) == []
    things = lacking(plan, stage)
    taken = data.draw(st.lists(st.sampled_from(things), unique=True) if things else st.just([]))
    if data.draw(st.booleans(), label="lacks what it is only reminded of"):
        case = without_answer(case, GLOSSARY.key)
    for _, take in taken:
        case = take(case)
    assert sorted(told(approved(case, plan), plan)) == sorted(name for name, _ in taken)


@given(plans(), st.sampled_from(EXPOSED), st.data())
@settings(max_examples=50, deadline=None)
def test_no_class_no_approval_and_no_group_can_be_left_out(
    plan: Plan, stage: Stage, data: st.DataObject
) -> None:
    case, step = full_case(plan, stage), plan[stage]
    for watch in case.watches:
        rest = replace(case, watches=tuple(each for each in case.watches if each != watch))
        expected = ["triggers_missing triggers"]
        expected += ["trigger_class_missing triggers"] if watch.trigger_class else []
        assert told(approved(rest, plan), plan) == expected
    fewer = data.draw(st.integers(0, max(0, step.approvals - 1)))
    if step.approvals:
        assert "approvals_missing approvals" in told(approved(case, plan, people=fewer), plan)
    strangers = approved(case, plan, groups=())
    assert told(strangers, plan) == ["approvals_missing approvals"] * len(step.approver_groups)


class AnyLife(RuleBasedStateMachine):
    """A feature whose evidence comes and goes, whose releases change, and who asks for the next stage at any time."""

    @initialize(plan=plans())
    def begin(self, plan: Plan) -> None:
        self.plan, self.now = plan, NOW
        self.rollout = Rollout(feature="claims", environment="production", stable="r-1", stage_since=NOW)
        self.shown: set[str] = set()
        self.armed = self.answers = self.people = 0
        self.measured: set[str] = set()

    @rule(needs=st.sets(st.sampled_from([need.key for need in NEEDS])))
    def show(self, needs: set[str]) -> None:
        self.shown = needs

    @rule()
    def show_everything(self) -> None:
        self.shown = {need.key for need in NEEDS}
        self.measured = {each.key for each in CRITERIA}
        self.armed, self.answers, self.people = 9, 9, 3

    @rule(armed=st.integers(0, 9), answers=st.integers(0, 9), people=st.integers(0, 3))
    def have(self, armed: int, answers: int, people: int) -> None:
        self.armed, self.answers, self.people = armed, answers, people

    @rule(seconds=st.integers(0, 9))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(move=st.sampled_from(["review", "disable", "resume", "demote", "stop", "revive"]))
    def move(self, move: str) -> None:
        with suppress(Refused):
            self.rollout = make(self.rollout, Request(move=move), self.plan, self.now)

    @rule()
    def ask(self) -> None:
        case = self.case()
        if check_promotion(case, self.plan, self.now):
            return
        before = self.rollout
        self.rollout = make(before, case.request, self.plan, self.now)
        step = self.plan[self.rollout.stage]
        assert {need.key for need in step.requirements} <= self.shown
        assert self.armed >= step.armed_triggers
        assert self.people >= step.approvals
        assert before.soaked_s(self.now) >= step.soak_s
        assert self.rollout.exposure.share <= step.ceiling
        if before.stage in EXPOSED:
            assert self.answers >= step.min_samples
            assert {each.key for each in self.plan[before.stage].exit_criteria} <= self.measured

    def case(self) -> Case:
        classes = StagePlan(ceiling=1, start=1, trigger_classes=CLASSES, armed_triggers=9)
        case = Case(
            rollout=self.rollout,
            request=Request(move="promote"),
            requester="olga",
            subject=replace(
                full_case(self.plan, Stage.BETA).subject, filled=frozenset({"owner"} & self.shown)
            ),
            evidence=handed_in(need for need in NEEDS if need.key in self.shown),
            watches=watches_for(classes)[: self.armed],
            measured={each.key: good(each) for each in CRITERIA if each.key in self.measured},
            answers=self.answers,
        )
        if self.rollout.stage is Stage.SCALED or self.rollout.stage is Stage.STOPPED:
            return case
        arrival = EXPOSED[[Stage.READINESS, *EXPOSED].index(self.rollout.stage)]
        asked = replace(case, request=Request(move="promote", stage=arrival))
        return approved(asked, self.plan, groups=("risk",), people=self.people)

    @invariant()
    def every_way_down_is_open_whatever_is_missing(self) -> None:
        for move in ("hold", "narrow", "review", "disable", "demote", "stop"):
            possible = self.rollout.stage in EXPOSED and not (
                move == "review" and self.rollout.mode is Mode.OFF
            )
            if possible:
                request = Request(move=move, exposure=NOBODY)
                make(self.rollout, request, self.plan, self.now)
        dark = make(self.rollout, Request(move="disable"), self.plan, self.now)
        assert dark.mode is Mode.OFF


TestAnyLife = AnyLife.TestCase
TestAnyLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize("stage", EXPOSED)
@pytest.mark.parametrize("move", sorted(DOWN - {"revert"}))
def test_a_plan_that_asks_for_more_than_there_is_keeps_nothing_from_going_down(
    stage: Stage, move: str
) -> None:
    strict = Plan(dict.fromkeys(EXPOSED, StagePlan(ceiling=1, start=1, requirements=NEEDS, approvals=9)))
    rollout = replace(full_case(UNPROTECTED, Stage.SCALED).rollout, stage=stage)
    after = make(rollout, Request(move=move, exposure=NOBODY), strict, NOW)
    assert after.version == rollout.version + 1
