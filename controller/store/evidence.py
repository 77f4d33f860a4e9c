"""Evidence that was handed in, and requirements that were waived."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from controller.errors import NotFound
from controller.store.columns import Unreadable, readable_instant
from controller.store.database import Transaction
from controller.store.reports import report_from_json
from controller.store.tables import evidence, waivers
from stages import EvalReport, Evidence, Part, Waiver


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvidence:
    """An answer to a requirement, and who handed it in. ``sha256`` is that of the artifact.

    ``parts`` are the digests of the parts of its release, ``report`` is what was read from the artifact.
    """

    id: int
    feature_id: int
    requirement: str
    release: str | None
    summary: str
    uri: str
    sha256: str
    accepted_by: str
    accepted_at: datetime
    expires_at: datetime | None
    made_at: datetime
    parts: Mapping[Part, str]
    report: EvalReport | None

    @property
    def judged(self) -> Evidence:
        """What a promotion needs to know of it."""
        return Evidence(
            id=f"e-{self.id}",
            requirement=self.requirement,
            release=self.release,
            parts=self.parts,
            made_at=self.made_at,
            expires_at=self.expires_at,
            sha256=self.sha256,
            report=self.report,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWaiver:
    """A requirement that somebody let pass for a while."""

    id: int
    feature_id: int
    requirement: str
    release: str | None
    approver: str
    reason: str
    trigger: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    @property
    def judged(self) -> Waiver:
        """What a promotion needs to know of it; one that was revoked ended then."""
        ended = self.expires_at if self.revoked_at is None else min(self.expires_at, self.revoked_at)
        return Waiver(
            id=f"w-{self.id}",
            requirement=self.requirement,
            release=self.release,
            approver=self.approver,
            reason=self.reason,
            trigger=self.trigger,
            expires_at=ended,
        )


def add_evidence(tx: Transaction, **values: object) -> StoredEvidence:
    """Record evidence; ``parts`` and ``report`` as JSON values."""
    return _evidence(tx.execute(insert(evidence).values(**values).returning(evidence)).one())


def get_evidence(tx: Transaction, feature_id: int, id: int) -> StoredEvidence:
    """One piece of evidence of a feature, or NotFound."""
    this = select(evidence).where(evidence.c.feature_id == feature_id, evidence.c.id == id)
    row = tx.execute(this).one_or_none()
    if row is None:
        raise NotFound("evidence", str(id))
    return _evidence(row)


def evidence_of(
    tx: Transaction, feature_id: int, after: int = 0, limit: int = 1_000_000
) -> list[StoredEvidence]:
    """The evidence of a feature, oldest first."""
    page = select(evidence).where(evidence.c.feature_id == feature_id, evidence.c.id > after)
    return [_evidence(row) for row in tx.execute(page.order_by(evidence.c.id).limit(limit))]


def add_waiver(tx: Transaction, **values: object) -> StoredWaiver:
    """Record that a requirement was waived."""
    row = tx.execute(insert(waivers).values(**values).returning(waivers)).one()
    return StoredWaiver(**row._mapping)


def get_waiver(tx: Transaction, feature_id: int, id: int) -> StoredWaiver:
    """One waiver of a feature, or NotFound."""
    row = tx.execute(
        select(waivers).where(waivers.c.feature_id == feature_id, waivers.c.id == id)
    ).one_or_none()
    if row is None:
        raise NotFound("waiver", str(id))
    return StoredWaiver(**row._mapping)


def waivers_of(
    tx: Transaction, feature_id: int, after: int = 0, limit: int = 1_000_000
) -> list[StoredWaiver]:
    """The waivers of a feature, oldest first."""
    page = select(waivers).where(waivers.c.feature_id == feature_id, waivers.c.id > after)
    return [StoredWaiver(**row._mapping) for row in tx.execute(page.order_by(waivers.c.id).limit(limit))]


def evidence_by_feature(tx: Transaction, feature_ids: Iterable[int]) -> dict[int, list[StoredEvidence]]:
    """What was handed in for many features."""
    ids = list(feature_ids)
    found: dict[int, list[StoredEvidence]] = {id: [] for id in ids}
    for row in tx.execute(select(evidence).where(evidence.c.feature_id.in_(ids)).order_by(evidence.c.id)):
        found[row.feature_id].append(_evidence(row))
    return found


def waivers_by_feature(tx: Transaction, feature_ids: Iterable[int]) -> dict[int, list[StoredWaiver]]:
    """What was let pass for many features."""
    ids = list(feature_ids)
    found: dict[int, list[StoredWaiver]] = {id: [] for id in ids}
    for row in tx.execute(select(waivers).where(waivers.c.feature_id.in_(ids)).order_by(waivers.c.id)):
        found[row.feature_id].append(StoredWaiver(**row._mapping))
    return found


def end_waiver(tx: Transaction, id: int, now: datetime) -> None:
    """Let a waiver count no longer."""
    tx.execute(update(waivers).where(waivers.c.id == id).values(revoked_at=now))


def _evidence(row: Row[Any]) -> StoredEvidence:
    made_at = row.accepted_at if row.made_at is None else row.made_at
    readable = {
        "made_at": readable_instant(made_at),
        "parts": _parts(row.parts),
        "report": _report(row.report),
    }
    return StoredEvidence(**{**row._mapping, **readable})


def _parts(stored: Any) -> Mapping[Part, str]:
    """The digests that are there; whatever cannot be read equals no part of any release."""
    known = {part.value for part in Part}
    return (
        {Part(name): str(text) for name, text in stored.items() if name in known}
        if isinstance(stored, dict)
        else {}
    )


def _report(stored: Any) -> EvalReport | None:
    """The report; one that cannot be read is none, and then the evidence counts as unchecked."""
    if stored is None or isinstance(stored, Unreadable):
        return None
    try:
        return report_from_json(stored)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError):
        return None
