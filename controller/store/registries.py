"""The prompt registries a project has connected."""

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
from controller.store.tables import registries


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRegistry:
    """Where pointers are: a kind of registry and how to reach it. The settings refer to secrets, and hold none."""

    id: int
    project_id: int
    key: str
    kind: str
    settings: Mapping[str, Any]
    created_at: datetime


def add_registry(
    tx: Transaction, project_id: int, key: str, kind: str, settings: Mapping[str, Any], now: datetime
) -> StoredRegistry:
    """Connect a registry.

    Raises:
        Conflict: The key is taken.
    """
    if find_registry(tx, project_id, key) is not None:
        raise Conflict("key_taken", f"there is a registry {key!r} already; choose another key")
    values = {
        "project_id": project_id,
        "key": key,
        "kind": kind,
        "settings": dict(settings),
        "created_at": now,
    }
    row = tx.execute(insert(registries).values(**values).returning(registries)).one()
    return _registry(row)


def find_registry(tx: Transaction, project_id: int, key: str) -> StoredRegistry | None:
    """The registry of a project with this key, if there is one."""
    this = select(registries).where(registries.c.project_id == project_id, registries.c.key == key)
    row = tx.execute(this).one_or_none()
    return _registry(row) if row else None


def get_registry(tx: Transaction, project_id: int, key: str) -> StoredRegistry:
    """The registry of a project with this key, or NotFound."""
    found = find_registry(tx, project_id, key)
    if found is None:
        raise NotFound("registry", key)
    return found


def set_settings(tx: Transaction, stored: StoredRegistry, settings: Mapping[str, Any]) -> StoredRegistry:
    """Replace how a registry is reached."""
    this = update(registries).where(registries.c.id == stored.id)
    return _registry(tx.execute(this.values(settings=dict(settings)).returning(registries)).one())


def remove_registry(tx: Transaction, stored: StoredRegistry) -> None:
    """Forget a registry."""
    tx.execute(delete(registries).where(registries.c.id == stored.id))


def registries_of(
    tx: Transaction, project_id: int, after: int = 0, limit: int = 1_000_000
) -> list[StoredRegistry]:
    """The registries of a project, in the order they were connected."""
    page = select(registries).where(registries.c.project_id == project_id, registries.c.id > after)
    return [_registry(row) for row in tx.execute(page.order_by(registries.c.id).limit(limit))]


def _registry(row: Row[Any]) -> StoredRegistry:
    readable = {
        "settings": readable_settings(row.settings),
        "created_at": readable_instant(row.created_at),
        "kind": str(row.kind),
    }
    return StoredRegistry(**{**row._mapping, **readable})
