"""What was found the last time somebody looked whether a rollout could be reverted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from controller.store.columns import texts, typed
from controller.store.database import Transaction
from controller.store.tables import revert_checks, rollouts
from stages import EXPOSED


@dataclass(frozen=True, slots=True, kw_only=True)
class RevertCheck:
    """A look at the release that a revert would bring back.

    ``missing`` are the parts that are not there, ``unknown`` those of which it could not be found out. ``viable`` is
    what came of it then.
    """

    rollout_id: int
    release: str
    checked_at: datetime
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    viable: bool


def find_revert_check(tx: Transaction, rollout_id: int) -> RevertCheck | None:
    """The last look at a rollout; None if there was none, or it cannot be read."""
    row = tx.execute(select(revert_checks).where(revert_checks.c.rollout_id == rollout_id)).one_or_none()
    if row is None:
        return None
    try:
        return RevertCheck(
            rollout_id=row.rollout_id,
            release=typed(str, row.release),
            checked_at=typed(datetime, row.checked_at),
            missing=tuple(texts(row.missing)),
            unknown=tuple(texts(row.unknown)),
            viable=bool(row.viable),
        )
    except TypeError:
        return None


def keep_revert_check(tx: Transaction, check: RevertCheck) -> None:
    """Put a look in the place of the one before."""
    values: dict[str, Any] = {name: _plain(getattr(check, name)) for name in RevertCheck.__slots__}
    this = revert_checks.c.rollout_id == check.rollout_id
    if not tx.execute(update(revert_checks).where(this).values(**values)).rowcount:
        tx.execute(insert(revert_checks).values(**values))


def revertible_rollouts(tx: Transaction) -> Sequence[int]:
    """The rollouts that users have and that have a release to go back to."""
    stages = [stage.value for stage in EXPOSED]
    back = rollouts.c.candidate.is_not(None) | rollouts.c.previous.is_not(None)
    return tx.scalars(select(rollouts.c.id).where(rollouts.c.stage.in_(stages), back)).all()


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
