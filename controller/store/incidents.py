"""Incidents: what a revert began, how far it has come, and all that was done about it.

Whoever changes an incident or its pointer moves holds the project's record first (`hold_record`): so nobody decides
on what somebody else is just changing, and two transactions never wait for each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from controller.errors import NotFound
from controller.store.columns import readable_instant
from controller.store.database import Transaction
from controller.store.tables import environments, features, incident_events, incidents, projects, rollouts
from stages import IncidentStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """A revert and what became of it.

    ``began_at`` is since when the trouble was known, ``opened_at`` since when users are out of it, with the
    ``revision`` of the environment's flags. ``by_hand``: it was closed although not all of it was done.
    """

    id: int
    project_id: int
    rollout_id: int
    environment_id: int
    feature: str
    environment: str
    began_at: datetime
    opened_at: datetime
    opened_by: str
    reason: str
    release_from: str
    release_to: str
    was_candidate: bool
    revision: int
    propagation_s: int
    status: IncidentStatus
    restored_at: datetime | None
    verified_at: datetime | None
    verified_by: str
    closed_at: datetime | None
    closed_by: str
    by_hand: bool
    follow_up: str
    resolution: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that was done about an incident. ``number`` is that of the pointer move it was about, if any."""

    at: datetime
    what: str
    actor: str
    number: int | None = None
    result: str
    message: str = ""


def hold_record(tx: Transaction, project_id: int) -> None:
    """Keep everybody else from recording in a project until the transaction ends."""
    tx.execute(select(projects.c.id).where(projects.c.id == project_id).with_for_update(key_share=True))


def open_incident(tx: Transaction, **values: Any) -> int:
    """Add an incident; ``values`` are the columns of its row. Returns its id."""
    return int(tx.execute(insert(incidents).values(**values).returning(incidents.c.id)).scalar_one())


def change_incident(tx: Transaction, id: int, **values: Any) -> None:
    """Write what is now known of an incident."""
    tx.execute(update(incidents).where(incidents.c.id == id).values(**values))


def get_incident(tx: Transaction, project_id: int, id: int) -> Incident:
    """One incident of a project, or NotFound."""
    row = tx.execute(_JOINED.where(features.c.project_id == project_id, incidents.c.id == id)).one_or_none()
    if row is None:
        raise NotFound("incident", str(id))
    return _incident(row)


def incident_by_id(tx: Transaction, id: int) -> Incident | None:
    """The incident with this id, if there is one."""
    row = tx.execute(_JOINED.where(incidents.c.id == id)).one_or_none()
    return _incident(row) if row else None


def incidents_of(
    tx: Transaction,
    project_id: int,
    *,
    environment: str | None = None,
    feature: str | None = None,
    status: IncidentStatus | None = None,
    is_open: bool = False,
    before: int | None = None,
    limit: int = 1_000_000,
) -> list[Incident]:
    """The incidents of a project, newest first: of one environment, feature or status, or those that are open."""
    page = _JOINED.where(features.c.project_id == project_id)
    if environment is not None:
        page = page.where(environments.c.key == environment)
    if feature is not None:
        page = page.where(features.c.key == feature)
    if status is not None:
        page = page.where(incidents.c.status == status.value)
    if is_open:
        page = page.where(incidents.c.closed_at.is_(None))
    if before is not None:
        page = page.where(incidents.c.id < before)
    return [_incident(row) for row in tx.execute(page.order_by(incidents.c.id.desc()).limit(limit))]


def open_incidents_on(tx: Transaction, rollout_id: int) -> list[int]:
    """The ids of a rollout's incidents that nobody has closed, oldest first."""
    mine = select(incidents.c.id).where(incidents.c.rollout_id == rollout_id, incidents.c.closed_at.is_(None))
    return list(tx.scalars(mine.order_by(incidents.c.id)))


def reverted_by(tx: Transaction, rollout_id: int, by: str, since: datetime) -> list[str]:
    """The releases that somebody reverted in a rollout since an instant."""
    mine = (incidents.c.rollout_id == rollout_id, incidents.c.opened_by == by, incidents.c.opened_at >= since)
    return list(tx.scalars(select(incidents.c.release_from).where(*mine).order_by(incidents.c.id)))


def unverified_incidents(tx: Transaction) -> list[Incident]:
    """The incidents whose pointers are settled, and of which it is not shown yet that the revert worked."""
    waiting = _JOINED.where(incidents.c.status == IncidentStatus.RESTORED.value)
    return [_incident(row) for row in tx.execute(waiting.order_by(incidents.c.id))]


def add_event(tx: Transaction, incident_id: int, event: Event) -> None:
    """Add to what was done about an incident."""
    values = {name: getattr(event, name) for name in Event.__slots__}
    tx.execute(insert(incident_events).values(incident_id=incident_id, **values))


def events_of(tx: Transaction, incident_id: int) -> list[Event]:
    """What was done about an incident, in the order it was done."""
    mine = select(incident_events).where(incident_events.c.incident_id == incident_id)
    return [_event(row) for row in tx.execute(mine.order_by(incident_events.c.id))]


_JOINED = (
    select(
        incidents,
        rollouts.c.environment_id,
        features.c.project_id,
        features.c.key.label("feature"),
        environments.c.key.label("environment"),
    )
    .join(rollouts, rollouts.c.id == incidents.c.rollout_id)
    .join(features, features.c.id == rollouts.c.feature_id)
    .join(environments, environments.c.id == rollouts.c.environment_id)
)


def _incident(row: Row[Any]) -> Incident:
    """An incident; of what cannot be read in its row, the less good is taken to be the case."""
    readable = {
        "began_at": readable_instant(row.began_at),
        "opened_at": readable_instant(row.opened_at),
        "status": _status(row.status),
        **{name: _known(getattr(row, name)) for name in ("restored_at", "verified_at", "closed_at")},
    }
    return Incident(**{**row._mapping, **readable})


def _event(row: Row[Any]) -> Event:
    values = {name: getattr(row, name) for name in Event.__slots__}
    return Event(**{**values, "at": readable_instant(row.at)})


def _status(stored: object) -> IncidentStatus:
    return next((status for status in IncidentStatus if status == stored), IncidentStatus.CONTAINED)


def _known(stored: object) -> datetime | None:
    """An instant that cannot be read has not come."""
    return stored if isinstance(stored, datetime) else None
