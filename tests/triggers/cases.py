"""Triggers, readings and times to test with, and the hypothesis strategies that make many of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from hypothesis import strategies as st

from triggers import (
    Action,
    Method,
    Reading,
    Rung,
    State,
    Status,
    Step,
    Trigger,
    Window,
    asks,
    enter_epoch,
    step,
    window,
)
from triggers.methods import AnyEvent, Budget, BurnRate, Evidence, EvidenceCusum, Threshold

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MISSING = (Status.NO_DATA, Status.PARTIAL, Status.INVALID, Status.ERROR)
MINUTE = Window(START - timedelta(seconds=60), START)


def at(seconds: float) -> datetime:
    """So many seconds after the start of the test's world."""
    return START + timedelta(seconds=seconds)


def rungs(*steps: tuple[Action, int]) -> tuple[Rung, ...]:
    """A ladder."""
    return tuple(Rung(do, after_s) for do, after_s in steps)


DISABLE_LATER = rungs((Action.REVIEW, 0), (Action.DISABLE, 180))


def trigger_of(method: Method | None = None, **parts: Any) -> Trigger:
    """A trigger that acts at once when more than one answer in ten is bad, unless told otherwise."""
    parts = {"window_s": 60, "interval_s": 60, "ladder": rungs((Action.REVIEW, 0)), **parts}
    return Trigger(key="too-bad", method=method or Threshold(limit=0.1), **parts)


def fresh(seconds: float = -3600) -> State:
    """The state of a trigger that began to watch a release then; an hour ago unless told otherwise."""
    return enter_epoch(State(), "r-1", at(seconds))


def bad(over: Window = MINUTE) -> Reading:
    """Half of the answers were bad."""
    return Reading.ratio(over, 50, 100)


def good(over: Window = MINUTE) -> Reading:
    """All answers were good."""
    return Reading.ratio(over, 0, 100)


def missing(status: Status = Status.ERROR, over: Window = MINUTE) -> Reading:
    """The source gave no numbers."""
    return Reading.missing(status, over, "it was away")


def run(trigger: Trigger, state: State, *happenings: tuple[float, str]) -> list[Step]:
    """Evaluate at the given seconds; each reading is named "bad", "good" or by its status."""
    steps: list[Step] = []
    for seconds, name in happenings:
        taken = evaluate(trigger, state, name, at(seconds))
        steps.append(taken)
        state = taken.state
    return steps


def evaluate(trigger: Trigger, state: State, name: str, now: datetime) -> Step:
    """One evaluation as a caller does it: ask for the window, read, step."""
    over = window(trigger, state, now)
    named = {"bad": bad, "good": good}
    reading = named[name](over) if name in named else missing(Status(name), over)
    return step(trigger, state, [reading], now)


def answers(trigger: Trigger, state: State, now: datetime, reading: Reading) -> list[Reading]:
    """The same reading in answer to every question of an evaluation."""
    return [replace(reading, window=ask.window) for ask in asks(trigger, state, now)]


def done(steps: Iterable[Step]) -> list[Action]:
    """Every action that fell due, in order."""
    return [rung.do for taken in steps for rung in taken.due]


def happen(
    trigger: Trigger, state: State, now: datetime, sequence: Iterable[tuple[int, Reading]]
) -> Iterator[tuple[datetime, State, Step]]:
    """Evaluate a sequence; yields the time, the state before, and the step."""
    for gap, reading in sequence:
        now = now + (at(gap) - START)
        taken = step(trigger, state, answers(trigger, state, now, reading), now)
        yield now, state, taken
        state = taken.state


def ended(trigger: Trigger, state: State, sequence: Iterable[tuple[int, Reading]]) -> tuple[datetime, State]:
    """The time and the state at the end of a sequence."""
    moment = START
    for now, _, taken in happen(trigger, state, START, sequence):
        moment, state = now, taken.state
    return moment, state


def ladders() -> st.SearchStrategy[tuple[Rung, ...]]:
    """Ladders in order, some of whose rungs wait equally long."""
    gaps = st.lists(st.sampled_from([0, 0, 1, 60, 900]), max_size=5)
    waits = gaps.map(lambda some: list(accumulate(some)))
    return waits.flatmap(
        lambda some: st.tuples(*(st.builds(Rung, st.sampled_from(Action), st.just(wait)) for wait in some))
    )


def methods() -> st.SearchStrategy[Method]:
    """Every method with sensible parameters."""
    counts = st.integers(1, 4)
    thresholds = st.builds(
        Threshold, limit=st.floats(0, 1), min_samples=st.integers(1, 50), k=counts, below=st.integers(0, 1)
    )
    strict = thresholds.flatmap(lambda some: st.integers(1, some.k).map(lambda m: replace(some, m=m)))
    limits = st.floats(0.001, 0.7)
    return st.one_of(
        st.builds(AnyEvent, count=counts),
        strict,
        st.builds(Evidence, limit=limits, alpha=st.floats(0.001, 0.5), min_samples=st.integers(1, 50)),
        st.builds(EvidenceCusum, limit=limits, run_length=st.floats(2, 1e6)),
        st.builds(BurnRate, limit=st.floats(0.001, 0.06), min_samples=st.integers(1, 50)),
        st.builds(
            Budget,
            amount=st.floats(0.1, 100),
            period=st.sampled_from(["day", "week", "month"]),
            project=st.integers(0, 1),
        ),
    )


def triggers(method: st.SearchStrategy[Method] | None = None) -> st.SearchStrategy[Trigger]:
    """Triggers of every shape."""
    times = st.sampled_from([0, 1, 60, 600])
    return st.builds(
        Trigger,
        key=st.just("any"),
        method=method or methods(),
        window_s=st.sampled_from([1, 60, 3600]),
        interval_s=st.just(60),
        ladder=ladders(),
        hold_s=times,
        clear_s=times,
        latch=st.booleans(),
        max_staleness_s=times,
    )


def gaps() -> st.SearchStrategy[int]:
    """Seconds between two evaluations; now and then the evaluator pauses for days."""
    return st.one_of(st.integers(1, 120), st.sampled_from([3600, 400_000]))


def ok_readings() -> st.SearchStrategy[Reading]:
    """Readings of every shape that hold numbers."""
    amounts = st.integers(0, 200)
    ratios = st.tuples(amounts, amounts).map(lambda pair: Reading.ratio(MINUTE, min(pair), max(pair)))
    gauges = st.builds(Reading.gauge, st.just(MINUTE), st.floats(-10, 10), st.none() | amounts)
    return st.one_of(ratios, st.builds(Reading.count, st.just(MINUTE), amounts), gauges)


def missing_readings() -> st.SearchStrategy[Reading]:
    """Readings of every shape that say nothing; some hold the numbers of a part of the data."""
    partial = ok_readings().map(lambda reading: reading.warned(("a shard was away",)))
    return st.builds(missing, st.sampled_from(MISSING)) | partial


def readings() -> st.SearchStrategy[Reading]:
    """Any reading."""
    return ok_readings() | missing_readings()


def sequences(of: st.SearchStrategy[Reading] | None = None) -> st.SearchStrategy[list[tuple[int, Reading]]]:
    """Readings, each with the seconds since the one before."""
    return st.lists(st.tuples(gaps(), readings() if of is None else of), max_size=25)
