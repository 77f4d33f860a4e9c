"""What triggers ask people to do, until it is done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from controller.errors import NotFound
from controller.store.columns import readable_instant
from controller.store.database import Transaction
from controller.store.tables import environments, features, rollouts, tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something to be done about a feature; ``kind`` is the action that asked for it. Closed once it has an end."""

    id: int
    project_id: int
    rollout_id: int
    feature: str
    environment: str
    kind: str
    owner: str
    reason: str
    opened_by: str
    opened_at: datetime
    closed_by: str
    closed_at: datetime | None
    resolution: str


def add_task(
    tx: Transaction, rollout_id: int, kind: str, owner: str, reason: str, by: str, now: datetime
) -> int:
    """Open a task; gives its id."""
    values = {
        "rollout_id": rollout_id,
        "kind": kind,
        "owner": owner,
        "reason": reason,
        "opened_by": by,
        "opened_at": now,
    }
    return int(tx.execute(insert(tasks).values(**values).returning(tasks.c.id)).scalar_one())


def open_task(tx: Transaction, rollout_id: int, kind: str, by: str) -> int | None:
    """The id of an open task of a rollout of this kind that the same one asked for, if there is one."""
    this = (tasks.c.rollout_id == rollout_id, tasks.c.kind == kind, tasks.c.opened_by == by)
    return tx.scalar(select(tasks.c.id).where(*this, tasks.c.closed_at.is_(None)).limit(1))


def end_task(tx: Transaction, id: int, by: str, resolution: str, now: datetime) -> bool:
    """Close a task; whether it was open."""
    values = {"closed_by": by, "closed_at": now, "resolution": resolution}
    open_ = update(tasks).where(tasks.c.id == id, tasks.c.closed_at.is_(None))
    return bool(tx.execute(open_.values(**values)).rowcount)


def get_task(tx: Transaction, project_id: int, id: int) -> Task:
    """One task of a project, or NotFound."""
    row = tx.execute(_JOINED.where(features.c.project_id == project_id, tasks.c.id == id)).one_or_none()
    if row is None:
        raise NotFound("task", str(id))
    return _task(row)


def tasks_of(
    tx: Transaction,
    project_id: int,
    *,
    is_open: bool | None = None,
    feature: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Task]:
    """The newest tasks of a project, newest first."""
    page = _JOINED.where(features.c.project_id == project_id)
    if is_open is not None:
        page = page.where(tasks.c.closed_at.is_(None) if is_open else tasks.c.closed_at.is_not(None))
    if feature is not None:
        page = page.where(features.c.key == feature)
    if before is not None:
        page = page.where(tasks.c.id < before)
    return [_task(row) for row in tx.execute(page.order_by(tasks.c.id.desc()).limit(limit))]


_JOINED = (
    select(
        tasks,
        features.c.project_id,
        features.c.key.label("feature"),
        environments.c.key.label("environment"),
    )
    .join(rollouts, rollouts.c.id == tasks.c.rollout_id)
    .join(features, features.c.id == rollouts.c.feature_id)
    .join(environments, environments.c.id == rollouts.c.environment_id)
)


def _task(row: Row[Any]) -> Task:
    closed_at = None if row.closed_at is None else readable_instant(row.closed_at)
    return Task(**{**row._mapping, "opened_at": readable_instant(row.opened_at), "closed_at": closed_at})
