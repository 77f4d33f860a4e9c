"""What several features of a project suffer from together, and which of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Text, insert, select, type_coerce, update

from controller.errors import NotFound
from controller.store.columns import readable_instant
from controller.store.database import Transaction
from controller.store.tables import (
    environments,
    features,
    rollouts,
    shared_incident_members,
    shared_incidents,
    triggers,
)
from stages import Trouble
from triggers import Arming, Phase, State, TriggerClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A feature that suffers, where, and the trigger that says so."""

    rollout_id: int
    feature: str
    environment: str
    trigger: str
    joined_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedIncident:
    """One cause and everybody who suffers from it. ``model`` is empty if it is about a whole provider."""

    id: int
    project_id: int
    provider: str
    model: str
    reason: str
    opened_by: str
    opened_at: datetime
    closed_by: str
    closed_at: datetime | None
    resolution: str
    members: tuple[Member, ...] = ()

    @property
    def trouble(self) -> Trouble:
        """The same as the rules know it."""
        return Trouble(self.provider, self.model, self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """A trigger that fires, and what it fires about."""

    rollout_id: int
    feature_id: int
    feature: str
    environment: str
    trigger: str
    trigger_class: TriggerClass
    since: datetime
    release: str


def firing_in(tx: Transaction, project_id: int) -> list[Firing]:
    """The triggers of a project that fire outside shadow; those that cannot be read are left out."""
    state = type_coerce(triggers.c.state, Text)
    rows = tx.execute(
        select(
            triggers.c.rollout_id,
            triggers.c.key.label("trigger"),
            triggers.c.trigger_class,
            triggers.c.state,
            rollouts.c.feature_id,
            rollouts.c.stable,
            rollouts.c.candidate,
            features.c.key.label("feature"),
            environments.c.key.label("environment"),
        )
        .join(rollouts, rollouts.c.id == triggers.c.rollout_id)
        .join(features, features.c.id == rollouts.c.feature_id)
        .join(environments, environments.c.id == rollouts.c.environment_id)
        .where(
            features.c.project_id == project_id,
            triggers.c.broken.is_(None),
            triggers.c.arming != Arming.SHADOW.value,
            state.like(f'%"{Phase.FIRING.value}"%'),
        )
        .order_by(triggers.c.id)
    )
    return [firing for row in rows if (firing := _firing(row)) is not None]


def open_shared_incidents(tx: Transaction, project_id: int | None = None) -> list[SharedIncident]:
    """Those that nobody has closed, oldest first: of a project, or of all."""
    rows = select(shared_incidents).where(shared_incidents.c.closed_at.is_(None))
    if project_id is not None:
        rows = rows.where(shared_incidents.c.project_id == project_id)
    return [_incident(tx, row) for row in tx.execute(rows.order_by(shared_incidents.c.id)).all()]


def shared_incidents_of(
    tx: Transaction, project_id: int, *, before: int | None = None, limit: int = 50
) -> list[SharedIncident]:
    """The newest of a project, newest first."""
    page = select(shared_incidents).where(shared_incidents.c.project_id == project_id)
    if before is not None:
        page = page.where(shared_incidents.c.id < before)
    rows = tx.execute(page.order_by(shared_incidents.c.id.desc()).limit(limit)).all()
    return [_incident(tx, row) for row in rows]


def get_shared_incident(tx: Transaction, project_id: int, id: int) -> SharedIncident:
    """One of a project, or NotFound."""
    this = (shared_incidents.c.project_id == project_id, shared_incidents.c.id == id)
    row = tx.execute(select(shared_incidents).where(*this)).one_or_none()
    if row is None:
        raise NotFound("shared incident", str(id))
    return _incident(tx, row)


def open_shared_incident(tx: Transaction, project_id: int, trouble: Trouble, by: str, now: datetime) -> int:
    """Open one, still without members; gives its id."""
    values = {
        "project_id": project_id,
        "provider": trouble.provider,
        "model": trouble.model,
        "reason": trouble.why,
        "opened_by": by,
        "opened_at": now,
    }
    made = insert(shared_incidents).values(**values).returning(shared_incidents.c.id)
    return int(tx.execute(made).scalar_one())


def join_shared_incident(tx: Transaction, id: int, rollout_id: int, trigger: str, now: datetime) -> None:
    """Let a rollout be one of those that suffer."""
    members = shared_incident_members.c
    this = (members.shared_incident_id == id, members.rollout_id == rollout_id)
    if tx.scalar(select(members.id).where(*this)) is None:
        values = {"shared_incident_id": id, "rollout_id": rollout_id, "trigger": trigger, "joined_at": now}
        tx.execute(insert(shared_incident_members).values(**values))


def end_shared_incident(tx: Transaction, id: int, by: str, resolution: str, now: datetime) -> bool:
    """Close one; whether it was open."""
    this = (shared_incidents.c.id == id, shared_incidents.c.closed_at.is_(None))
    values = {"closed_by": by, "closed_at": now, "resolution": resolution}
    return bool(tx.execute(update(shared_incidents).where(*this).values(**values)).rowcount)


def _incident(tx: Transaction, row: Row[Any]) -> SharedIncident:
    joined = (
        select(
            shared_incident_members.c.rollout_id,
            shared_incident_members.c.trigger,
            shared_incident_members.c.joined_at,
            features.c.key.label("feature"),
            environments.c.key.label("environment"),
        )
        .join(rollouts, rollouts.c.id == shared_incident_members.c.rollout_id)
        .join(features, features.c.id == rollouts.c.feature_id)
        .join(environments, environments.c.id == rollouts.c.environment_id)
        .where(shared_incident_members.c.shared_incident_id == row.id)
        .order_by(shared_incident_members.c.id)
    )
    members = [
        Member(**{**one._mapping, "joined_at": readable_instant(one.joined_at)}) for one in tx.execute(joined)
    ]
    readable = {
        "opened_at": readable_instant(row.opened_at),
        "closed_at": None if row.closed_at is None else readable_instant(row.closed_at),
    }
    return SharedIncident(**{**row._mapping, **readable, "members": tuple(members)})


def _firing(row: Any) -> Firing | None:
    try:
        state, trigger_class = (
            State.from_json(row.state),
            TriggerClass(row.trigger_class or TriggerClass.OTHER),
        )
    except ValueError:
        return None
    release = row.candidate or row.stable
    if state.phase is not Phase.FIRING or state.since is None or not release:
        return None
    return Firing(
        rollout_id=row.rollout_id,
        feature_id=row.feature_id,
        feature=row.feature,
        environment=row.environment,
        trigger=row.trigger,
        trigger_class=trigger_class,
        since=state.since,
        release=release,
    )
