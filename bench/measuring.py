"""How anything is measured here, and how it is shown.

Machines are noisy and drift, so that subjects take turns, round by round, and what is compared are the medians
over rounds of figures taken close together in time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to measure.

    ``flags`` and ``triggers``: few and many of them. ``sustained``: how many triggers one worker is to keep up
    with, for ``sustained_s`` seconds each; ``hanging``: how many of them beside as many on a source that hangs.
    ``storms``: how many triggers fire at once.
    ``streams``: few and many clients, told of ``changes`` changes.
    ``seconds`` is for what runs for a time instead of a
    number of calls.
    """

    rounds: int
    calls: int
    big_rounds: int
    flags: tuple[int, int]
    triggers: tuple[int, int]
    moves: int
    seconds: float
    poll_intervals_s: tuple[float, ...]
    sustained: tuple[int, ...]
    sustained_s: float
    hanging: int
    storms: tuple[int, ...]
    streams: tuple[int, int]
    changes: int


FULL = Effort(
    rounds=15,
    calls=2000,
    big_rounds=3,
    flags=(1000, 10_000),
    triggers=(100, 1000),
    moves=4,
    seconds=1.5,
    poll_intervals_s=(0.1, 1.0, 5.0),
    sustained=(100, 1000, 10_000),
    sustained_s=60.0,
    hanging=1000,
    storms=(100, 500),
    streams=(1000, 5000),
    changes=20,
)
QUICK = Effort(
    rounds=5,
    calls=500,
    big_rounds=1,
    flags=(1000, 2000),
    triggers=(20, 100),
    moves=2,
    seconds=0.4,
    poll_intervals_s=(0.1, 1.0),
    sustained=(100,),
    sustained_s=10.0,
    hanging=100,
    storms=(50,),
    streams=(100, 500),
    changes=5,
)


class Case(NamedTuple):
    """A function to be called with each of some arguments."""

    call: Callable[[object], object]
    given: Sequence[object]

    def run(self) -> float:
        """Call the function with every argument; return nanoseconds of this thread's processor per call.

        Other work on the machine takes the processor away now and then; that is not what a call costs.
        """
        call = self.call
        start = time.thread_time_ns()
        for argument in self.given:
            call(argument)
        return (time.thread_time_ns() - start) / len(self.given)

    def warmed(self) -> float:
        """Run twice and return the second figure: the first pays for the caches that the subject before has filled."""
        self.run()
        return self.run()


def take_turns(subjects: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Let every subject measure itself once per round; who comes first moves on with each round."""
    names, found = list(subjects), {name: list[float]() for name in subjects}
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            found[name].append(subjects[name]())
    return found


def timed(work: Callable[[], object]) -> float:
    """Return how many milliseconds ``work`` takes."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> float:
    """Return how many times ours theirs is: the median over rounds."""
    return median(their / our for their, our in zip(theirs, ours, strict=True))


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile; of few values the highest stands for the high ones."""
    return quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]


@dataclass(frozen=True, slots=True)
class Table:
    """Figures to be shown: the first column names the row."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, name: str, *cells: str) -> None:
        """Add a row."""
        self.rows.append((name, *cells))


def beside(theirs: Sequence[float] | None, ours: Sequence[float] | None) -> str:
    """Show a median and, beside it, how many times ours it is."""
    if theirs is None:
        return "–"
    shown = f"{median(theirs):,.0f}"
    if ours is None:
        return shown
    times = ratio(theirs, ours)
    return f"{shown} ×{times:.1f}" if times < 10 else f"{shown} ×{times:.0f}"
