"""Why a trigger said what it said: the record of an evaluation, judged once more."""

from __future__ import annotations

from dataclasses import dataclass

from controller.store.columns import Broken
from controller.store.database import Transaction
from controller.store.readings import StoredReading, record_of
from controller.store.triggers import StoredTrigger, rule_at
from triggers import Record, explained


@dataclass(frozen=True, slots=True)
class Explanation:
    """The record, and in words whether the same comes of it again; ``record`` is None where it was not kept."""

    record: Record | None
    told: str


def explanation(tx: Transaction, trigger: StoredTrigger | Broken, reading: StoredReading) -> Explanation:
    """Put together what a verdict depended on, and judge it once more."""
    try:
        record = _record(tx, trigger, reading)
    except (ValueError, TypeError, KeyError) as wrong:
        return Explanation(None, f"what it depended on cannot be read: {wrong}")
    if record is None:
        return Explanation(None, "what it depended on was not kept")
    return Explanation(record, explained(record, record.differences()))


def _record(tx: Transaction, trigger: StoredTrigger | Broken, reading: StoredReading) -> Record | None:
    if isinstance(trigger, Broken) or reading.rule_version is None:
        return None
    rule = rule_at(tx, trigger, reading.rule_version)
    return record_of(reading, rule) if rule else None
