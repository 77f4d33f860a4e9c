"""The metric sources a project has connected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from controller.errors import Conflict, NotFound
from controller.store.columns import readable_instant
from controller.store.database import Transaction
from controller.store.tables import sources


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSource:
    """Where readings come from: a kind of source and how to reach it."""

    id: int
    project_id: int
    key: str
    kind: str
    settings: Mapping[str, Any]
    created_at: datetime


def add_source(
    tx: Transaction, project_id: int, key: str, kind: str, settings: Mapping[str, Any], now: datetime
) -> StoredSource:
    """Connect a source.

    Raises:
        Conflict: The key is taken.
    """
    if any(source.key == key for source in sources_of(tx, project_id)):
        raise Conflict("key_taken", f"there is a source {key!r} already; choose another key")
    values = {
        "project_id": project_id,
        "key": key,
        "kind": kind,
        "settings": dict(settings),
        "created_at": now,
    }
    tx.execute(insert(sources).values(**values))
    return get_source(tx, project_id, key)


def get_source(tx: Transaction, project_id: int, key: str) -> StoredSource:
    """One source of a project, or NotFound."""
    row = tx.execute(
        select(sources).where(sources.c.project_id == project_id, sources.c.key == key)
    ).one_or_none()
    if row is None:
        raise NotFound("source", key)
    return _source(row)


def change_source(tx: Transaction, source: StoredSource, settings: Mapping[str, Any]) -> None:
    """Give a source other settings.

    Raises:
        Conflict: Somebody else changed them since it was read.
    """
    this = select(sources).where(sources.c.id == source.id).with_for_update()
    row = tx.execute(this).one_or_none()
    if row is None or _source(row).settings != source.settings:
        raise Conflict("source_changed", f"the source {source.key!r} has been changed; read it again")
    tx.execute(update(sources).where(sources.c.id == source.id).values(settings=dict(settings)))


def every_source(tx: Transaction) -> list[StoredSource]:
    """The sources of all projects."""
    return [_source(row) for row in tx.execute(select(sources).order_by(sources.c.id))]


def sources_of(
    tx: Transaction, project_id: int, after: int = 0, limit: int = 1_000_000
) -> list[StoredSource]:
    """The sources of a project, in the order they were connected."""
    page = select(sources).where(sources.c.project_id == project_id, sources.c.id > after)
    return [_source(row) for row in tx.execute(page.order_by(sources.c.id).limit(limit))]


def kind_of_source(tx: Transaction, id: int) -> str:
    """The kind of a source, whatever stands there."""
    return str(tx.scalar(select(sources.c.kind).where(sources.c.id == id)))


def readable_settings(stored: object) -> Mapping[str, Any]:
    """The settings of a source; those that cannot be read become settings that no source can be made from."""
    return stored if isinstance(stored, dict) else {"unreadable": repr(stored)[:200]}


def _source(row: Row[Any]) -> StoredSource:
    readable = {
        "settings": readable_settings(row.settings),
        "created_at": readable_instant(row.created_at),
        "kind": str(row.kind),
    }
    return StoredSource(**{**row._mapping, **readable})
