"""When the rungs of a ladder fall due."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.triggers.cases import (
    START,
    at,
    bad,
    done,
    fresh,
    happen,
    run,
    rungs,
    sequences,
    trigger_of,
    triggers,
)
from triggers import (
    Action,
    Phase,
    Reading,
    Rung,
    Trigger,
    Verdict,
    escalate,
    step,
)

REVIEW, REVERT, DISABLE = Action.REVIEW, Action.REVERT, Action.DISABLE
STAIRS = rungs((REVIEW, 0), (REVERT, 900), (DISABLE, 1800))


def test_rungs_fall_due_one_after_another_while_the_breach_lasts() -> None:
    happenings = [(minute * 60, "bad") for minute in range(40)]
    steps = run(trigger_of(ladder=STAIRS), fresh(), *happenings)
    taken_at = {index * 60: done([taken]) for index, taken in enumerate(steps) if taken.due}
    assert taken_at == {0: [REVIEW], 900: [REVERT], 1800: [DISABLE]}


def test_rungs_with_the_same_waiting_time_fall_due_together() -> None:
    ladder = rungs((Action.NOTIFY, 0), (REVIEW, 0), (REVERT, 60), (DISABLE, 60))
    steps = run(trigger_of(ladder=ladder), fresh(), (0, "bad"), (60, "bad"), (120, "bad"))
    assert [done([taken]) for taken in steps] == [[Action.NOTIFY, REVIEW], [REVERT, DISABLE], []]


def test_the_first_rung_may_wait() -> None:
    steps = run(trigger_of(ladder=rungs((REVIEW, 90))), fresh(), (0, "bad"), (60, "bad"), (90, "bad"))
    assert [done([taken]) for taken in steps] == [[], [], [REVIEW]]


def test_a_good_reading_and_an_outage_do_not_climb() -> None:
    steps = run(trigger_of(ladder=STAIRS, clear_s=3600), fresh(), (0, "bad"), (1000, "good"), (1100, "error"))
    assert done(steps) == [REVIEW]
    assert done(run(trigger_of(ladder=STAIRS), steps[-1].state, (1200, "bad"))) == [REVERT]


def test_after_a_pause_the_ladder_goes_on_where_it_was_and_not_in_a_burst() -> None:
    happenings = [(0, "bad"), *((86_400 + minute * 60, "bad") for minute in range(20))]
    steps = run(trigger_of(ladder=STAIRS), fresh(), *happenings)
    assert done(steps[:2]) == [REVIEW, REVERT]
    taken_at = [seconds for (seconds, _), taken in zip(happenings, steps, strict=True) if taken.due]
    assert taken_at == [0, 86_400, 86_400 + 900]


def test_a_trigger_without_a_ladder_fires_and_does_nothing() -> None:
    (taken,) = run(trigger_of(ladder=()), fresh(), (0, "bad"))
    assert (taken.state.phase, taken.due) == (Phase.FIRING, ())


def test_a_ladder_that_became_shorter_while_firing_is_at_its_end() -> None:
    state = replace(fresh(), phase=Phase.FIRING, since=at(-9000), rungs=3, rung_at=at(-8000))
    taken = step(trigger_of(), state, [bad()], START)
    assert (taken.due, taken.state.rungs) == ((), 3)


@given(triggers(), sequences(), st.lists(st.booleans(), min_size=25, max_size=25))
def test_a_rung_is_taken_at_most_once_per_firing_and_in_order(
    trigger: Trigger, sequence: list[tuple[int, Reading]], failing: list[bool]
) -> None:
    state, now = fresh(), START
    climbed: tuple[Rung, ...] = ()
    for (gap, reading), fails in zip(sequence, failing, strict=False):
        ((now, before, taken),) = happen(trigger, state, now, [(gap, reading)])
        state, due = taken.state, taken.due
        if state.phase is not before.phase:
            climbed = ()
        if due and fails:
            state, more = escalate(trigger, state, now)
            due += more
        climbed += due
        assert climbed == trigger.ladder[: len(climbed)]
        assert state.rungs == len(climbed)


@given(triggers(), sequences())
def test_a_ladder_never_runs_up_in_a_burst(trigger: Trigger, sequence: list[tuple[int, Reading]]) -> None:
    reached, reached_at = 0, START
    for now, before, taken in happen(trigger, fresh(), START, sequence):
        if before.phase is not Phase.FIRING:
            reached, reached_at = 0, now
        if taken.due:
            assert taken.verdict is Verdict.BREACH
            assert taken.state.phase is Phase.FIRING
            (wait,) = {rung.after_s for rung in taken.due}
            assert (now - reached_at).total_seconds() >= wait - reached
            reached, reached_at = wait, now


def test_what_could_not_be_carried_out_is_replaced_by_the_next_rungs_at_once() -> None:
    trigger = trigger_of(ladder=STAIRS)
    (taken,) = run(trigger, fresh(), (0, "bad"))
    state, due = escalate(trigger, taken.state, at(1))
    assert [rung.do for rung in due] == [REVERT]
    assert (state.rungs, state.rung_at) == (2, at(1))
    steps = run(trigger, state, (900, "bad"), (901, "bad"))
    assert [done([later]) for later in steps] == [[], [DISABLE]]


def test_at_the_end_of_the_ladder_there_is_nothing_left_to_escalate_to() -> None:
    (taken,) = run(trigger_of(), fresh(), (0, "bad"))
    assert escalate(trigger_of(), taken.state, START) == (taken.state, ())


@pytest.mark.parametrize("phase", [Phase.QUIET, Phase.PENDING])
def test_a_trigger_that_does_not_fire_does_not_escalate(phase: Phase) -> None:
    state = replace(fresh(), phase=phase, since=START)
    assert escalate(trigger_of(), state, START) == (state, ())


def test_a_ladder_begins_anew_only_when_what_was_done_before_had_time_to_take_effect() -> None:
    trigger = trigger_of(ladder=rungs((REVIEW, 0), (DISABLE, 30)), cooldown_s=100)
    happened = [(0, "bad"), (10, "good"), (20, "bad"), (60, "bad"), (99, "bad"), (100, "bad"), (130, "bad")]
    steps = run(trigger, fresh(), *happened)
    assert [done([one]) for one in steps] == [[REVIEW], [], [], [], [], [REVIEW], [DISABLE]]
    assert [one.state.phase for one in steps[2:]] == [Phase.FIRING] * 5


def test_a_cooldown_does_not_slow_the_ladder_it_follows() -> None:
    trigger = trigger_of(ladder=STAIRS, cooldown_s=10_000)
    steps = run(trigger, fresh(), (0, "bad"), (900, "bad"), (1800, "bad"))
    assert [done([one]) for one in steps] == [[REVIEW], [REVERT], [DISABLE]]
