"""Projects and their environments."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from controller.errors import Conflict, NotFound
from controller.store.announcements import announce, flags_of
from controller.store.database import RAISED, Transaction
from controller.store.tables import environments, projects, revisions
from stages import digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A tenant."""

    id: int
    key: str
    name: str
    business_unit: str
    tightening: Mapping[str, Any] | None = None
    created_at: datetime

    @property
    def seen(self) -> str:
        """A name for what it asks for besides the installation, so that nobody overwrites what they have not seen."""
        return digest(self.tightening if isinstance(self.tightening, Mapping) else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A place where features run. ``revision`` counts the snapshots of its flags."""

    id: int
    project_id: int
    key: str
    name: str
    protected: bool
    revision: int
    created_at: datetime


def add_project(tx: Transaction, key: str, name: str, business_unit: str, now: datetime) -> Project:
    """Make a project.

    Raises:
        Conflict: The key is taken.
    """
    if tx.scalar(select(projects.c.id).where(projects.c.key == key)):
        raise Conflict("key_taken", f"there is a project {key!r} already; choose another key")
    tx.execute(insert(projects).values(key=key, name=name, business_unit=business_unit, created_at=now))
    return get_project(tx, key)


def get_project(tx: Transaction, key: str) -> Project:
    """One project, or NotFound."""
    row = tx.execute(_PROJECT.where(projects.c.key == key)).one_or_none()
    if row is None:
        raise NotFound("project", key)
    return Project(**row._mapping)


def project_by_id(tx: Transaction, id: int) -> Project:
    """The project with this id; it exists."""
    return Project(**tx.execute(_PROJECT.where(projects.c.id == id)).one()._mapping)


def tighten(tx: Transaction, project_id: int, tightening: Mapping[str, Any] | None) -> None:
    """Say where a project asks for more than the installation's plans; None: nowhere."""
    tx.execute(update(projects).where(projects.c.id == project_id).values(tightening=tightening))


def all_projects(tx: Transaction) -> list[Project]:
    """Every project, in the order they were made."""
    return [Project(**row._mapping) for row in tx.execute(_PROJECT.order_by(projects.c.id))]


def add_environment(
    tx: Transaction, project: Project, key: str, name: str, *, protected: bool, now: datetime
) -> Environment:
    """Make an environment.

    Raises:
        Conflict: The key is taken.
    """
    if any(environment.key == key for environment in environments_of(tx, project.id)):
        raise Conflict("key_taken", f"there is an environment {key!r} already; choose another key")
    values = {"project_id": project.id, "key": key, "name": name, "protected": protected, "created_at": now}
    tx.execute(insert(environments).values(**values))
    return get_environment(tx, project.id, key)


def get_environment(tx: Transaction, project_id: int, key: str) -> Environment:
    """One environment of a project, or NotFound."""
    of_key = _ENVIRONMENT.where(environments.c.project_id == project_id, environments.c.key == key)
    row = tx.execute(of_key).one_or_none()
    if row is None:
        raise NotFound("environment", key)
    return Environment(**row._mapping)


def environment_by_id(tx: Transaction, id: int) -> Environment:
    """The environment with this id; it exists."""
    return Environment(**tx.execute(_ENVIRONMENT.where(environments.c.id == id)).one()._mapping)


def environments_of(tx: Transaction, project_id: int) -> list[Environment]:
    """The environments of a project, in the order they were made."""
    rows = tx.execute(_ENVIRONMENT.where(environments.c.project_id == project_id).order_by(environments.c.id))
    return [Environment(**row._mapping) for row in rows]


def all_environments(tx: Transaction) -> list[Environment]:
    """Every environment of every project, in the order they were made."""
    return [Environment(**row._mapping) for row in tx.execute(_ENVIRONMENT.order_by(environments.c.id))]


def lock_environment(tx: Transaction, environment_id: int) -> None:
    """Keep everybody else from changing what an environment serves until the transaction ends."""
    this = select(environments.c.id).where(environments.c.id == environment_id)
    tx.execute(this.with_for_update(key_share=True))


def raise_revision(tx: Transaction, environment_id: int, now: datetime) -> int:
    """Count one more snapshot of an environment's flags, and return its number.

    Whatever else the same transaction changes is first seen together with this, and belongs to the same snapshot.
    """
    raised: dict[int, int] = tx.info[RAISED]
    if environment_id not in raised:
        raised[environment_id] = _raise(tx, environment_id, now)
    return raised[environment_id]


def _raise(tx: Transaction, environment_id: int, now: datetime) -> int:
    raised = (
        update(environments)
        .where(environments.c.id == environment_id)
        .values(revision=environments.c.revision + 1)
        .returning(environments.c.revision)
    )
    number = int(tx.execute(raised).scalar_one())
    # Where the environment came back from a backup, the number may have been there before.
    tx.execute(
        delete(revisions).where(revisions.c.environment_id == environment_id, revisions.c.number >= number)
    )
    tx.execute(insert(revisions).values(environment_id=environment_id, number=number, at=now))
    announce(tx, flags_of(environment_id))
    return number


def current_revisions(tx: Transaction) -> dict[int, int]:
    """The revision of every environment's flags, by the environment's id."""
    return {row.id: row.revision for row in tx.execute(select(environments.c.id, environments.c.revision))}


_PROJECT = select(
    projects.c.id,
    projects.c.key,
    projects.c.name,
    projects.c.business_unit,
    projects.c.tightening,
    projects.c.created_at,
)
_ENVIRONMENT = select(environments)


def project_keys(tx: Transaction, ids: Collection[int] | None = None) -> dict[int, str]:
    """The key of each project by its id: of those with these ids, or of all."""
    keys = select(projects.c.id, projects.c.key)
    if ids is not None:
        keys = keys.where(projects.c.id.in_(ids))
    return {row.id: row.key for row in tx.execute(keys)}
