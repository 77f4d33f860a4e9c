"""How environments rehearse a stop, and how each rehearsal went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, insert, select, update

from controller.errors import NotFound
from controller.store.columns import readable_instant
from controller.store.database import Transaction
from controller.store.tables import drill_runs, drills


class DrillState(StrEnum):
    """How a drill went. ``void``: there was nobody to measure it by, so that nothing can be told."""

    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    VOID = "void"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """How an environment rehearses a stop. ``requirement``: what a drill is evidence for; None for nothing."""

    environment_id: int
    enabled: bool
    every_hours: int
    limit_s: int
    requirement: str | None
    expires_days: int
    canary_on: bool
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillRun:
    """One rehearsal. ``took`` is the time until the last live instance had it; None if that cannot be told."""

    id: int
    environment_id: int
    state: DrillState
    started_by: str
    reason: str
    started_at: datetime
    limit_s: int
    revision: int
    live: int
    reached: int
    took: timedelta | None
    ended_at: datetime | None
    sentence: str
    evidence: Mapping[str, int]


def drill_of(tx: Transaction, environment_id: int) -> Drill | None:
    """How an environment rehearses; None if nobody ever said."""
    row = tx.execute(select(drills).where(drills.c.environment_id == environment_id)).one_or_none()
    return None if row is None else _drill(row)


def keep_drill(tx: Transaction, environment_id: int, **values: object) -> Drill:
    """Say how an environment rehearses. It is locked by whoever calls; what is not named stays."""
    mine = drills.c.environment_id == environment_id
    if not tx.execute(update(drills).where(mine).values(**values)).rowcount:
        tx.execute(insert(drills).values(environment_id=environment_id, **values))
    return _drill(tx.execute(select(drills).where(mine)).one())


def due_drills(tx: Transaction, now: datetime) -> list[int]:
    """The environments in which a drill is due."""
    due = select(drills.c.environment_id).where(drills.c.enabled.is_(True), drills.c.due_at <= now)
    return list(tx.scalars(due.order_by(drills.c.due_at)))


def begin_run(tx: Transaction, environment_id: int, **values: object) -> DrillRun:
    """Note that a drill has begun."""
    new = insert(drill_runs).values(
        environment_id=environment_id, state=DrillState.RUNNING.value, evidence={}, **values
    )
    return _run(tx.execute(new.returning(drill_runs)).one())


def end_run(tx: Transaction, id: int, state: DrillState, took: timedelta | None, **values: object) -> None:
    """Note how a drill went."""
    took_us = None if took is None else took // timedelta(microseconds=1)
    told = {"state": state.value, "took_us": took_us, **values}
    tx.execute(update(drill_runs).where(drill_runs.c.id == id).values(**told))


def running_drills(tx: Transaction, environment_id: int | None = None) -> list[DrillRun]:
    """The drills that are not over, of one environment or of all."""
    running = select(drill_runs).where(drill_runs.c.state == DrillState.RUNNING.value)
    if environment_id is not None:
        running = running.where(drill_runs.c.environment_id == environment_id)
    return [_run(row) for row in tx.execute(running.order_by(drill_runs.c.id))]


def filed_since(tx: Transaction, environment_id: int, since: datetime) -> list[DrillRun]:
    """The drills of an environment since an instant that became evidence, newest first."""
    mine = (drill_runs.c.environment_id == environment_id, drill_runs.c.started_at > since)
    filed = select(drill_runs).where(*mine, drill_runs.c.evidence != {})
    return [_run(row) for row in tx.execute(filed.order_by(drill_runs.c.id.desc()))]


def last_result(tx: Transaction, environment_id: int) -> DrillRun | None:
    """The newest drill of an environment that told something."""
    told = drill_runs.c.state.in_([DrillState.PASSED.value, DrillState.FAILED.value])
    newest = select(drill_runs).where(drill_runs.c.environment_id == environment_id, told)
    row = tx.execute(newest.order_by(drill_runs.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else _run(row)


def runs_of(tx: Transaction, environment_id: int, before: int | None, limit: int) -> list[DrillRun]:
    """The drills of an environment with an id below ``before``, newest first."""
    page = select(drill_runs).where(drill_runs.c.environment_id == environment_id)
    if before is not None:
        page = page.where(drill_runs.c.id < before)
    return [_run(row) for row in tx.execute(page.order_by(drill_runs.c.id.desc()).limit(limit))]


def get_run(tx: Transaction, environment_id: int, id: int) -> DrillRun:
    """One drill of an environment, or NotFound."""
    this = (drill_runs.c.environment_id == environment_id, drill_runs.c.id == id)
    row = tx.execute(select(drill_runs).where(*this)).one_or_none()
    if row is None:
        raise NotFound("drill", str(id))
    return _run(row)


def _drill(row: Row[Any]) -> Drill:
    known = {name: value for name, value in row._mapping.items() if name != "id"}
    return Drill(**{**known, "due_at": readable_instant(row.due_at)})


def _run(row: Row[Any]) -> DrillRun:
    known = {name: value for name, value in row._mapping.items() if name != "took_us"}
    readable = {
        "state": DrillState(row.state),
        "started_at": readable_instant(row.started_at),
        "ended_at": None if row.ended_at is None else readable_instant(row.ended_at),
        "took": None if row.took_us is None else timedelta(microseconds=row.took_us),
        "evidence": row.evidence if isinstance(row.evidence, dict) else {},
    }
    return DrillRun(**{**known, **readable})
