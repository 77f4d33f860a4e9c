"""Features, and the tombstones of deleted ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from controller.errors import Conflict, NotFound, VersionConflict
from controller.store.columns import readable_instant
from controller.store.database import Transaction
from controller.store.tables import environments, features
from stages import Autonomy


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
    tier_lowered_by: str = ""
    hypothesis: str = ""
    success: str = ""
    business_metric: Mapping[str, Any] | None = None
    data_sources: list[Any] = field(default_factory=list)
    oversight: str | None = None
    autonomy_cap: str = Autonomy.EXECUTE.value
    people: Mapping[str, str] = field(default_factory=dict)
    reviewers: list[str] = field(default_factory=list)
    regulatory: list[Any] = field(default_factory=list)
    expected_daily_answers: int | None = None
    review_capacity_per_day: int | None = None
    automatic_moves_per_day: int | None = None
    on_switch: str = "move"
    fallback: str = ""
    when_lost: str
    client_visible: bool = False
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
    values = _columns(described)
    tx.execute(insert(features).values(project_id=project_id, key=key, created_at=now, **values))
    return get_feature(tx, project_id, key)


def get_feature(tx: Transaction, project_id: int, key: str) -> Feature:
    """One feature of a project, or NotFound."""
    row = tx.execute(_living(project_id).where(features.c.key == key)).one_or_none()
    if row is None:
        raise NotFound("feature", key)
    return _feature(row)


def features_of(tx: Transaction, project_id: int, after: int = 0, limit: int = 1_000_000) -> list[Feature]:
    """The features of a project with an id above ``after``, in the order they were made."""
    page = _living(project_id).where(features.c.id > after).order_by(features.c.id).limit(limit)
    return [_feature(row) for row in tx.execute(page)]


def known_features(tx: Transaction, project_id: int) -> dict[str, datetime | None]:
    """The keys of every feature of a project, also of deleted ones: those with the time of it."""
    rows = tx.execute(
        select(features.c.key, features.c.deleted_at).where(features.c.project_id == project_id)
    )
    return {row.key: row.deleted_at for row in rows}


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
    values = _columns(described) | {"version": feature.version + 1}
    changed = tx.execute(update(features).where(*mine).values(**values))
    now = get_feature(tx, feature.project_id, feature.key)
    if not changed.rowcount:
        raise VersionConflict(f"the feature {feature.key}", now.version)
    return now


def bury_feature(tx: Transaction, feature: Feature, now: datetime) -> None:
    """Delete a feature; its key stays behind and is not given out again."""
    tx.execute(update(features).where(features.c.id == feature.id).values(deleted_at=now))


def find_buried(tx: Transaction, project_id: int, key: str) -> tuple[Feature, datetime] | None:
    """A feature that was deleted, and when; None if there is none of this key."""
    gone = features.c.project_id == project_id, features.c.key == key, features.c.deleted_at.is_not(None)
    row = tx.execute(_COLUMNS.add_columns(features.c.deleted_at).where(*gone)).one_or_none()
    if row is None:
        return None
    return feature_by_id(tx, row.id), readable_instant(row.deleted_at)


def revive_feature(tx: Transaction, feature: Feature) -> Feature:
    """Let a deleted feature be there again as it was."""
    values = {"deleted_at": None, "version": feature.version + 1}
    tx.execute(update(features).where(features.c.id == feature.id).values(**values))
    return get_feature(tx, feature.project_id, feature.key)


def feature_by_id(tx: Transaction, id: int) -> Feature:
    """The feature with this id, also one that was deleted."""
    return _feature(tx.execute(_COLUMNS.where(features.c.id == id)).one())


def features_by_id(tx: Transaction, ids: Iterable[int]) -> dict[int, Feature]:
    """Features by their ids."""
    rows = tx.execute(_COLUMNS.where(features.c.id.in_(list(ids))))
    return {row.id: _feature(row) for row in rows}


def feature_names(tx: Transaction, project_id: int, keys: Iterable[str]) -> dict[str, str]:
    """What features are called, by their keys; those without a name are left out."""
    if not (wanted := {key for key in keys if key}):
        return {}
    named = select(features.c.key, features.c.name).where(
        features.c.project_id == project_id, features.c.key.in_(wanted), features.c.name != ""
    )
    return {row.key: row.name for row in tx.execute(named)}


def _columns(described: Mapping[str, object]) -> dict[str, object]:
    """What is said of a feature as it stands in a row, where no oversight is an empty text."""
    oversight = {"oversight": described["oversight"] or ""} if "oversight" in described else {}
    return {**described, **oversight}


def _feature(row: Row[Any]) -> Feature:
    """A feature as it is shown. What a row from before these columns lacks is empty."""
    later = {
        "oversight": row.oversight or None,
        "people": row.people if isinstance(row.people, dict) else {},
        "reviewers": row.reviewers if isinstance(row.reviewers, list) else [],
        "regulatory": row.regulatory if isinstance(row.regulatory, list) else [],
    }
    return Feature(**{**row._mapping, **later})


def _living(project_id: int) -> Any:
    return _COLUMNS.where(features.c.project_id == project_id, features.c.deleted_at.is_(None))


def _taken(key: str, deleted_at: datetime | None) -> Conflict:
    if deleted_at is None:
        return Conflict("key_taken", f"there is a feature {key!r} already; choose another key")
    detail = f"a feature {key!r} was deleted on {deleted_at:%Y-%m-%d}; product code may still ask for it"
    return Conflict("key_retired", f"{detail}. Choose another key.")
