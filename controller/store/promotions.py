"""Promotions that were asked for, and who agreed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import insert, select, update

from controller.errors import NotFound
from controller.store.database import Transaction
from controller.store.rollouts import exposure_from_json, exposure_to_json
from controller.store.tables import approvals, promotions
from stages import Approval, Exposure, Stage


class Status(StrEnum):
    """What became of a promotion."""

    OPEN = "open"
    APPLIED = "applied"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """A request to go up."""

    id: int
    rollout_id: int
    to_stage: Stage
    exposure: Exposure | None
    requester: str
    reason: str
    status: Status
    created_at: datetime
    approvals: tuple[Approval, ...] = ()


def open_promotion(
    tx: Transaction,
    rollout_id: int,
    to_stage: Stage,
    exposure: Exposure | None,
    requester: str,
    reason: str,
    now: datetime,
) -> Promotion:
    """Record a request to go up."""
    values = {
        "rollout_id": rollout_id,
        "to_stage": to_stage.value,
        "exposure": exposure_to_json(exposure) if exposure else None,
        "requester": requester,
        "reason": reason,
        "status": Status.OPEN.value,
        "created_at": now,
    }
    id = tx.execute(insert(promotions).values(**values).returning(promotions.c.id)).scalar_one()
    return get_promotion(tx, rollout_id, id)


def get_promotion(tx: Transaction, rollout_id: int, id: int) -> Promotion:
    """One promotion of a rollout, or NotFound."""
    this = select(promotions).where(promotions.c.rollout_id == rollout_id, promotions.c.id == id)
    row = tx.execute(this).one_or_none()
    if row is None:
        raise NotFound("promotion", str(id))
    return _promotion(tx, row)


def promotions_of(
    tx: Transaction, rollout_id: int, after: int = 0, limit: int = 1_000_000
) -> list[Promotion]:
    """The promotions of a rollout, oldest first."""
    page = select(promotions).where(promotions.c.rollout_id == rollout_id, promotions.c.id > after)
    return [_promotion(tx, row) for row in tx.execute(page.order_by(promotions.c.id).limit(limit)).all()]


def add_approval(tx: Transaction, promotion: Promotion, approval: Approval, now: datetime) -> None:
    """Record that somebody agreed."""
    values = {"promotion_id": promotion.id, "actor": approval.actor, "seen": approval.seen, "created_at": now}
    tx.execute(insert(approvals).values(**values))


def settle_promotion(tx: Transaction, promotion: Promotion, status: Status, now: datetime) -> None:
    """Record what became of a promotion."""
    this = update(promotions).where(promotions.c.id == promotion.id)
    tx.execute(this.values(status=status.value, settled_at=now))


def _promotion(tx: Transaction, row: Any) -> Promotion:
    agreed = tx.execute(select(approvals).where(approvals.c.promotion_id == row.id).order_by(approvals.c.id))
    return Promotion(
        id=row.id,
        rollout_id=row.rollout_id,
        to_stage=Stage(row.to_stage),
        exposure=exposure_from_json(row.exposure) if row.exposure else None,
        requester=row.requester,
        reason=row.reason,
        status=Status(row.status),
        created_at=row.created_at,
        approvals=tuple(Approval(actor=approval.actor, seen=approval.seen) for approval in agreed),
    )
