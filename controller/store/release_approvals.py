"""Who agreed that a release may come to the users of a rollout."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, select

from controller.store.database import Transaction
from controller.store.tables import release_approvals
from stages import Approval


def approvals_of_release(tx: Transaction, rollout_id: int, release: str) -> list[Approval]:
    """All approvals that were given of a release, oldest first, also of what was shown earlier."""
    mine = (release_approvals.c.rollout_id == rollout_id, release_approvals.c.release == release)
    rows = tx.execute(select(release_approvals).where(*mine).order_by(release_approvals.c.id))
    return [Approval(actor=row.actor, seen=row.seen) for row in rows]


def add_release_approval(
    tx: Transaction, rollout_id: int, release: str, approval: Approval, now: datetime
) -> None:
    """Record that somebody agreed. The rollout is locked by whoever calls."""
    values = {"rollout_id": rollout_id, "release": release, "actor": approval.actor, "seen": approval.seen}
    tx.execute(insert(release_approvals).values(**values, created_at=now))
