"""What holds after any sequence of moves, whoever asks for what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from stages import (
    DOWN,
    EXPOSED,
    MOVES,
    NOBODY,
    UNPROTECTED,
    UP,
    WHOLE,
    Autonomy,
    Ends,
    Exposure,
    Mode,
    Plan,
    Refused,
    Request,
    Rollout,
    Row,
    Stage,
    StagePlan,
    make,
)

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
HEIGHT = {stage: height for height, stage in enumerate((Stage.STOPPED, Stage.READINESS, *EXPOSED))}
DARING = {mode: daring for daring, mode in enumerate(Mode)}
DARK = (Stage.READINESS, Stage.STOPPED)
ROWS = set(MOVES)


def plan(*ceilings: int) -> Plan:
    return Plan(
        {
            stage: StagePlan(ceiling=ceiling, start=min(50, ceiling))
            for stage, ceiling in zip(EXPOSED, ceilings, strict=True)
        }
    )


PLANS = (plan(500, 2500, WHOLE), plan(100, 100, 200), plan(1, 5000, 5000).capped(Autonomy.DRAFT), UNPROTECTED)

names = st.frozensets(st.sampled_from(["staff", "partners"]))
exposures = st.builds(
    Exposure,
    share=st.sampled_from([0, 1, 100, 500, 2500, WHOLE]),
    cohorts=names,
    tasks=names,
    autonomy=st.sampled_from(Autonomy),
)
releases = st.sampled_from(["r-1", "r-2", "r-3"])
shares = st.sampled_from([1, 500, WHOLE - 1])
holds = st.sampled_from(["person", "trigger:cost"])

wild_requests = st.builds(
    Request,
    move=st.sampled_from([*sorted(UP | DOWN), "launch"]),
    stage=st.none() | st.sampled_from(Stage),
    mode=st.none() | st.sampled_from(Mode),
    exposure=st.none() | exposures,
    release=st.none() | releases,
    share=st.none() | st.integers(-1, WHOLE + 1),
    hold=holds,
)


def ends_of(before: Rollout, after: Rollout) -> Ends:
    return Ends(before.stage, after.stage, before.mode, after.mode)


class AnyOrder(RuleBasedStateMachine):
    """A feature whose people and triggers ask for anything at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.plan = PLANS[0]
        self.rollout = Rollout(feature="claims-assistant", environment="production", stage_since=NOW)
        self.live_s = 0

    def ask(self, request: Request) -> None:
        before = self.rollout
        self.now += timedelta(minutes=1)
        lived = self.live_s + (60 if before.is_live else 0)
        try:
            self.rollout = make(before, request, self.plan, self.now)
        except Refused as refused:
            reasons = refused.refusals
        else:
            self.check(before, request, self.rollout)
            self.live_s = lived if self.rollout.stage is before.stage else 0
            return
        self.live_s = lived
        assert reasons
        assert all(reason.message and reason.remedy and reason.code for reason in reasons)

    def check(self, before: Rollout, request: Request, after: Rollout) -> None:
        ends = ends_of(before, after)
        assert Row(request.move, ends) in ROWS
        assert request.stage in (None, after.stage)
        assert request.mode in (None, after.mode)
        assert after.version == before.version + 1
        assert after.stage_since == (self.now if after.stage is not before.stage else before.stage_since)
        assert (after.feature, after.environment, after.review) == (
            before.feature,
            before.environment,
            before.review,
        )
        assert HEIGHT[after.stage] <= HEIGHT[before.stage] + 1
        if request.move in DOWN:
            assert_nothing_rose(before, after)
        else:
            self.check_way_up(before, request, after)

    def check_way_up(self, before: Rollout, request: Request, after: Rollout) -> None:
        assert request.move == "resume" or not before.holds
        assert request.move in {"promote", "revive"} or after.stage is before.stage
        if request.move in {"promote", "widen", "advance", "resume"} and after.stage in EXPOSED:
            assert after.exposure.share <= self.plan[after.stage].ceiling
            assert not after.exposure.autonomy.exceeds(self.plan[after.stage].autonomy)
        if request.move not in {"promote", "widen", "advance"}:
            assert after.exposure == before.exposure
        if request.move == "adopt":
            assert (after.stable, after.previous) == (before.candidate, before.stable)

    # Anything at all, and then what makes sense, so that the far ends of the table are reached too.

    @rule(request=wild_requests)
    def ask_for_anything(self, request: Request) -> None:
        self.ask(request)

    @rule(move=st.sampled_from(["promote", "promote", "promote", "resume", "adopt", "revert", "revive"]))
    def ask_plainly(self, move: str) -> None:
        self.ask(Request(move=move))

    @rule(move=st.sampled_from(["hold", "review", "disable", "demote", "stop"]), hold=holds)
    def go_down(self, move: str, hold: str) -> None:
        self.ask(Request(move=move, hold=hold))

    @rule(release=releases, share=shares)
    def introduce(self, release: str, share: int) -> None:
        self.ask(Request(move="introduce", release=release, share=share))

    @rule(move=st.sampled_from(["widen", "advance", "narrow", "promote"]), exposure=exposures)
    def expose(self, move: str, exposure: Exposure) -> None:
        self.ask(Request(move=move, exposure=exposure))

    @precondition(lambda self: self.rollout.stage is Stage.STOPPED)
    @rule()
    def start_again(self) -> None:
        self.ask(Request(move="resume"))
        self.ask(Request(move="revive"))
        assert self.rollout.stage is Stage.READINESS

    @rule(plan=st.sampled_from(PLANS))
    def change_the_plan(self, plan: Plan) -> None:
        self.plan = plan

    # What always holds.

    @invariant()
    def nobody_is_exposed_before_the_beginning_or_after_the_end(self) -> None:
        if self.rollout.stage in DARK:
            assert (self.rollout.mode, self.rollout.exposure) == (Mode.OFF, NOBODY)

    @invariant()
    def nobody_is_exposed_without_a_stable_release(self) -> None:
        if self.rollout.stage in EXPOSED:
            assert self.rollout.stable is not None

    @invariant()
    def exactly_the_time_spent_live_in_this_stage_counts(self) -> None:
        if self.rollout.stage in EXPOSED:
            assert self.rollout.soaked_s(self.now) == self.live_s

    @invariant()
    def only_a_stopped_feature_has_a_replacement(self) -> None:
        assert (self.rollout.replacement is not None) == (self.rollout.stage is Stage.STOPPED)

    @invariant()
    def a_candidate_has_a_share_and_no_candidate_has_none(self) -> None:
        rollout = self.rollout
        assert (rollout.candidate_share == 0) == (rollout.candidate is None)
        assert 0 <= rollout.candidate_share < WHOLE
        assert rollout.candidate is None or (rollout.stage in EXPOSED and rollout.candidate != rollout.stable)

    @invariant()
    def a_way_back_leads_somewhere_else(self) -> None:
        assert self.rollout.previous is None or self.rollout.previous != self.rollout.stable

    @invariant()
    def every_way_down_is_open(self) -> None:
        here = (self.rollout.stage, self.rollout.mode)
        moves = [
            row for row in MOVES if row.move in DOWN and (row.ends.from_stage, row.ends.from_mode) == here
        ]
        assert "disable" in {row.move for row in moves}
        for row in moves:
            for request in self.ways_to_ask(row):
                after = make(self.rollout, request, UNPROTECTED, self.now)
                assert ends_of(self.rollout, after) == row.ends
                assert_nothing_rose(self.rollout, after)

    def ways_to_ask(self, row: Row) -> list[Request]:
        """The requests for a way down that need nothing but a place to go down to."""
        plain = Request(move=row.move, stage=row.ends.to_stage, mode=row.ends.to_mode)
        if row.move == "narrow":
            half = replace(self.rollout.exposure, share=self.rollout.exposure.share // 2)
            return [replace(plain, exposure=exposure) for exposure in (NOBODY, half, self.rollout.exposure)]
        if row.move == "revert" and self.rollout.candidate is None and self.rollout.previous is None:
            return []
        return [plain]


def assert_nothing_rose(before: Rollout, after: Rollout) -> None:
    assert HEIGHT[after.stage] <= HEIGHT[before.stage]
    assert DARING[after.mode] <= DARING[before.mode]
    assert after.exposure.is_within(before.exposure)
    assert not after.exposure.autonomy.exceeds(before.exposure.autonomy)
    assert after.candidate_share <= before.candidate_share
    assert set(after.serves) <= {*before.serves, before.previous}
    assert after.holds >= before.holds


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
