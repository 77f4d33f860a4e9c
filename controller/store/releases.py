"""Releases: sealed bundles with a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from controller.errors import NotFound
from controller.store.columns import readable_instant
from controller.store.database import Transaction
from controller.store.tables import releases
from stages import Goodness, Release


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRelease:
    """A release of a feature as it was recorded; ``number`` counts them."""

    id: int
    feature_id: int
    public_id: str
    digest: str
    number: int
    bundle: Mapping[str, Any]
    notes: str
    verdict: str
    verdict_reason: str
    blocked_at: datetime | None
    created_by: str
    created_at: datetime

    @property
    def goodness(self) -> Goodness:
        """The verdict; what cannot be read is not taken for good."""
        return Goodness(self.verdict) if self.verdict in _READABLE else Goodness.BAD


_READABLE = frozenset(each.value for each in Goodness)


def add_release(
    tx: Transaction, feature_id: int, sealed: Release, notes: str, by: str, now: datetime
) -> tuple[StoredRelease, bool]:
    """Record a sealed bundle. The same content is the same release: then nothing is added, and False is returned."""
    known = tx.execute(_of(feature_id).where(releases.c.public_id == sealed.id)).one_or_none()
    if known is not None:
        return _release(known), False
    numbers = tx.scalars(select(releases.c.number).where(releases.c.feature_id == feature_id))
    highest = max((number for number in numbers if isinstance(number, int)), default=0)
    tx.execute(
        insert(releases).values(
            feature_id=feature_id,
            public_id=sealed.id,
            digest=sealed.digest,
            number=highest + 1,
            bundle=dict(sealed.bundle),
            notes=notes,
            verdict=sealed.verdict,
            created_by=by,
            created_at=now,
        )
    )
    return get_release(tx, feature_id, sealed.id), True


def get_release(tx: Transaction, feature_id: int, public_id: str) -> StoredRelease:
    """One release of a feature, or NotFound."""
    row = tx.execute(_of(feature_id).where(releases.c.public_id == public_id)).one_or_none()
    if row is None:
        raise NotFound("release", public_id)
    return _release(row)


def releases_of(
    tx: Transaction, feature_id: int, after: int = 0, limit: int = 1_000_000
) -> list[StoredRelease]:
    """The releases of a feature, oldest first."""
    page = _of(feature_id).where(releases.c.id > after).order_by(releases.c.id).limit(limit)
    return [_release(row) for row in tx.execute(page)]


def bundles_of(tx: Transaction, feature_ids: Iterable[int]) -> dict[tuple[int, str], Any]:
    """The bundles of many features, by feature id and release id."""
    wanted = select(releases.c.feature_id, releases.c.public_id, releases.c.bundle)
    rows = tx.execute(wanted.where(releases.c.feature_id.in_(list(feature_ids))))
    return {(row.feature_id, row.public_id): row.bundle for row in rows}


def releases_by(tx: Transaction, pairs: Iterable[tuple[int, str]]) -> dict[tuple[int, str], StoredRelease]:
    """Releases by the ids of their features and their own public ids; what there is not is left out."""
    wanted = set(pairs)
    rows = select(releases).where(
        releases.c.feature_id.in_({feature for feature, _ in wanted}),
        releases.c.public_id.in_({release for _, release in wanted}),
    )
    return {(row.feature_id, row.public_id): _release(row) for row in tx.execute(rows)}


def judge_release(
    tx: Transaction,
    feature_id: int,
    public_id: str,
    verdict: str,
    reason: str,
    blocked_at: datetime | None = None,
) -> None:
    """Record what is now known of a release; ``blocked_at`` says since when a revert keeps it from users."""
    this = (releases.c.feature_id == feature_id, releases.c.public_id == public_id)
    values = {"verdict": verdict, "verdict_reason": reason, "blocked_at": blocked_at}
    tx.execute(update(releases).where(*this).values(**values))


def _release(row: Row[Any]) -> StoredRelease:
    """A release as it is shown; whoever serves one takes its bundle from `bundles_of`, and finds out what is in it."""
    bundle = row.bundle if isinstance(row.bundle, dict) else {"unreadable": repr(row.bundle)[:200]}
    number = row.number if isinstance(row.number, int) else 0
    readable = {"bundle": bundle, "number": number, "created_at": readable_instant(row.created_at)}
    return StoredRelease(**{**row._mapping, **readable})


def _of(feature_id: int) -> Any:
    return select(releases).where(releases.c.feature_id == feature_id)
