"""How verdicts move a trigger, and when the rungs of its ladder fall due."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.triggers.cases import (
    MINUTE,
    MISSING,
    START,
    answers,
    at,
    bad,
    done,
    ended,
    fresh,
    happen,
    missing,
    missing_readings,
    readings,
    run,
    sequences,
    trigger_of,
    triggers,
)
from triggers import (
    Action,
    Phase,
    Reading,
    Status,
    Trigger,
    Verdict,
    acknowledge,
    enter_epoch,
    judge,
    step,
)
from triggers.methods import AnyEvent

REVIEW = Action.REVIEW


# Verdicts


@pytest.mark.parametrize("status", MISSING)
def test_a_missing_reading_is_never_judged_by_the_method(status: Status) -> None:
    judged = judge(trigger_of(), replace(fresh(), memory=(1,)), [missing(status)], START)
    assert judged.verdict is (Verdict.INSUFFICIENT if status is Status.NO_DATA else Verdict.SOURCE_ERROR)
    assert judged.memory == (1,)
    assert "it was away" in judged.sentence


def test_no_data_is_explained_even_where_the_source_does_not() -> None:
    judged = judge(trigger_of(), fresh(), [Reading.missing(Status.NO_DATA, MINUTE, "")], START)
    assert judged.sentence == "the source has no data"


def test_a_source_error_is_told_with_its_kind() -> None:
    assert judge(trigger_of(), fresh(), [missing(Status.PARTIAL)], START).sentence == "partial: it was away"


def test_an_old_sample_says_nothing_about_now() -> None:
    trigger = trigger_of(max_staleness_s=300)
    for age, verdict in ((300, Verdict.BREACH), (301, Verdict.STALE)):
        judged = judge(trigger, fresh(), [replace(bad(), newest_sample_at=at(-age))], START)
        assert judged.verdict is verdict


def test_staleness_is_not_looked_at_where_it_is_switched_off_or_unknown() -> None:
    old = replace(bad(), newest_sample_at=at(-(10**6)))
    assert judge(trigger_of(max_staleness_s=0), fresh(), [old], START).verdict is Verdict.BREACH
    assert judge(trigger_of(max_staleness_s=60), fresh(), [bad()], START).verdict is Verdict.BREACH


@given(triggers(), readings())
def test_an_empty_window_tells_nothing(trigger: Trigger, reading: Reading) -> None:
    state = fresh(0)
    assume(not trigger.method.across_epochs)
    taken = step(trigger, state, answers(trigger, state, START, reading), START)
    assert (taken.verdict, taken.state, taken.due) == (Verdict.INSUFFICIENT, state, ())
    assert taken.sentence == "the window is empty"


def test_a_step_carries_the_reasons_of_its_verdict() -> None:
    taken = step(trigger_of(), fresh(), [bad()], START)
    assert taken.sentence.startswith("50 of 100 are bad (50%); the limit is 10%")
    assert taken.numbers["measured"] == 0.5


@given(triggers(), sequences())
def test_every_step_explains_itself_in_finite_numbers(
    trigger: Trigger, sequence: list[tuple[int, Reading]]
) -> None:
    for _, _, taken in happen(trigger, fresh(), START, sequence):
        assert taken.sentence
        assert all(map(math.isfinite, taken.numbers.values()))


# Firing


def test_without_a_hold_time_a_breach_fires_at_once() -> None:
    (taken,) = run(trigger_of(), fresh(), (0, "bad"))
    assert (taken.state.phase, taken.state.since) == (Phase.FIRING, START)
    assert done([taken]) == [REVIEW]


def test_a_breach_has_to_last_for_the_hold_time() -> None:
    steps = run(trigger_of(hold_s=120), fresh(), (0, "bad"), (60, "bad"), (119, "bad"), (120, "bad"))
    assert [taken.state.phase for taken in steps] == [Phase.PENDING] * 3 + [Phase.FIRING]
    assert steps[-1].state.since == at(120)
    assert done(steps) == [REVIEW]


@pytest.mark.parametrize("between", ["good", *MISSING])
def test_anything_but_a_breach_restarts_the_hold_time(between: str) -> None:
    steps = run(
        trigger_of(hold_s=120), fresh(), (0, "bad"), (60, between), (120, "bad"), (239, "bad"), (240, "bad")
    )
    phases = [taken.state.phase for taken in steps]
    assert phases == [Phase.PENDING, Phase.QUIET, Phase.PENDING, Phase.PENDING, Phase.FIRING]
    assert steps[1].state.since == at(60)


@given(triggers(), sequences(), sequences(missing_readings()))
def test_an_outage_neither_fires_a_trigger_nor_calms_it(
    trigger: Trigger, before: list[tuple[int, Reading]], outage: list[tuple[int, Reading]]
) -> None:
    now, was = ended(trigger, fresh(), before)
    for _, _, taken in happen(trigger, was, now, outage):
        assert taken.verdict not in (Verdict.OK, Verdict.BREACH)
        assert taken.due == ()
        assert (taken.state.phase is Phase.FIRING) == (was.phase is Phase.FIRING)
        kept = (taken.state.memory, taken.state.read_to, taken.state.rungs, taken.state.rung_at)
        assert kept == (was.memory, was.read_to, was.rungs, was.rung_at)


@given(triggers(), sequences())
def test_a_trigger_fires_only_after_an_unbroken_breach_of_the_hold_time(
    trigger: Trigger, sequence: list[tuple[int, Reading]]
) -> None:
    began: datetime | None = None
    for now, before, taken in happen(trigger, fresh(), START, sequence):
        began = (began or now) if taken.verdict is Verdict.BREACH else None
        if taken.state.phase is Phase.FIRING and before.phase is not Phase.FIRING:
            assert began is not None
            assert (now - began).total_seconds() >= trigger.hold_s
        if taken.state.phase is not Phase.FIRING and began:
            assert (now - began).total_seconds() < trigger.hold_s


# Calming


def test_good_readings_for_the_clear_time_calm_a_trigger() -> None:
    steps = run(trigger_of(clear_s=120), fresh(), (0, "bad"), (60, "good"), (120, "good"), (180, "good"))
    assert [taken.state.phase for taken in steps] == [Phase.FIRING] * 3 + [Phase.QUIET]
    assert steps[1].state.good_since == at(60)
    last = steps[-1].state
    assert (last.since, last.good_since, last.rungs, last.rung_at) == (at(180), None, 0, None)


@pytest.mark.parametrize("between", ["bad", *MISSING])
def test_anything_but_a_good_reading_restarts_the_clear_time(between: str) -> None:
    happenings = ((0, "bad"), (60, "good"), (120, between), (180, "good"), (240, "good"), (300, "good"))
    steps = run(trigger_of(clear_s=120), fresh(), *happenings)
    assert [taken.state.phase for taken in steps] == [Phase.FIRING] * 5 + [Phase.QUIET]
    assert steps[2].state.good_since is None


def test_without_a_clear_time_one_good_reading_calms() -> None:
    assert run(trigger_of(), fresh(), (0, "bad"), (60, "good"))[-1].state.phase is Phase.QUIET


@given(triggers(), sequences())
def test_a_trigger_calms_only_after_good_readings_for_the_clear_time(
    trigger: Trigger, sequence: list[tuple[int, Reading]]
) -> None:
    good_since: datetime | None = None
    for now, before, taken in happen(trigger, fresh(), START, sequence):
        good_since = (good_since or now) if taken.verdict is Verdict.OK else None
        if before.phase is Phase.FIRING and taken.state.phase is not Phase.FIRING:
            assert good_since is not None
            assert not trigger.latch
            assert (now - good_since).total_seconds() >= trigger.clear_s


@given(triggers(), sequences(), st.booleans())
def test_a_latch_ends_only_when_a_person_acknowledges_it(
    trigger: Trigger, sequence: list[tuple[int, Reading]], new_epoch: bool
) -> None:
    latched = replace(trigger, latch=True)
    state = replace(fresh(), phase=Phase.FIRING, since=START)
    if new_epoch:
        state = enter_epoch(state, "r-2", START)
    for now, _, taken in happen(latched, state, START, sequence):
        assert (taken.state.phase, taken.state.since) == (Phase.FIRING, START)
        assert acknowledge(taken.state, now).phase is Phase.QUIET


def test_after_an_acknowledgement_the_same_trouble_fires_anew() -> None:
    trigger = trigger_of(AnyEvent(), latch=True)
    fired = step(trigger, fresh(), [Reading.count(MINUTE, 1)], START).state
    nothing = [Reading.count(replace(MINUTE, end=at(60)), 0)]
    quiet = step(trigger, acknowledge(fired, at(1)), nothing, at(60)).state
    assert quiet.phase is Phase.QUIET
    again = step(trigger, quiet, [Reading.count(replace(MINUTE, end=at(120)), 1)], at(120))
    assert (again.state.phase, done([again])) == (Phase.FIRING, [REVIEW])
