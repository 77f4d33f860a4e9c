"""What a trigger remembers, and the windows that follow from it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.triggers.cases import START, at, fresh, trigger_of, triggers
from triggers import Phase, State, Trigger, acknowledge, enter_epoch, redefine, window
from triggers.methods import AnyEvent, Threshold
from triggers.state import not_ahead

INSTANTS = ("epoch_at", "since", "good_since", "rung_at", "read_to")
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
# Hypothesis wants bounds without a time zone and adds one of the zones.
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=ZONES)  # noqa: DTZ001
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["firing", "pending"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
NAMES = ("epoch", "memory", "phase", "rungs", *INSTANTS)


@st.composite
def states(draw: st.DrawFn) -> State:
    """States that a trigger can be in."""
    phase = draw(st.sampled_from(Phase))
    instants: dict[str, Any] = {name: draw(st.none() | MOMENTS) for name in INSTANTS}
    if phase is not Phase.QUIET:
        instants["since"] = draw(MOMENTS)
    memory = tuple(draw(st.lists(st.integers())))
    return State(epoch=draw(st.text()), memory=memory, phase=phase, rungs=draw(st.integers(0, 9)), **instants)


@given(states())
def test_a_state_survives_json(state: State) -> None:
    stored = json.loads(json.dumps(state.to_json(), allow_nan=False))
    assert State.from_json(stored) == state


def test_a_new_state_is_what_an_empty_object_means() -> None:
    assert State.from_json({}) == State()


def test_what_a_later_version_added_is_passed_over() -> None:
    assert State.from_json({"epoch": "r-1", "mood": "cheerful"}) == State(epoch="r-1")


@given(st.dictionaries(st.sampled_from(NAMES), JSON) | JSON)
def test_a_broken_stored_state_raises_value_error_and_nothing_else(stored: Any) -> None:
    try:
        state = State.from_json(stored)
    except ValueError:
        return
    assert State.from_json(json.loads(json.dumps(state.to_json(), allow_nan=False))) == state


@pytest.mark.parametrize(
    "stored",
    [
        None,
        [],
        "quiet",
        {"epoch": None},
        {"epoch": 7},
        {"memory": None},
        {"memory": "123"},
        {"memory": {"1": 2}},
        {"memory": [1.0]},
        {"memory": [float("inf")]},
        {"memory": [True]},
        {"memory": ["1"]},
        {"phase": "asleep"},
        {"phase": None},
        {"phase": []},
        {"rungs": -1},
        {"rungs": 1.5},
        {"rungs": True},
        {"rungs": float("nan")},
        {"rungs": None},
        {"since": "yesterday"},
        {"since": 1_700_000_000},
        {"since": "2026-03-01T12:00:00"},
        {"read_to": ["2026-03-01T12:00:00Z"]},
        {"phase": "firing"},
        {"phase": "pending", "since": None},
    ],
)
def test_what_is_not_a_state_is_refused(stored: Any) -> None:
    with pytest.raises(ValueError):
        State.from_json(stored)


def test_an_instant_without_a_time_zone_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="2026-03-01T12:00:00 has no time zone"):
        State.from_json({"epoch_at": "2026-03-01T12:00:00"})


def test_the_window_is_the_last_seconds_of_the_epoch() -> None:
    trigger = trigger_of(window_s=60)
    assert window(trigger, State(), START).start == at(-60)
    assert window(trigger, fresh(-3600), START).start == at(-60)
    assert window(trigger, fresh(-20), START).start == at(-20)


def test_a_method_that_does_not_add_up_looks_back_the_same_time_whatever_it_read() -> None:
    state = replace(fresh(), read_to=at(-5))
    assert window(trigger_of(window_s=60), state, START).start == at(-60)


def test_windows_to_be_added_up_begin_where_the_last_one_ended() -> None:
    state = replace(fresh(), read_to=at(-500))
    over = window(trigger_of(AnyEvent()), state, START)
    assert (over.start, over.end) == (at(-500), START)


def test_the_first_window_to_be_added_up_begins_with_the_epoch_however_long_ago() -> None:
    assert window(trigger_of(AnyEvent(), window_s=60), fresh(-900), START).start == at(-900)


def test_a_trigger_without_an_epoch_begins_with_one_window() -> None:
    assert window(trigger_of(AnyEvent(), window_s=60), State(), START).start == at(-60)


@given(triggers(), states(), MOMENTS)
def test_a_window_never_reaches_before_the_epoch_nor_beyond_now(
    trigger: Trigger, state: State, now: datetime
) -> None:
    over = window(trigger, state, now)
    assert over.start <= over.end == now
    if state.epoch_at is not None and not trigger.method.across_epochs:
        assert over.start >= state.epoch_at or not over.length


@given(states(), MOMENTS)
def test_after_a_clock_was_set_back_nothing_remembered_lies_ahead(state: State, now: datetime) -> None:
    back = not_ahead(state, now)
    for name in INSTANTS:
        before, after = getattr(state, name), getattr(back, name)
        assert after == (None if before is None else min(before, now))
    assert replace(back, **{name: getattr(state, name) for name in INSTANTS}) == state
    assert State.from_json(back.to_json()) == back


@given(states(), MOMENTS)
def test_a_new_epoch_forgets_memory_but_not_firing(state: State, now: datetime) -> None:
    state = replace(state, epoch=state.epoch or "first")
    entered = enter_epoch(state, state.epoch + "+1", now)
    assert (entered.memory, entered.read_to, entered.good_since) == ((), None, None)
    assert entered.epoch_at == max(now, state.epoch_at or now)
    if state.phase is Phase.FIRING:
        kept = (entered.phase, entered.since, entered.rungs, entered.rung_at)
        assert kept == (Phase.FIRING, state.since, state.rungs, state.rung_at)
    else:
        assert (entered.phase, entered.since) == (Phase.QUIET, None)


@given(MOMENTS)
def test_a_new_trigger_counts_from_when_it_was_made(now: datetime) -> None:
    made = State(epoch_at=START)
    assert enter_epoch(made, "first", now) == replace(made, epoch="first")
    assert enter_epoch(State(), "first", now).epoch_at == now


@given(states(), MOMENTS)
def test_the_same_epoch_changes_nothing(state: State, now: datetime) -> None:
    assert enter_epoch(state, state.epoch, now) is state


@given(states(), MOMENTS)
def test_acknowledging_begins_again_from_now_in_the_same_epoch(state: State, now: datetime) -> None:
    assert acknowledge(state, now) == State(epoch=state.epoch, epoch_at=now, since=now)


@given(states(), MOMENTS)
def test_a_redefined_trigger_counts_from_now_and_goes_on_firing_from_its_first_rung(
    state: State, now: datetime
) -> None:
    redefined = redefine(state, now)
    firing = state.phase is Phase.FIRING
    phase, since = (Phase.FIRING, state.since) if firing else (Phase.QUIET, None)
    assert redefined == State(epoch_at=now, phase=phase, since=since)


def test_nothing_from_before_an_acknowledgement_is_read_again() -> None:
    state = acknowledge(replace(fresh(), read_to=at(-500)), START)
    for method in (AnyEvent(), Threshold(limit=0.1)):
        assert window(trigger_of(method, window_s=60), state, at(10)).start == START
