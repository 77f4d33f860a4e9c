"""What must be told to the outside, written in the transaction that made it true and delivered afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, delete, insert, select, update

from controller.store.columns import readable_instant
from controller.store.database import Transaction
from controller.store.tables import outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Something to be told. With a ``destination`` it goes to that one whatever it asks for."""

    id: int
    project_id: int
    event: str
    payload: Mapping[str, Any]
    created_at: datetime
    destination: str = ""


class News(NamedTuple):
    """A message that is about to be added; see `put`."""

    project_id: int
    event: str
    payload: Mapping[str, Any]
    destination: str = ""


def put(
    tx: Transaction,
    project_id: int,
    event: str,
    payload: Mapping[str, Any],
    now: datetime,
    *,
    destination: str = "",
) -> None:
    """Add a message. With a ``destination`` it goes there besides, whatever that asks for."""
    put_all(tx, [News(project_id, event, payload, destination)], now)


def put_all(tx: Transaction, news: Sequence[News], now: datetime) -> None:
    """Add messages, in order."""
    rows = [{**each._asdict(), "payload": dict(each.payload), "created_at": now} for each in news]
    if rows:
        tx.execute(insert(outbox), rows)


def take(tx: Transaction, now: datetime, limit: int = 100) -> list[Message]:
    """The oldest messages nobody delivered, marked as delivered: call it in the transaction that delivers."""
    oldest = select(outbox).where(outbox.c.delivered_at.is_(None)).order_by(outbox.c.id).limit(limit)
    rows = tx.execute(oldest.with_for_update(skip_locked=True)).all()
    ids = [row.id for row in rows]
    tx.execute(update(outbox).where(outbox.c.id.in_(ids)).values(delivered_at=now))
    return [_message(row) for row in rows]


def anything_waits(tx: Transaction) -> bool:
    """Whether there is a message nobody delivered."""
    return tx.scalar(select(outbox.c.id).where(outbox.c.delivered_at.is_(None)).limit(1)) is not None


def forget_messages(tx: Transaction, before: datetime) -> int:
    """Delete messages that were delivered before an instant."""
    return tx.execute(delete(outbox).where(outbox.c.delivered_at < before)).rowcount


def _message(row: Row[Any]) -> Message:
    """A message; one whose content cannot be read is told as such, and does not keep back those behind it."""
    payload = row.payload if isinstance(row.payload, dict) else {"unreadable": repr(row.payload)[:200]}
    return Message(
        id=row.id,
        project_id=row.project_id,
        event=row.event,
        payload=payload,
        created_at=readable_instant(row.created_at),
        destination=row.destination,
    )
