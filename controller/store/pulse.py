"""A short name of the state that pages show: it is another one as soon as they would look otherwise."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Text, func, or_, select, type_coerce

from controller.store.database import Transaction
from controller.store.tables import (
    environments,
    incident_events,
    incidents,
    instances,
    projects,
    rollouts,
    triggers,
)
from triggers import Phase, Verdict

_PATIENCE = timedelta(minutes=1)


def pulse(tx: Transaction, rollout_id: int | None, within: Collection[int] | None, now: datetime) -> str:
    """The name of the present state: of what is recorded in these projects and which triggers are in trouble.

    With a rollout, also of when its triggers were evaluated, of its incidents, and of what instances run.
    """
    recorded = select(func.sum(projects.c.head_seq))
    noted = select(func.max(incident_events.c.id))
    trouble = select(triggers.c.id).where(in_trouble(now))
    if within is not None:
        seen = select(rollouts.c.id).join(environments, environments.c.id == rollouts.c.environment_id)
        seen = seen.where(environments.c.project_id.in_(within))
        recorded = recorded.where(projects.c.id.in_(within))
        noted = noted.join(incidents, incidents.c.id == incident_events.c.incident_id)
        noted = noted.where(incidents.c.rollout_id.in_(seen))
        trouble = trouble.where(triggers.c.rollout_id.in_(seen))
    counted = [trouble.with_only_columns(count) for count in (func.count(), func.sum(triggers.c.id))]
    asked: list[ColumnElement[Any]] = [each.scalar_subquery() for each in (recorded, noted, *counted)]
    if rollout_id is not None:
        mine = select(func.max(triggers.c.evaluated_at)).where(triggers.c.rollout_id == rollout_id)
        asked.append(type_coerce(mine.scalar_subquery(), Text))
        asked.append(select(func.count()).where(incidents.c.rollout_id == rollout_id).scalar_subquery())
        here = select(rollouts.c.environment_id).where(rollouts.c.id == rollout_id).scalar_subquery()
        told = select(func.count(), func.sum(instances.c.revision)).where(instances.c.environment_id == here)
        asked += [told.with_only_columns(column).scalar_subquery() for column in told.selected_columns]
    return "-".join(str(part or 0) for part in tx.execute(select(*asked)).one())


def in_trouble(now: datetime) -> ColumnElement[bool]:
    """Whether somebody should look at a trigger: it fires, sees nothing, is overdue or cannot be read."""
    # The state is text: a row that is damaged must not fail the query.
    state = type_coerce(triggers.c.state, Text)
    sighted = [verdict.value for verdict in Verdict if not verdict.is_blind]
    return or_(
        triggers.c.broken.is_not(None),
        triggers.c.verdict.not_in(sighted),
        state.like(f'%"{Phase.FIRING.value}"%'),
        triggers.c.due_at < now - _PATIENCE,
    )
