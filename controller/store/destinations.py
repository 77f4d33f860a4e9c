"""Where a project wants notices to go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from controller.errors import Conflict, NotFound
from controller.store.columns import readable_instant
from controller.store.database import Transaction
from controller.store.sources import readable_settings
from controller.store.tables import destinations


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Somebody who is told things. ``events`` are the patterns of what it wants; secrets in the settings are sealed."""

    id: int
    project_id: int
    key: str
    kind: str
    settings: Mapping[str, Any]
    events: tuple[str, ...]
    created_at: datetime


def add_destination(
    tx: Transaction,
    project_id: int,
    key: str,
    kind: str,
    settings: Mapping[str, Any],
    events: tuple[str, ...],
    now: datetime,
) -> Destination:
    """Connect a destination.

    Raises:
        Conflict: The key is taken.
    """
    if tx.scalar(select(destinations.c.id).where(*_this(project_id, key))) is not None:
        raise Conflict("key_taken", f"there is a destination {key!r} already; choose another key")
    values = {
        "project_id": project_id,
        "key": key,
        "kind": kind,
        "settings": dict(settings),
        "events": list(events),
        "created_at": now,
    }
    return _destination(tx.execute(insert(destinations).values(**values).returning(destinations)).one())


def change_destination(
    tx: Transaction, id: int, kind: str, settings: Mapping[str, Any], events: tuple[str, ...]
) -> Destination:
    """Put other settings in a destination's place; what waits for it goes by them."""
    values = {"kind": kind, "settings": dict(settings), "events": list(events)}
    changed = update(destinations).where(destinations.c.id == id).values(**values)
    return _destination(tx.execute(changed.returning(destinations)).one())


def drop_destination(tx: Transaction, id: int) -> None:
    """Remove a destination, with what waits for it."""
    tx.execute(delete(destinations).where(destinations.c.id == id))


def get_destination(tx: Transaction, project_id: int, key: str) -> Destination:
    """The destination of a project with this key, or NotFound."""
    row = tx.execute(select(destinations).where(*_this(project_id, key))).one_or_none()
    if row is None:
        raise NotFound("destination", key)
    return _destination(row)


def destinations_of(
    tx: Transaction, project_id: int, after: int = 0, limit: int = 1_000_000
) -> list[Destination]:
    """The destinations of a project, in the order they were connected."""
    page = select(destinations).where(destinations.c.project_id == project_id, destinations.c.id > after)
    return [_destination(row) for row in tx.execute(page.order_by(destinations.c.id).limit(limit))]


def every_destination(tx: Transaction) -> list[Destination]:
    """The destinations of all projects."""
    return [_destination(row) for row in tx.execute(select(destinations).order_by(destinations.c.id))]


def _this(project_id: int, key: str) -> tuple[Any, ...]:
    return destinations.c.project_id == project_id, destinations.c.key == key


def _destination(row: Row[Any]) -> Destination:
    """A destination; of one whose settings cannot be read, nothing is known but that it is there."""
    events = row.events if isinstance(row.events, list) else []
    return Destination(
        id=row.id,
        project_id=row.project_id,
        key=row.key,
        kind=str(row.kind),
        settings=readable_settings(row.settings),
        events=tuple(str(event) for event in events),
        created_at=readable_instant(row.created_at),
    )
