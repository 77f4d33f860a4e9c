"""What holds of a ramp whatever happens to its feature, and whenever somebody looks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from stages import (
    Plan,
    Ramp,
    RampState,
    Refused,
    Request,
    Rollout,
    Stage,
    Step,
    advance_to,
    after_move,
    approve_step,
    count_on,
    make,
    next_step,
    start_ramp,
)
from tests.stages.climbing import ADA, BOB, GAP, NOW, SEEING, case_of, plan_of, rollout_of

CEILING = 5000
ramps = st.lists(st.integers(1, CEILING), min_size=2, max_size=5, unique=True).flatmap(
    lambda shares: st.tuples(
        *(
            st.builds(
                Step,
                share=st.just(share),
                hold_s=st.integers(0, 40),
                min_samples=st.integers(0, 3),
                approvals=st.integers(0, 1),
            )
            for share in sorted(shares)
        )
    )
)


class AnyOrder(RuleBasedStateMachine):
    """A feature on a ramp, with people, triggers, outages and several workers around it."""

    plan: Plan
    rollout: Rollout
    ramp: Ramp

    @initialize(steps=ramps, part=st.integers(1, 100))
    def begin(self, steps: tuple[Step, ...], part: int) -> None:
        self.now = NOW
        self.plan = plan_of(steps)
        self.steps = steps
        self.rollout = rollout_of(max(1, steps[0].share * part // 100))
        self.ramp = start_ramp(self.rollout, ADA, NOW)
        self.answers = 0
        self.blind = False
        self.firing = False
        self.well_at_last_pass = False
        self.could_have_earned = timedelta(0)

    @rule(seconds=st.integers(0, 30))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(hours=st.integers(1, 100))
    def nobody_looks_for_hours(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(answers=st.integers(1, 3))
    def answers_are_given(self, answers: int) -> None:
        self.answers += answers

    @rule(blind=st.booleans(), firing=st.booleans())
    def a_trigger_changes_its_mind(self, blind: bool, firing: bool) -> None:
        self.blind, self.firing = blind, firing

    @precondition(lambda self: self.ramp.state is RampState.RUNNING)
    @rule()
    def somebody_looks(self) -> None:
        before, share = self.ramp, self.rollout.exposure.share
        following = next_step(self.steps, share)
        if following is None:
            self.ramp = replace(self.ramp, state=RampState.FINISHED)
            return
        current = before.of(self.rollout, self.now)
        if current != before:
            self.answers, self.could_have_earned = 0, timedelta(0)
        counted, footing = count_on(current, self.case(), self.plan, self.answers, self.now, GAP)
        gained = counted.credit.earned - current.credit.earned
        assert timedelta(0) <= gained <= GAP, "an outage counts as one gap at most, and nothing is ever lost"
        assert not gained or (current.credit.held and not footing.pauses)
        assert not gained or not (self.blind or self.firing)
        self.could_have_earned += gained
        assert counted.credit.earned == self.could_have_earned
        if not footing.is_due:
            self.ramp = counted
            return
        self.take(footing.step, following, counted)

    def take(self, step: Step, following: Step, counted: Ramp) -> None:
        before = self.rollout
        assert not self.blind
        assert not self.firing
        assert self.could_have_earned >= timedelta(seconds=step.hold_s)
        assert self.answers >= step.min_samples
        self.rollout = make(before, advance_to(before, following), self.plan, self.now)
        assert self.rollout.exposure.share == following.share
        assert not any(before.exposure.share < each.share < following.share for each in self.steps)
        assert self.rollout.stage is before.stage
        self.ramp = counted.anew(self.rollout.stable, self.now)
        self.answers, self.could_have_earned = 0, timedelta(0)
        # Whoever looks at the same moment finds nothing earned: a step with a time to hold is never skipped.
        again = next_step(self.steps, following.share)
        if again and present(self.steps, following.share).hold_s:
            _, footing = count_on(self.ramp, self.case(), self.plan, 100, self.now, GAP)
            assert not footing.is_due

    @precondition(lambda self: next_step(self.steps, self.rollout.exposure.share))
    @rule()
    def bob_approves(self) -> None:
        try:
            self.ramp = approve_step(
                self.ramp.of(self.rollout, self.now), self.case(), self.plan[Stage.BETA], BOB
            )
        except Refused:
            return
        if self.ramp.credit.earned == timedelta(0):
            self.could_have_earned = timedelta(0)

    @precondition(lambda self: self.ramp.state is RampState.RUNNING)
    @rule()
    def a_person_pauses(self) -> None:
        earned = self.ramp.credit.earned
        self.ramp = self.ramp.paused("paused by user:bob")
        assert self.ramp.credit.earned == earned

    @precondition(lambda self: self.ramp.state is RampState.PAUSED)
    @rule()
    def a_person_lets_it_go_on(self) -> None:
        earned = self.ramp.credit.earned
        self.ramp = self.ramp.resumed()
        assert self.ramp.credit.earned == earned

    @rule(
        move=st.sampled_from(["narrow", "widen", "hold", "review", "introduce", "adopt", "revert", "resume"]),
        share=st.integers(0, CEILING),
        by=st.sampled_from([BOB, "trigger:errors"]),
    )
    def somebody_moves_the_feature(self, move: str, share: int, by: str) -> None:
        exposure = replace(self.rollout.exposure, share=share)
        request = Request(move=move, exposure=exposure, release="r-2", share=100)
        try:
            self.rollout = make(self.rollout, request, self.plan, self.now)
        except Refused:
            return
        before = self.ramp
        self.ramp = after_move(before, move, by)
        if move not in ("introduce", "adopt", "resume"):
            assert self.ramp.state is RampState.OFF
        assert before.state is not RampState.OFF or self.ramp.state is RampState.OFF, "off stays off"

    @precondition(lambda self: self.ramp.state is RampState.OFF)
    @rule()
    def a_person_starts_it_again(self) -> None:
        self.ramp = start_ramp(self.rollout, BOB, self.now)
        self.answers, self.could_have_earned = 0, timedelta(0)

    @invariant()
    def nobody_is_above_the_ceiling(self) -> None:
        if hasattr(self, "rollout"):
            assert self.rollout.exposure.share <= CEILING

    def case(self):
        watch = replace(SEEING, blind=self.blind, firing=self.firing)
        return case_of(self.rollout, watches=(watch,))


def present(steps: tuple[Step, ...], share: int) -> Step:
    return [step for step in steps if step.share <= share][-1]


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
