"""What was read and judged, kept so that every decision can be explained later."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Text, delete, func, insert, select, text, type_coerce

from controller.errors import NotFound
from controller.store.database import Transaction
from controller.store.tables import IS_QUIET, IS_TELLING, readings, triggers
from triggers import (
    Reading,
    Record,
    State,
    Status,
    Step,
    Trigger,
    Verdict,
    Window,
    changed,
    changes,
    reading_from_json,
    reading_to_json,
)


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
    rule_version: int | None
    sharing: int | None
    max_staleness_s: int | None
    before: Mapping[str, Any] | None
    changed: Mapping[str, Any] | None
    others: Sequence[Mapping[str, Any]] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReading:
    """An evaluation to be recorded: by which rule, from what the trigger remembered ``before``, judged ``at`` a moment.

    ``max_staleness_s`` is the bound that counted, that of the rule or that of the source.

    ``done`` are the actions that fell due, and what became of each.
    """

    trigger_id: int
    slot: datetime
    version: int
    sharing: int
    max_staleness_s: int
    before: State
    readings: Sequence[Reading]
    step: Step
    at: datetime
    done: Sequence[Mapping[str, str]] = ()


def add_readings(tx: Transaction, evaluated: Sequence[NewReading]) -> None:
    """Record evaluations; a slot is recorded once only."""
    tx.execute(insert(readings), [_columns(each) for each in evaluated])


def _columns(new: NewReading) -> dict[str, Any]:
    reading, step = new.readings[0], new.step
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
        "evaluated_at": new.at,
        "rule_version": new.version,
        "sharing": new.sharing,
        "max_staleness_s": new.max_staleness_s,
        "before": changes(State(), new.before),
        "changed": changes(new.before, step.state),
        "others": [reading_to_json(each) for each in new.readings[1:]] or None,
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


def newest_readings(tx: Transaction, trigger_ids: Collection[int]) -> dict[int, StoredReading]:
    """The newest reading of each trigger that has one."""
    of_it = readings.alias()
    newest = select(func.max(of_it.c.slot)).where(of_it.c.trigger_id == triggers.c.id).scalar_subquery()
    # From the triggers to the one reading of each: the other way round, every reading would be looked at.
    this = (readings.c.trigger_id == triggers.c.id) & (readings.c.slot == newest)
    found = select(readings).select_from(triggers.join(readings, this)).where(triggers.c.id.in_(trigger_ids))
    return {row.trigger_id: StoredReading(**row._mapping) for row in tx.execute(found)}


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


def readings_until(tx: Transaction, trigger_id: int, end: datetime, limit: int) -> list[StoredReading]:
    """The newest readings that fell due up to an instant, in the order in which they were taken."""
    mine = (readings.c.trigger_id == trigger_id, readings.c.slot <= end)
    rows = tx.execute(select(readings).where(*mine).order_by(readings.c.slot.desc()).limit(limit))
    return [StoredReading(**row._mapping) for row in rows][::-1]


def acting_readings(tx: Transaction, trigger_id: int, since: datetime, limit: int) -> list[StoredReading]:
    """The evaluations since an instant in which a rung fell due, newest first."""
    mine = (readings.c.trigger_id == trigger_id, readings.c.evaluated_at >= since)
    due = type_coerce(readings.c.due, Text) != "[]"
    rows = tx.execute(select(readings).where(*mine, due).order_by(readings.c.id.desc()).limit(limit))
    return [StoredReading(**row._mapping) for row in rows]


def count_readings(tx: Transaction, trigger_id: int, since: datetime) -> tuple[int, int]:
    """How many evaluations since an instant are kept, and how many of them could tell good from bad."""
    telling = readings.c.verdict.in_([Verdict.OK.value, Verdict.BREACH.value])
    counted = select(func.count(), func.count().filter(telling)).where(
        readings.c.trigger_id == trigger_id, readings.c.evaluated_at >= since
    )
    evaluations, told = tx.execute(counted).one()
    return int(evaluations), int(told)


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


def reading_by_id(tx: Transaction, trigger_id: int, id: int) -> StoredReading:
    """One reading of a trigger.

    Raises:
        NotFound: There is none, or it has been forgotten.
    """
    this = (readings.c.id == id, readings.c.trigger_id == trigger_id)
    row = tx.execute(select(readings).where(*this)).one_or_none()
    if row is None:
        raise NotFound("reading", str(id))
    return StoredReading(**row._mapping)


def reading_in(stored: StoredReading) -> Reading:
    """What the source said, as it was said."""
    return Reading(
        status=Status(stored.status),
        window=Window(stored.window_start, stored.window_end),
        bad=stored.bad,
        total=stored.total,
        value=stored.value,
        samples=stored.samples,
        newest_sample_at=stored.newest_sample_at,
        message=stored.message,
        warnings=tuple(stored.warnings),
        asked=dict(stored.asked),
    )


def record_of(stored: StoredReading, rule: Trigger) -> Record | None:
    """All that the verdict depended on; None for a reading from before that was kept.

    Raises:
        ValueError, TypeError, KeyError: It cannot be read.
    """
    if stored.rule_version is None or stored.before is None or stored.changed is None:
        return None
    before = changed(State(), stored.before)
    others = (reading_from_json(each) for each in stored.others or ())
    bound = rule.max_staleness_s if stored.max_staleness_s is None else stored.max_staleness_s
    return Record(
        trigger=replace(rule, sharing=stored.sharing or 1, max_staleness_s=bound),
        version=stored.rule_version,
        at=stored.evaluated_at,
        readings=(reading_in(stored), *others),
        before=before,
        after=changed(before, stored.changed),
        verdict=Verdict(stored.verdict),
        sentence=stored.sentence,
        numbers=stored.numbers,
    )


_MOST = 2**63 - 1


def _countable(number: int | None) -> int | None:
    """A number as a column can hold it. A source may count higher; then the record says "at least this many"."""
    return None if number is None else min(number, _MOST)
