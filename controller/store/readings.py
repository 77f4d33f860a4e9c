"""What was read and judged, kept so that every decision can be explained later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, text

from controller.store.database import Transaction
from controller.store.tables import IS_QUIET, IS_TELLING, readings
from triggers import Reading, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReading:
    """One evaluation of a trigger. ``due`` are the actions that fell due, and what became of each."""

    id: int
    trigger_id: int
    slot: datetime
    status: str
    window_start: datetime
    window_end: datetime
    bad: int | None
    total: int | None
    value: float | None
    samples: int | None
    newest_sample_at: datetime | None
    message: str
    warnings: Sequence[str]
    asked: Mapping[str, str]
    verdict: str
    sentence: str
    numbers: Mapping[str, float]
    phase: str
    due: Sequence[Mapping[str, str]]
    evaluated_at: datetime


@dataclass(frozen=True, slots=True)
class NewReading:
    """An evaluation to be recorded. ``done`` are the actions that fell due, and what became of each."""

    trigger_id: int
    slot: datetime
    reading: Reading
    step: Step
    done: Sequence[Mapping[str, str]] = ()


def add_readings(tx: Transaction, evaluated: Sequence[NewReading], now: datetime) -> None:
    """Record evaluations; a slot is recorded once only."""
    tx.execute(insert(readings), [_columns(each, now) for each in evaluated])


def _columns(new: NewReading, now: datetime) -> dict[str, Any]:
    reading, step = new.reading, new.step
    return {
        "trigger_id": new.trigger_id,
        "slot": new.slot,
        "status": reading.status.value,
        "window_start": reading.window.start,
        "window_end": reading.window.end,
        "bad": _countable(reading.bad),
        "total": _countable(reading.total),
        "value": reading.value,
        "samples": _countable(reading.samples),
        "newest_sample_at": reading.newest_sample_at,
        "message": reading.message,
        "warnings": list(reading.warnings),
        "asked": dict(reading.asked),
        "verdict": step.verdict.value,
        "sentence": step.sentence,
        "numbers": dict(step.numbers),
        "phase": step.state.phase.value,
        "due": list(new.done),
        "evaluated_at": now,
    }


def readings_of(
    tx: Transaction, trigger_id: int, *, before: int | None = None, limit: int = 50
) -> list[StoredReading]:
    """The newest readings with an id below ``before``, newest first."""
    page = select(readings).where(readings.c.trigger_id == trigger_id)
    if before is not None:
        page = page.where(readings.c.id < before)
    return [
        StoredReading(**row._mapping) for row in tx.execute(page.order_by(readings.c.id.desc()).limit(limit))
    ]


def readings_between(
    tx: Transaction, trigger_id: int, start: datetime, end: datetime, limit: int
) -> list[StoredReading]:
    """The readings whose windows ended in a span of time, in the order in which they were taken."""
    inside = (
        readings.c.trigger_id == trigger_id,
        readings.c.window_end > start,
        readings.c.window_end <= end,
    )
    rows = tx.execute(select(readings).where(*inside).order_by(readings.c.id).limit(limit))
    return [StoredReading(**row._mapping) for row in rows]


def forget_quiet_readings(tx: Transaction, before: datetime, limit: int) -> int:
    """Delete up to so many readings in which nothing was wrong, from before an instant; returns how many."""
    return _forget(tx, IS_QUIET, before, limit)


def forget_telling_readings(tx: Transaction, before: datetime, limit: int) -> int:
    """Delete up to so many of the other readings, from before an instant; returns how many."""
    return _forget(tx, IS_TELLING, before, limit)


def _forget(tx: Transaction, condition: str, before: datetime, limit: int) -> int:
    old = select(readings.c.id).where(text(condition), readings.c.evaluated_at < before)
    # What another worker is deleting is left to it.
    some = old.order_by(readings.c.evaluated_at).limit(limit).with_for_update(skip_locked=True)
    return tx.execute(delete(readings).where(readings.c.id.in_(some))).rowcount


_MOST = 2**63 - 1


def _countable(number: int | None) -> int | None:
    """A number as a column can hold it. A source may count higher; then the record says "at least this many"."""
    return None if number is None else min(number, _MOST)
