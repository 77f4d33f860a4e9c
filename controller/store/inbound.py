"""What others told sources of their own accord."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import RowMapping, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from controller.store.database import Transaction
from controller.store.tables import inbound_events

MOST_IN_A_WINDOW = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An alert that fires, or no longer does.

    ``event`` is what the sender calls this message, ``fingerprint`` what it calls the alert; ``at`` is its own time.
    """

    event: str
    fingerprint: str
    alert: str
    firing: bool
    labels: Mapping[str, str]
    at: datetime


@dataclass(frozen=True, slots=True)
class Received:
    """An event, and when it was last received."""

    event: Event
    received_at: datetime


def add_events(
    tx: Transaction, source_id: int, events: Iterable[Event], now: datetime, *, repeats: bool
) -> int:
    """Keep events, and give how many of them were not known. ``repeats``: one that was is received anew."""
    rows = [{**asdict(event), "source_id": source_id, "received_at": now} for event in events]
    if not rows:
        return 0
    dialect = sqlite if tx.dialect.name == "sqlite" else postgresql
    before = _count(tx, source_id)
    insert = dialect.insert(inbound_events).values(rows)
    key = [inbound_events.c.source_id, inbound_events.c.event]
    tx.execute(
        insert.on_conflict_do_update(index_elements=key, set_={"received_at": now})
        if repeats
        else insert.on_conflict_do_nothing(index_elements=key)
    )
    return _count(tx, source_id) - before


def events_between(
    tx: Transaction, source_ids: Collection[int], start: datetime, end: datetime
) -> list[Received]:
    """The events that sources received in a half-open window, oldest first."""
    rows = tx.execute(
        select(inbound_events)
        .where(
            inbound_events.c.source_id.in_(source_ids),
            inbound_events.c.received_at >= start,
            inbound_events.c.received_at < end,
        )
        .order_by(inbound_events.c.received_at.desc(), inbound_events.c.at.desc(), inbound_events.c.id.desc())
        .limit(MOST_IN_A_WINDOW)
    )
    return [_received(row._mapping) for row in reversed(rows.all())]


def forget_events(tx: Transaction, before: datetime) -> int:
    """Delete events from before an instant."""
    return tx.execute(delete(inbound_events).where(inbound_events.c.received_at < before)).rowcount


def _count(tx: Transaction, source_id: int) -> int:
    counted = select(func.count()).where(inbound_events.c.source_id == source_id)
    return int(tx.execute(counted).scalar_one())


def _received(row: RowMapping) -> Received:
    labels = row["labels"] if isinstance(row["labels"], dict) else {}
    event = Event(
        event=row["event"],
        fingerprint=row["fingerprint"],
        alert=row["alert"],
        firing=row["firing"],
        labels=labels,
        at=row["at"],
    )
    return Received(event, row["received_at"])
