"""The narrower exposures of a rollout that a ladder can name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from controller.store.columns import Broken, build
from controller.store.database import Transaction
from controller.store.rollouts import exposure_from_json, exposure_to_json
from controller.store.tables import narrowings
from stages import Exposure


@dataclass(frozen=True, slots=True)
class Narrowing:
    """A ceiling for an exposure, under a name: what goes beyond it is taken away."""

    id: int
    key: str
    ceiling: Exposure


def find_narrowing(tx: Transaction, rollout_id: int, key: str) -> Narrowing | Broken | None:
    """The narrowing of a rollout with this name, if there is one."""
    this = select(narrowings).where(narrowings.c.rollout_id == rollout_id, narrowings.c.key == key)
    row = tx.execute(this).one_or_none()
    return _narrowing(row) if row else None


def narrowings_of(tx: Transaction, rollout_id: int) -> list[Narrowing | Broken]:
    """The narrowings of a rollout, by their names."""
    rows = select(narrowings).where(narrowings.c.rollout_id == rollout_id).order_by(narrowings.c.key)
    return [_narrowing(row) for row in tx.execute(rows)]


def put_narrowing(tx: Transaction, rollout_id: int, key: str, ceiling: Exposure) -> None:
    """Give a narrowing this meaning, whether or not it was there."""
    this, values = (narrowings.c.rollout_id == rollout_id, narrowings.c.key == key), exposure_to_json(ceiling)
    if not tx.execute(update(narrowings).where(*this).values(exposure=values)).rowcount:
        tx.execute(insert(narrowings).values(rollout_id=rollout_id, key=key, exposure=values))


def drop_narrowing(tx: Transaction, rollout_id: int, key: str) -> bool:
    """Remove a narrowing; whether it was there."""
    this = (narrowings.c.rollout_id == rollout_id, narrowings.c.key == key)
    return bool(tx.execute(delete(narrowings).where(*this)).rowcount)


def _narrowing(row: Row[Any]) -> Narrowing | Broken:
    return build(row.id, row.key, lambda: Narrowing(row.id, row.key, exposure_from_json(row.exposure)))
