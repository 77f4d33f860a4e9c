"""What a trigger would have done over recorded history: the very code that judges live, run over the past."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil

from triggers.ask import Ask, asks
from triggers.reading import Reading, Window
from triggers.state import Phase, State, acknowledge, enter_epoch
from triggers.step import Step, step
from triggers.trigger import Action, Trigger
from triggers.verdict import Verdict

MOST = 50_000
"""The most evaluations of one replay."""

_MONTH = timedelta(days=30)
_DRAWN = 1000
"""The most points of a chart."""


class TooLong(ValueError):
    """A replay would take more evaluations than it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """One time that a trigger would have fired, until when, why, and what its ladder would have done when."""

    at: datetime
    until: datetime | None
    sentence: str
    numbers: Mapping[str, float]
    window: Window
    actions: tuple[tuple[datetime, Action], ...] = ()


@dataclass(frozen=True, slots=True)
class Drawn:
    """A point of a chart: how far it was and how far it may be, None where that could not be told."""

    at: datetime
    statistic: float | None
    line: float | None
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What came of a replay. ``chart`` has a thousand points at most, each the one nearest to a breach of its time."""

    start: datetime
    end: datetime
    evaluations: int
    verdicts: Mapping[Verdict, int]
    fired: tuple[Fired, ...]
    chart: tuple[Drawn, ...]

    def false_alarms_per_month(self, troubles: Sequence[Window] = ()) -> float:
        """How often it fired in thirty days outside of the times when something was wrong; counted by its begin."""
        false = [
            each for each in self.fired if not any(real.start <= each.at < real.end for real in troubles)
        ]
        quiet = (self.end - self.start) - sum((real.length for real in troubles), timedelta(0))
        return len(false) * (_MONTH / quiet) if quiet > timedelta(0) else 0.0

    def noticed_after(self, began: datetime) -> timedelta | None:
        """How long a trouble went on before it fired; None if it did not, 0 if it was firing already."""
        during = (each for each in self.fired if each.until is None or each.until > began)
        first = next(during, None)
        return None if first is None else max(first.at - began, timedelta(0))


def replay(
    trigger: Trigger,
    answer: Callable[[Ask], Reading],
    start: datetime,
    end: datetime,
    acknowledged_after_s: int = 3600,
) -> Replay:
    """Evaluate a trigger at its interval over a span of time, beginning with nothing seen.

    A person is taken to acknowledge what still fires ``acknowledged_after_s`` seconds after it began; otherwise a
    trigger that latches would fire once and for all.

    Raises:
        TooLong: That would be more than `MOST` evaluations.
    """
    steps = max(0, (end - start) // timedelta(seconds=trigger.interval_s))
    if steps > MOST:
        raise TooLong(f"{steps} evaluations are more than {MOST}")
    taken = list(_steps(trigger, answer, start, steps, timedelta(seconds=acknowledged_after_s)))
    return Replay(
        start=start,
        end=end,
        evaluations=steps,
        verdicts=Counter(each.verdict for _, _, each in taken),
        fired=tuple(_firings(taken)),
        chart=tuple(_chart(trigger, taken)),
    )


_Taken = tuple[datetime, Window, Step]


def _steps(
    trigger: Trigger, answer: Callable[[Ask], Reading], start: datetime, steps: int, patience: timedelta
) -> Iterator[_Taken]:
    state, now = enter_epoch(State(epoch_at=start), "replay", start), start
    for _ in range(steps):
        now += timedelta(seconds=trigger.interval_s)
        if state.phase is Phase.FIRING and state.since and now - state.since > patience:
            state = acknowledge(state, now - timedelta(seconds=trigger.interval_s))
        asked = asks(trigger, state, now)
        taken = step(trigger, state, [answer(ask) for ask in asked], now)
        state = taken.state
        yield now, asked[0].window, taken


def _firings(taken: Sequence[_Taken]) -> Iterator[Fired]:
    fired: Fired | None = None
    for now, window, each in taken:
        began = each.state.since if each.state.phase is Phase.FIRING else None
        if fired and began != fired.at:
            yield replace(fired, until=now)
            fired = None
        if fired is None and began:
            fired = Fired(at=began, until=None, sentence=each.sentence, numbers=each.numbers, window=window)
        if fired and each.due:
            actions = (*fired.actions, *((now, rung.do) for rung in each.due))
            fired = replace(fired, actions=actions)
    if fired:
        yield fired


def _chart(trigger: Trigger, taken: Sequence[_Taken]) -> Iterator[Drawn]:
    size = ceil(len(taken) / _DRAWN) or 1
    for first in range(0, len(taken), size):
        drawn = [_drawn(trigger, now, each) for now, _, each in taken[first : first + size]]
        yield max(drawn, key=_nearness)


def _drawn(trigger: Trigger, now: datetime, each: Step) -> Drawn:
    statistic, line = (each.numbers.get(name) for name in trigger.method.shown)
    return Drawn(now, statistic, line, each.verdict)


def _nearness(drawn: Drawn) -> tuple[bool, bool, float]:
    told = drawn.statistic is not None and drawn.line is not None
    return drawn.verdict is Verdict.BREACH, told, (drawn.statistic or 0.0) - (drawn.line or 0.0)
