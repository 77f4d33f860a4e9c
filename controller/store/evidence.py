"""Evidence that was accepted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select

from controller.store.database import Transaction
from controller.store.tables import evidence
from stages import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvidence:
    """An answer to a requirement, and who accepted it. ``sha256`` is that of the artifact."""

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

    @property
    def judged(self) -> Evidence:
        """What a promotion needs to know of it."""
        return Evidence(
            id=f"e-{self.id}", requirement=self.requirement, release=self.release, expires_at=self.expires_at
        )


def add_evidence(tx: Transaction, **values: object) -> StoredEvidence:
    """Record accepted evidence."""
    new = tx.execute(insert(evidence).values(**values).returning(evidence)).one()
    return StoredEvidence(**new._mapping)


def evidence_of(
    tx: Transaction, feature_id: int, after: int = 0, limit: int = 1_000_000
) -> list[StoredEvidence]:
    """The evidence of a feature, oldest first."""
    page = select(evidence).where(evidence.c.feature_id == feature_id, evidence.c.id > after)
    return [StoredEvidence(**row._mapping) for row in tx.execute(page.order_by(evidence.c.id).limit(limit))]
