"""Windows, restarts, other releases and clocks set back: what a trigger knows stays true."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.triggers.cases import (
    MINUTE,
    MISSING,
    START,
    answers,
    at,
    done,
    ended,
    evaluate,
    fresh,
    good,
    happen,
    methods,
    missing,
    readings,
    run,
    rungs,
    sequences,
    trigger_of,
    triggers,
)
from triggers import (
    Action,
    Lack,
    Method,
    Phase,
    Reading,
    State,
    Status,
    Trigger,
    acknowledge,
    enter_epoch,
    escalate,
    step,
    window,
)
from triggers.methods import AnyEvent

REVIEW, REVERT, DISABLE = Action.REVIEW, Action.REVERT, Action.DISABLE
STAIRS = rungs((REVIEW, 0), (REVERT, 900), (DISABLE, 1800))
INSTANTS = ("epoch_at", "since", "good_since", "rung_at", "read_to")


@given(
    st.lists(st.integers(-3500, 4000)),
    st.lists(st.tuples(st.integers(1, 2000), st.none() | st.sampled_from(MISSING)), max_size=12),
    st.integers(1, 3600),
)
def test_every_event_is_counted_exactly_once_whatever_failures_lie_between(
    happened: list[int], evaluations: list[tuple[int, Status | None]], window_s: int
) -> None:
    trigger, state, now = trigger_of(AnyEvent(), window_s=window_s), fresh(-3600), START
    for gap, failure in evaluations:
        now = now + (at(gap) - START)
        over = window(trigger, state, now)
        seen = sum(over.start <= at(event) < over.end for event in happened)
        reading = missing(failure, over) if failure else Reading.count(over, seen)
        state = step(trigger, state, [reading], now).state
        if failure is None:
            assert state.memory == (sum(at(event) < now for event in happened),)
            assert state.read_to == now


def test_a_window_that_told_nothing_is_asked_for_again() -> None:
    trigger = trigger_of(AnyEvent())
    told = step(trigger, fresh(), [Reading.count(MINUTE, 0)], START).state
    failed = step(trigger, told, [missing(over=window(trigger, told, at(60)))], at(60)).state
    assert failed.read_to == START
    assert window(trigger, failed, at(120)).start == START


def act(trigger: Trigger, state: State, name: str, now: datetime, reading: Reading) -> tuple[State, object]:
    """One of the things that can happen to a trigger, and what came of it."""
    if name == "acknowledge":
        return acknowledge(state, now), None
    if name == "epoch":
        return enter_epoch(state, f"{state.epoch}+1", now), None
    if name == "escalate":
        return escalate(trigger, state, now)
    taken = step(trigger, state, answers(trigger, state, now, reading), now)
    return taken.state, taken


@given(
    triggers(),
    st.lists(
        st.tuples(
            st.sampled_from(["read"] * 6 + ["acknowledge", "epoch", "escalate"]),
            st.one_of(st.integers(1, 900), st.integers(-900, 900)),
            readings(),
        ),
        max_size=20,
    ),
)
def test_a_restart_at_any_point_changes_nothing(
    trigger: Trigger, story: list[tuple[str, int, Reading]]
) -> None:
    running, restarted, now = fresh(), fresh(), START
    for name, gap, reading in story:
        now = now + (at(gap) - START)
        restarted = State.from_json(json.loads(json.dumps(restarted.to_json(), allow_nan=False)))
        running, one = act(trigger, running, name, now, reading)
        restarted, other = act(trigger, restarted, name, now, reading)
        assert one == other
        assert running == restarted


@given(triggers(), sequences(), st.integers(1, 10**6), readings())
def test_after_a_clock_was_set_back_nothing_waits_for_it_to_catch_up(
    trigger: Trigger, sequence: list[tuple[int, Reading]], back: int, reading: Reading
) -> None:
    now, state = ended(trigger, fresh(), sequence)
    earlier = now - (at(back) - START)
    over = window(trigger, state, earlier)
    assert over.start <= over.end == earlier
    state = step(trigger, state, answers(trigger, state, earlier, reading), earlier).state
    for name in INSTANTS:
        instant = getattr(state, name)
        assert instant is None or instant <= earlier
    following = window(trigger, state, earlier + (at(1) - START))
    assert following.length.total_seconds() >= 1 or trigger.method.across_epochs


def test_a_hold_time_begun_in_the_future_begins_again() -> None:
    trigger = trigger_of(hold_s=120)
    ahead = run(trigger, fresh(-9000), (3600, "bad"))[-1].state
    steps = run(trigger, ahead, (0, "bad"), (60, "bad"), (120, "bad"))
    assert [taken.state.phase for taken in steps] == [Phase.PENDING, Phase.PENDING, Phase.FIRING]


def test_a_ladder_begun_in_the_future_goes_on() -> None:
    trigger = trigger_of(ladder=STAIRS)
    ahead = run(trigger, fresh(-9000), (3600, "bad"))[-1].state
    assert done(run(trigger, ahead, (0, "bad"), (899, "bad"), (900, "bad"))) == [REVERT]


@given(methods(), sequences(), sequences())
def test_another_release_is_judged_as_if_nothing_had_been_before(
    method: Method, before: list[tuple[int, Reading]], after: list[tuple[int, Reading]]
) -> None:
    trigger = trigger_of(method)
    now, state = ended(trigger, fresh(), before)
    entered = enter_epoch(state, "r-2", now)
    assume(entered.phase is not Phase.FIRING)
    new = enter_epoch(State(), "r-2", now)
    # Whether anything can be seen at all is not about a release, nor is when it acted last.
    kept = {name: getattr(entered, name) for name in ("lack", "lack_since", "lack_told", "acted_at")}
    new = replace(new, **kept)
    assert list(happen(trigger, entered, now, after)) == list(happen(trigger, new, now, after))


def test_a_new_release_neither_gives_sight_back_nor_ends_the_rest_after_acting() -> None:
    blind = replace(fresh(), lack=Lack.STALE, lack_since=START, lack_told=True, acted_at=START)
    entered = enter_epoch(blind, "r-2", at(60))
    assert (entered.lack, entered.lack_since, entered.lack_told) == (Lack.STALE, START, True)
    assert entered.acted_at == START


def test_a_trigger_firing_for_one_release_is_calmed_by_good_readings_of_the_next() -> None:
    trigger = trigger_of(clear_s=60)
    firing = run(trigger, fresh(), (0, "bad"))[-1].state
    entered = enter_epoch(firing, "r-2", at(10))
    steps = run(trigger, entered, (60, "good"), (120, "good"))
    assert [taken.state.phase for taken in steps] == [Phase.FIRING, Phase.QUIET]


def test_a_good_reading_leaves_a_quiet_trigger_as_it_is() -> None:
    state = fresh()
    taken = step(trigger_of(), state, [good()], START)
    assert taken.state == replace(state, memory=(0,), read_to=START)
    blind = replace(taken.state, lack=Lack.NO_DATA, lack_since=at(60))
    assert evaluate(trigger_of(), taken.state, "no_data", at(60)).state == blind
