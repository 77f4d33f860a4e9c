"""Which instances of product code run which revision, as they report it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, case, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from controller.store.columns import readable_instant
from controller.store.database import Transaction
from controller.store.tables import environments, instances, revisions

MAX_INSTANCES = 20_000
"""How many instances of an environment are known at most; those seen longest ago are forgotten first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A process of the product, and the revision it runs; None if it does not know itself.

    ``applied_at`` is when it put it in use by its own clock, ``told_at`` when we first heard of that.
    """

    id: int
    instance: str
    sdk: str
    app: str
    app_version: str
    revision: int | None
    etag: str
    applied_at: datetime
    told_at: datetime
    first_seen_at: datetime
    seen_at: datetime


def keep_instances(tx: Transaction, receipts: Sequence[Mapping[str, Any]]) -> None:
    """Write what instances reported, one receipt for each; each has all columns.

    An instance that reports the revision it had before is only seen again.
    """
    if not receipts:
        return
    new = (sqlite if tx.dialect.name == "sqlite" else postgresql).insert(instances)
    sent = new.excluded
    is_same = and_(instances.c.revision.is_not_distinct_from(sent.revision), instances.c.etag == sent.etag)
    once = ("applied_at", "told_at")
    anew: dict[str, Any] = {name: case((is_same, instances.c[name]), else_=sent[name]) for name in once}
    anew |= {name: sent[name] for name in ("sdk", "app", "app_version", "revision", "etag", "seen_at")}
    upsert = new.on_conflict_do_update(
        index_elements=["environment_id", "instance"], set_=anew, where=instances.c.seen_at <= sent.seen_at
    )
    # In one order, so that two who write the same instances do not wait for each other.
    tx.execute(upsert, sorted(receipts, key=lambda receipt: (receipt["environment_id"], receipt["instance"])))


def instances_in(
    tx: Transaction, environment_id: int, after: int = 0, limit: int = 1_000_000
) -> list[Instance]:
    """The instances of an environment, in the order they were first heard of."""
    page = select(instances).where(instances.c.environment_id == environment_id, instances.c.id > after)
    return [_instance(row) for row in tx.execute(page.order_by(instances.c.id).limit(limit))]


def revision_times(tx: Transaction, environment_id: int) -> dict[int, datetime]:
    """When revisions of an environment were made, as far as it is still known, oldest first."""
    known = select(revisions.c.number, revisions.c.at).where(revisions.c.environment_id == environment_id)
    return {row.number: readable_instant(row.at) for row in tx.execute(known.order_by(revisions.c.number))}


def forget_instances(tx: Transaction, before: datetime) -> None:
    """Delete instances that were not seen since an instant, and those beyond the most that are kept."""
    tx.execute(delete(instances).where(instances.c.seen_at < before))
    counted = select(instances.c.environment_id).group_by(instances.c.environment_id)
    for environment_id in tx.scalars(counted.having(func.count() > MAX_INSTANCES)).all():
        mine = instances.c.environment_id == environment_id
        newest = select(instances.c.id).where(mine).order_by(instances.c.seen_at.desc()).limit(MAX_INSTANCES)
        tx.execute(delete(instances).where(mine, instances.c.id.not_in(newest)))


def forget_revisions(tx: Transaction, before: datetime) -> None:
    """Delete the times of revisions from before an instant; that of the newest stays."""
    current = select(environments.c.revision).where(environments.c.id == revisions.c.environment_id)
    old = (revisions.c.at < before, revisions.c.number < current.scalar_subquery())
    tx.execute(delete(revisions).where(*old))


def _instance(row: Row[Any]) -> Instance:
    times = ("applied_at", "told_at", "first_seen_at", "seen_at")
    known = {name: value for name, value in row._mapping.items() if name != "environment_id"}
    return Instance(**known | {name: readable_instant(known[name]) for name in times})
