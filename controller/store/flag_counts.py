"""How often flags were answered with which variant, by day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from controller.store.columns import readable_instant
from controller.store.database import Transaction
from controller.store.tables import flag_counts


@dataclass(frozen=True, slots=True)
class Use:
    """How often a flag was answered with a variant since an instant, and the last day of it."""

    count: int
    last_day: datetime


def midnight(now: datetime) -> datetime:
    """The day by which is counted: it begins at midnight in UTC."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def add_counts(tx: Transaction, counts: Mapping[tuple[int, str, str], int], day: datetime) -> None:
    """Add to what was counted on a day, by environment, flag and variant."""
    if not counts:
        return
    new = (sqlite if tx.dialect.name == "sqlite" else postgresql).insert(flag_counts)
    upsert = new.on_conflict_do_update(
        index_elements=["environment_id", "day", "flag", "variant"],
        set_={"count": flag_counts.c.count + new.excluded.count},
    )
    rows = [
        {"environment_id": environment_id, "flag": flag, "variant": variant, "day": day, "count": count}
        for (environment_id, flag, variant), count in sorted(counts.items())
    ]
    tx.execute(upsert, rows)


def uses_since(tx: Transaction, environment_id: int, since: datetime) -> dict[str, dict[str, Use]]:
    """What was counted on the days since an instant, by flag and variant."""
    counted = (
        select(
            flag_counts.c.flag,
            flag_counts.c.variant,
            func.sum(flag_counts.c.count).label("count"),
            func.max(flag_counts.c.day).label("last_day"),
        )
        .where(flag_counts.c.environment_id == environment_id, flag_counts.c.day >= since)
        .group_by(flag_counts.c.flag, flag_counts.c.variant)
    )
    found: dict[str, dict[str, Use]] = {}
    for row in tx.execute(counted):
        use = Use(int(row._mapping["count"]), readable_instant(row.last_day))
        found.setdefault(row.flag, {})[row.variant] = use
    return found


def counted_since(tx: Transaction, environment_id: int) -> datetime | None:
    """The first day on which anything was counted in an environment; None if nothing ever was."""
    first = select(func.min(flag_counts.c.day)).where(flag_counts.c.environment_id == environment_id)
    day = tx.scalar(first)
    return None if day is None else readable_instant(day)


def forget_counts(tx: Transaction, before: datetime) -> None:
    """Delete what was counted on days before an instant."""
    tx.execute(delete(flag_counts).where(flag_counts.c.day < before))
