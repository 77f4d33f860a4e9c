"""What happened to answers, as product code reported it.

Windows go by when a report arrived here, not by the clock of whoever sent it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from controller.store.database import Transaction
from controller.store.tables import outcomes


@dataclass(frozen=True, slots=True)
class Tally:
    """How many answers were judged, how many of them were bad, and when the newest arrived."""

    bad: int
    total: int
    newest_at: datetime | None


# For each measure: when an answer counts as judged, and when as bad. An answer that nobody judged is in neither.
_MEASURES: Mapping[str, tuple[ColumnElement[bool], ColumnElement[bool]]] = {
    "unsupported": (outcomes.c.grounded.is_not(None), outcomes.c.grounded.is_(False)),
    "hallucinated_citation": (outcomes.c.citations_valid.is_not(None), outcomes.c.citations_valid.is_(False)),
    "sensitive_data": (outcomes.c.sensitive_data.is_not(None), outcomes.c.sensitive_data.is_(True)),
    "rejected": (outcomes.c.review.is_not(None), outcomes.c.review == "rejected"),
    "abandoned": (outcomes.c.abandoned.is_not(None), outcomes.c.abandoned.is_(True)),
    "escalated": (outcomes.c.escalated.is_not(None), outcomes.c.escalated.is_(True)),
    "error": (outcomes.c.error.is_not(None), outcomes.c.error.is_(True)),
}
_ABOVE: Mapping[str, ColumnElement[Any]] = {"slow": outcomes.c.latency_ms, "costly": outcomes.c.cost_usd}

MEASURES = (*_MEASURES, *_ABOVE)
"""What can be counted over reported outcomes; those in `NEEDS_LIMIT` need the value above which an answer is bad."""
NEEDS_LIMIT = frozenset(_ABOVE)


def add_outcomes(
    tx: Transaction, environment_id: int, reported: Iterable[Mapping[str, Any]], now: datetime
) -> int:
    """Record outcomes and return how many were new: one with an id seen before is left as it is."""
    rows = [{**outcome, "environment_id": environment_id, "received_at": now} for outcome in reported]
    if not rows:
        return 0
    dialect = sqlite if tx.dialect.name == "sqlite" else postgresql
    new = dialect.insert(outcomes).values(rows).on_conflict_do_nothing().returning(outcomes.c.id)
    return len(tx.execute(new).all())


def tally(
    tx: Transaction,
    environment_id: int,
    feature: str,
    measure: str,
    start: datetime,
    end: datetime,
    *,
    release: str | None = None,
    limit: float | None = None,
) -> Tally:
    """Count the answers of a feature that arrived in a half-open window, of one release or of all."""
    judged, bad = (
        (_ABOVE[measure].is_not(None), _ABOVE[measure] > limit) if measure in _ABOVE else _MEASURES[measure]
    )
    counted = select(
        func.count().label("total"),
        func.count().filter(bad).label("bad"),
        func.max(outcomes.c.received_at).label("newest"),
    ).where(
        outcomes.c.environment_id == environment_id,
        outcomes.c.feature == feature,
        outcomes.c.received_at >= start,
        outcomes.c.received_at < end,
        judged,
    )
    if release is not None:
        counted = counted.where(outcomes.c.release == release)
    row = tx.execute(counted).one()
    return Tally(row.bad, row.total, row.newest)


def count_answers(
    tx: Transaction,
    environment_id: int,
    feature: str,
    start: datetime,
    release: str | None = None,
    *,
    traced: bool = False,
) -> int:
    """How many answers of a feature were reported since an instant: of one release, of any that is named, or all.

    Those who do not have the feature get no answer of it, even where the product reports what became of them.
    """
    counted = select(func.count()).where(
        outcomes.c.environment_id == environment_id,
        outcomes.c.feature == feature,
        outcomes.c.received_at >= start,
        or_(outcomes.c.mode.is_(None), outcomes.c.mode != "off"),
    )
    if release is not None:
        counted = counted.where(outcomes.c.release == release)
    if traced:
        counted = counted.where(outcomes.c.release.is_not(None))
    return int(tx.execute(counted).scalar_one())


def answers_by_release(tx: Transaction, environment_id: int, feature: str, start: datetime) -> dict[str, int]:
    """How many answers of a feature arrived since an instant, by release; "" are those that did not say.

    What was reported of a feature that was off is no answer of it.
    """
    counted = select(outcomes.c.release, func.count().label("answers")).where(
        outcomes.c.environment_id == environment_id,
        outcomes.c.feature == feature,
        outcomes.c.received_at >= start,
        outcomes.c.mode.is_distinct_from("off"),
    )
    return {row.release or "": row.answers for row in tx.execute(counted.group_by(outcomes.c.release))}


def forget_outcomes(tx: Transaction, before: datetime) -> int:
    """Delete outcomes from before an instant."""
    return tx.execute(delete(outcomes).where(outcomes.c.received_at < before)).rowcount
