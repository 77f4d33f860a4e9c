"""How long it takes to replay a month of one-minute history for one trigger."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median

from bench.measuring import Effort, Table, take_turns
from triggers import Action, History, Method, Reading, Rung, Trigger, parse_method, replay, tiles

_MINUTES = 30 * 24 * 60
_START = datetime(2026, 1, 1, tzinfo=UTC)
_METHODS = {
    "threshold": {"limit": 0.1, "min_samples": 20},
    "evidence": {"limit": 0.05},
    "evidence_cusum": {"limit": 0.05},
    "burn_rate": {"limit": 0.02},
}


def run(effort: Effort) -> list[Table]:
    """Measure each method over five answers a minute, of which one in fifty is bad."""
    history = _history()
    work = {name: _replaying(parse_method(name, params), history) for name, params in _METHODS.items()}
    found = take_turns(work, effort.big_rounds)
    table = Table(f"Replaying {_MINUTES:,} readings of one trigger", ("method", "s of the processor"))
    for name in _METHODS:
        table.add(name, f"{median(found[name]):.2f}")
    return [table]


def _history() -> History:
    draw = random.Random(1)
    windows = tiles([_START + timedelta(minutes=minute + 1) for minute in range(_MINUTES)], _START)
    return History.of(Reading.ratio(each, sum(draw.random() < 0.02 for _ in range(5)), 5) for each in windows)


def _replaying(method: Method, history: History) -> Callable[[], float]:
    trigger = Trigger(key="past", method=method, window_s=3600, interval_s=60, ladder=(Rung(Action.REVIEW),))
    end = _START + timedelta(minutes=_MINUTES)

    def once() -> float:
        start = time.process_time()
        replay(trigger, lambda ask: history.answer(ask.window), _START, end)
        return time.process_time() - start

    return once
