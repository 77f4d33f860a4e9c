"""Changes to what triggers depend on, settings of sources or limits of features, until somebody else has agreed."""

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
from controller.store.tables import proposals
from controller.store.trigger_proposals import ProposalStatus


class About(StrEnum):
    """What a proposal changes."""

    SOURCE = "source"
    FEATURE = "feature"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredProposal:
    """What a source or a feature shall be instead. ``seen`` is the digest of what it was when that was proposed."""

    id: int
    project_id: int
    about: str
    key: str
    seen: str
    wanted: Mapping[str, Any]
    reason: str
    proposed_by: str
    proposed_at: datetime
    status: str
    decided_by: str
    decided_at: datetime | None


def add_proposal_about(
    tx: Transaction,
    project_id: int,
    about: About,
    key: str,
    *,
    seen: str,
    wanted: Mapping[str, Any],
    reason: str,
    by: str,
    now: datetime,
) -> StoredProposal:
    """Keep a proposal; one that is open about the same gives way to it."""
    this = (*_this(project_id, about, key), _OPEN)
    tx.execute(update(proposals).where(*this).values(**_decided(ProposalStatus.WITHDRAWN, by, now)))
    values = {
        "project_id": project_id,
        "about": about.value,
        "key": key,
        "seen": seen,
        "wanted": dict(wanted),
        "reason": reason,
        "proposed_by": by,
        "proposed_at": now,
        "status": ProposalStatus.OPEN.value,
    }
    return _proposal(tx.execute(insert(proposals).values(**values).returning(proposals)).one())


def get_proposal_about(tx: Transaction, project_id: int, about: About, key: str, id: int) -> StoredProposal:
    """One proposal, or NotFound."""
    this = (*_this(project_id, about, key), proposals.c.id == id)
    row = tx.execute(select(proposals).where(*this)).one_or_none()
    if row is None:
        raise NotFound("proposal", str(id))
    return _proposal(row)


def proposals_about(tx: Transaction, project_id: int, about: About, key: str) -> list[StoredProposal]:
    """What was proposed about a source or a feature, newest first."""
    mine = select(proposals).where(*_this(project_id, about, key))
    return [_proposal(row) for row in tx.execute(mine.order_by(proposals.c.id.desc()))]


def open_proposals(tx: Transaction, project_id: int | None = None) -> list[StoredProposal]:
    """Those that wait for somebody, oldest first; without a project, in all of them."""
    waiting = select(proposals).where(_OPEN)
    if project_id is not None:
        waiting = waiting.where(proposals.c.project_id == project_id)
    return [_proposal(row) for row in tx.execute(waiting.order_by(proposals.c.id))]


def settle_proposal_about(tx: Transaction, id: int, status: ProposalStatus, by: str, now: datetime) -> bool:
    """Write what became of a proposal; whether it was open."""
    this = (proposals.c.id == id, _OPEN)
    return bool(tx.execute(update(proposals).where(*this).values(**_decided(status, by, now))).rowcount)


def rewrite_proposal(tx: Transaction, id: int, wanted: Mapping[str, Any]) -> None:
    """Put the same under another secret key in the place of what was wanted."""
    tx.execute(update(proposals).where(proposals.c.id == id).values(wanted=dict(wanted)))


_OPEN = proposals.c.status == ProposalStatus.OPEN.value


def _this(project_id: int, about: About, key: str) -> tuple[Any, ...]:
    return proposals.c.project_id == project_id, proposals.c.about == about.value, proposals.c.key == key


def _decided(status: ProposalStatus, by: str, now: datetime) -> dict[str, Any]:
    return {"status": status.value, "decided_by": by, "decided_at": now}


def _proposal(row: Row[Any]) -> StoredProposal:
    decided_at = None if row.decided_at is None else readable_instant(row.decided_at)
    wanted = row.wanted if isinstance(row.wanted, dict) else {}
    readable = {"proposed_at": readable_instant(row.proposed_at), "decided_at": decided_at, "wanted": wanted}
    return StoredProposal(**{**row._mapping, **readable})
