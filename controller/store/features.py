"""Features, and the tombstones of deleted ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from controller.errors import Conflict, NotFound, VersionConflict
from controller.store.database import Transaction
from controller.store.tables import environments, features


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A GenAI capability, as its team describes it."""

    id: int
    project_id: int
    key: str
    name: str
    description: str = ""
    owner: str = ""
    budget_owner: str = ""
    risk_tier: str
    risk_rationale: str = ""
    classified_by: str = ""
    hypothesis: str = ""
    business_metric: Mapping[str, Any] | None = None
    data_sources: list[Any] = field(default_factory=list)
    fallback: str = ""
    when_lost: str
    version: int
    created_at: datetime


_COLUMNS = select(*(column for column in features.c if column.name != "deleted_at"))


def add_feature(tx: Transaction, project_id: int, key: str, now: datetime, **described: object) -> Feature:
    """Make a feature.

    Raises:
        Conflict: The key is taken, or belonged to a feature that was deleted.
    """
    deleted = select(features.c.deleted_at).where(features.c.project_id == project_id, features.c.key == key)
    if found := tx.execute(deleted).one_or_none():
        raise _taken(key, found.deleted_at)
    tx.execute(insert(features).values(project_id=project_id, key=key, created_at=now, **described))
    return get_feature(tx, project_id, key)


def get_feature(tx: Transaction, project_id: int, key: str) -> Feature:
    """One feature of a project, or NotFound."""
    row = tx.execute(_living(project_id).where(features.c.key == key)).one_or_none()
    if row is None:
        raise NotFound("feature", key)
    return Feature(**row._mapping)


def features_of(tx: Transaction, project_id: int, after: int = 0, limit: int = 1_000_000) -> list[Feature]:
    """The features of a project with an id above ``after``, in the order they were made."""
    page = _living(project_id).where(features.c.id > after).order_by(features.c.id).limit(limit)
    return [Feature(**row._mapping) for row in tx.execute(page)]


def feature_keys(tx: Transaction, environment_id: int) -> set[str]:
    """The keys of the features of the project that an environment belongs to."""
    of_project = (
        select(environments.c.project_id).where(environments.c.id == environment_id).scalar_subquery()
    )
    keys = select(features.c.key).where(features.c.project_id == of_project, features.c.deleted_at.is_(None))
    return set(tx.scalars(keys))


def change_feature(tx: Transaction, feature: Feature, **described: object) -> Feature:
    """Describe a feature anew.

    Raises:
        VersionConflict: Somebody else did so since ``feature`` was read.
    """
    mine = (features.c.id == feature.id, features.c.version == feature.version)
    changed = tx.execute(update(features).where(*mine).values(version=feature.version + 1, **described))
    now = get_feature(tx, feature.project_id, feature.key)
    if not changed.rowcount:
        raise VersionConflict(f"the feature {feature.key}", now.version)
    return now


def bury_feature(tx: Transaction, feature: Feature, now: datetime) -> None:
    """Delete a feature; its key stays behind and is not given out again."""
    tx.execute(update(features).where(features.c.id == feature.id).values(deleted_at=now))


def _living(project_id: int) -> Any:
    return _COLUMNS.where(features.c.project_id == project_id, features.c.deleted_at.is_(None))


def _taken(key: str, deleted_at: datetime | None) -> Conflict:
    if deleted_at is None:
        return Conflict("key_taken", f"there is a feature {key!r} already; choose another key")
    detail = f"a feature {key!r} was deleted on {deleted_at:%Y-%m-%d}; product code may still ask for it"
    return Conflict("key_retired", f"{detail}. Choose another key.")
