"""What waits for each destination. The row is the lock: whoever holds its lease may write, under its fence alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, insert, or_, select, update

from controller.errors import NotFound
from controller.store.columns import readable_instant
from controller.store.database import Transaction
from controller.store.destinations import Destination
from controller.store.sources import readable_settings
from controller.store.tables import deliveries, destinations, outbox, projects

_HIGHEST_FENCE = 2**31 - 2


class DeliveryStatus(StrEnum):
    """How far a delivery has come."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"
    """It was tried for a day, or the destination wants no more."""


@dataclass(frozen=True, slots=True)
class DeliveryClaim:
    """The right to send one notice to one destination, until somebody else has it."""

    id: int
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message on its way to a destination. ``message`` is what was wrong at the last attempt."""

    id: int
    message_id: int
    project: str
    event: str
    payload: Mapping[str, Any]
    created_at: datetime
    added_at: datetime
    destination: Destination
    status: str
    attempts: int
    message: str
    due_at: datetime
    settled_at: datetime | None


def add_delivery(tx: Transaction, message_id: int, destination_id: int, now: datetime) -> None:
    """Let a message wait for a destination."""
    values = {"outbox_id": message_id, "destination_id": destination_id, "added_at": now, "due_at": now}
    tx.execute(insert(deliveries).values(status=DeliveryStatus.WAITING.value, **values))


def destinations_with_due(tx: Transaction, now: datetime) -> Sequence[int]:
    """The destinations that something could be sent to now."""
    return tx.scalars(select(deliveries.c.destination_id).where(_is_free(now)).distinct()).all()


def claim_delivery(
    tx: Transaction, destination_id: int, now: datetime, lease_s: float
) -> DeliveryClaim | None:
    """Take what has been due for the longest time."""
    mine = and_(deliveries.c.destination_id == destination_id, _is_free(now))
    waiting = select(deliveries.c.id).where(mine).order_by(deliveries.c.due_at, deliveries.c.id).limit(1)
    chosen = waiting.with_for_update(skip_locked=True).cte("chosen")
    taken = (
        update(deliveries)
        .where(deliveries.c.id.in_(select(chosen.c.id)))
        .values(lease_until=now + timedelta(seconds=lease_s), fence=_next_fence())
        .returning(deliveries.c.id, deliveries.c.fence)
    )
    row = tx.execute(taken).one_or_none()
    return DeliveryClaim(row.id, row.fence) if row else None


def claimed_delivery(tx: Transaction, claim: DeliveryClaim) -> Delivery | None:
    """The delivery of a claim; None if the claim has passed to somebody else."""
    row = tx.execute(_JOINED.where(*_held(claim))).one_or_none()
    return _delivery(row) if row else None


def settle_delivery(
    tx: Transaction,
    claim: DeliveryClaim,
    status: DeliveryStatus,
    *,
    message: str,
    attempts: int,
    due_at: datetime | None,
    now: datetime,
) -> bool:
    """Write what became of an attempt; whether the claim was still held. Without ``due_at`` it is over."""
    values: dict[str, Any] = {
        "status": status.value,
        "message": message,
        "attempts": attempts,
        "lease_until": None,
        "fence": _next_fence(),
    }
    values |= {"due_at": due_at} if due_at else {"settled_at": now}
    return bool(tx.execute(update(deliveries).where(*_held(claim)).values(**values)).rowcount)


def deliveries_to(
    tx: Transaction,
    destination_id: int,
    *,
    status: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Delivery]:
    """What was and is to be sent to a destination, newest first."""
    page = _JOINED.where(deliveries.c.destination_id == destination_id)
    if status is not None:
        page = page.where(deliveries.c.status == status)
    if before is not None:
        page = page.where(deliveries.c.id < before)
    return [_delivery(row) for row in tx.execute(page.order_by(deliveries.c.id.desc()).limit(limit))]


def send_again(tx: Transaction, destination_id: int, id: int, now: datetime) -> None:
    """Let a delivery begin anew, whatever became of it.

    Raises:
        NotFound: There is none.
    """
    this = (deliveries.c.destination_id == destination_id, deliveries.c.id == id)
    values = {
        "status": DeliveryStatus.WAITING.value,
        "added_at": now,
        "due_at": now,
        "attempts": 0,
        "settled_at": None,
        "lease_until": None,
        "fence": _next_fence(),
    }
    if not tx.execute(update(deliveries).where(*this).values(**values)).rowcount:
        raise NotFound("delivery", str(id))


_JOINED = (
    select(
        deliveries,
        outbox.c.event,
        outbox.c.payload,
        outbox.c.created_at.label("created_at"),
        destinations.c.project_id,
        destinations.c.key,
        destinations.c.kind,
        destinations.c.settings,
        destinations.c.created_at.label("connected_at"),
        projects.c.key.label("project"),
    )
    .join(outbox, outbox.c.id == deliveries.c.outbox_id)
    .join(destinations, destinations.c.id == deliveries.c.destination_id)
    .join(projects, projects.c.id == destinations.c.project_id)
)


def _is_free(now: datetime) -> ColumnElement[bool]:
    lease = deliveries.c.lease_until
    return and_(
        deliveries.c.status == DeliveryStatus.WAITING.value,
        deliveries.c.due_at <= now,
        or_(lease.is_(None), lease <= now),
    )


def _held(claim: DeliveryClaim) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return deliveries.c.id == claim.id, deliveries.c.fence == claim.fence


def _next_fence() -> ColumnElement[int]:
    """The number after the present one; one that is out of range begins anew."""
    return case((deliveries.c.fence.between(0, _HIGHEST_FENCE), deliveries.c.fence + 1), else_=1)


def _delivery(row: Row[Any]) -> Delivery:
    destination = Destination(
        id=row.destination_id,
        project_id=row.project_id,
        key=row.key,
        kind=str(row.kind),
        settings=readable_settings(row.settings),
        events=(),
        created_at=readable_instant(row.connected_at),
    )
    payload = row.payload if isinstance(row.payload, dict) else {"unreadable": repr(row.payload)[:200]}
    return Delivery(
        id=row.id,
        message_id=row.outbox_id,
        project=row.project,
        event=row.event,
        payload=payload,
        created_at=readable_instant(row.created_at),
        added_at=readable_instant(row.added_at),
        destination=destination,
        status=row.status,
        attempts=row.attempts,
        message=row.message,
        due_at=readable_instant(row.due_at),
        settled_at=None if row.settled_at is None else readable_instant(row.settled_at),
    )
