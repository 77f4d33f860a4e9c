"""Changes that would loosen a trigger, until somebody else has agreed to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, insert, select, update

from controller.errors import NotFound
from controller.store.columns import readable_instant
from controller.store.database import Transaction
from controller.store.tables import environments, features, rollouts, trigger_proposals, triggers


class ProposalStatus(StrEnum):
    """What became of a proposal."""

    OPEN = "open"
    APPLIED = "applied"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a trigger shall be instead; without a definition it shall be removed. ``version`` is what it was about."""

    id: int
    trigger_id: int
    version: int
    definition: Mapping[str, Any] | None
    reason: str
    proposed_by: str
    proposed_at: datetime
    status: str
    decided_by: str
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class PlacedProposal:
    """A proposal with the keys of the trigger that it is about."""

    proposal: Proposal
    environment: str
    feature: str
    trigger: str


def add_proposal(
    tx: Transaction,
    trigger_id: int,
    version: int,
    definition: Mapping[str, Any] | None,
    reason: str,
    by: str,
    now: datetime,
) -> Proposal:
    """Keep a proposal; one that is open about the same trigger gives way to it."""
    this = (trigger_proposals.c.trigger_id == trigger_id, _OPEN)
    tx.execute(update(trigger_proposals).where(*this).values(**_decided(ProposalStatus.WITHDRAWN, by, now)))
    values = {
        "trigger_id": trigger_id,
        "version": version,
        "definition": None if definition is None else dict(definition),
        "reason": reason,
        "proposed_by": by,
        "proposed_at": now,
        "status": ProposalStatus.OPEN.value,
    }
    made = insert(trigger_proposals).values(**values).returning(trigger_proposals)
    return _proposal(tx.execute(made).one())


def get_proposal(tx: Transaction, trigger_id: int, id: int) -> Proposal:
    """One proposal about a trigger, or NotFound."""
    this = (trigger_proposals.c.trigger_id == trigger_id, trigger_proposals.c.id == id)
    row = tx.execute(select(trigger_proposals).where(*this)).one_or_none()
    if row is None:
        raise NotFound("proposal", str(id))
    return _proposal(row)


def proposals_of(tx: Transaction, trigger_id: int) -> list[Proposal]:
    """The proposals about a trigger, newest first."""
    mine = select(trigger_proposals).where(trigger_proposals.c.trigger_id == trigger_id)
    return [_proposal(row) for row in tx.execute(mine.order_by(trigger_proposals.c.id.desc()))]


def open_trigger_proposals(tx: Transaction, project_id: int) -> list[PlacedProposal]:
    """The proposals about triggers of a project that wait for somebody, oldest first."""
    waiting = (
        select(
            trigger_proposals,
            environments.c.key.label("environment"),
            features.c.key.label("feature"),
            triggers.c.key.label("trigger"),
        )
        .join(triggers, triggers.c.id == trigger_proposals.c.trigger_id)
        .join(rollouts, rollouts.c.id == triggers.c.rollout_id)
        .join(environments, environments.c.id == rollouts.c.environment_id)
        .join(features, features.c.id == rollouts.c.feature_id)
        .where(environments.c.project_id == project_id, _OPEN)
        .order_by(trigger_proposals.c.id)
    )
    return [_placed(row) for row in tx.execute(waiting)]


def settle_proposal(tx: Transaction, id: int, status: ProposalStatus, by: str, now: datetime) -> bool:
    """Write what became of a proposal; whether it was open."""
    this = (trigger_proposals.c.id == id, _OPEN)
    return bool(
        tx.execute(update(trigger_proposals).where(*this).values(**_decided(status, by, now))).rowcount
    )


_OPEN = trigger_proposals.c.status == ProposalStatus.OPEN.value


def _decided(status: ProposalStatus, by: str, now: datetime) -> dict[str, Any]:
    return {"status": status.value, "decided_by": by, "decided_at": now}


def _proposal(row: Row[Any]) -> Proposal:
    decided_at = None if row.decided_at is None else readable_instant(row.decided_at)
    named = {name: getattr(row, name) for name in Proposal.__slots__}
    return Proposal(**{**named, "proposed_at": readable_instant(row.proposed_at), "decided_at": decided_at})


def _placed(row: Row[Any]) -> PlacedProposal:
    return PlacedProposal(_proposal(row), row.environment, row.feature, row.trigger)
