"""How many requests to a source are left, for all workers together."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

from controller.store.database import Transaction
from controller.store.tables import source_budgets

BURST_S = 10.0
"""So many seconds' worth of requests may come at once."""


def take(tx: Transaction, key: str, per_minute: float, now: datetime) -> float:
    """Take one request; 0, or in how many seconds there is one again.

    It is the generic cell rate algorithm (ITU-T I.371): one instant is kept, at which everything that was taken would
    be used up if requests came evenly.
    """
    every_s = 60.0 / per_minute
    ahead_s = max(0.0, BURST_S - every_s)
    dialect = sqlite if tx.dialect.name == "sqlite" else postgresql
    tx.execute(dialect.insert(source_budgets).values(key=key, free_at=now).on_conflict_do_nothing())
    this = source_budgets.c.key == key
    kept: datetime = tx.execute(select(source_budgets.c.free_at).where(this).with_for_update()).scalar_one()
    free_at = max(now, kept)
    wait_s = (free_at - now).total_seconds() - ahead_s
    if wait_s > 0:
        return wait_s
    tx.execute(update(source_budgets).where(this).values(free_at=free_at + timedelta(seconds=every_s)))
    return 0.0
