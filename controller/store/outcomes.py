"""What happened to answers, as product code reported it.

Windows go by when a report arrived here, not by the clock of whoever sent it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Select,
    delete,
    false,
    func,
    literal,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.dialects import postgresql, sqlite

from controller.store.columns import microseconds
from controller.store.database import Transaction
from controller.store.tables import outcomes


@dataclass(frozen=True, slots=True)
class Tally:
    """How many answers were judged, how many of them were bad, when the newest arrived, and what all of them cost."""

    bad: int
    total: int
    newest_at: datetime | None
    spent: float = 0.0


@dataclass(frozen=True, slots=True)
class Count:
    """What is to be counted: a measure of a feature's answers, of one release or of all.

    ``limit`` is for the measures in `NEEDS_LIMIT`.
    """

    feature: str
    measure: str
    release: str | None = None
    limit: float | None = None

    @property
    def measured(self) -> tuple[str, float | None]:
        """What is looked at in each answer, whoever gave it."""
        return self.measure, self.limit


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

SPEND = "spend"
"""What answers cost together: a sum and not a count, of those that said what they cost."""
COUNTED = (*_MEASURES, *_ABOVE)
"""What can be counted over reported outcomes; those in `NEEDS_LIMIT` need the value above which an answer is bad."""
MEASURES = (*COUNTED, SPEND)
NEEDS_LIMIT = frozenset(_ABOVE)

_MOST_FEATURES = 500
_MOST_MEASURED = 30
"""The bounds of one statement."""


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
    count = Count(feature, measure, release, limit)
    return tallies(tx, environment_id, start, end, [count])[count]


def tallies(
    tx: Transaction, environment_id: int, start: datetime, end: datetime, wanted: Iterable[Count]
) -> dict[Count, Tally]:
    """The same for many features and measures, in as few statements as there are hundreds of them."""
    found: dict[Count, Tally] = {}
    for group in _in_statements(set(wanted)):
        measured = list(dict.fromkeys(count.measured for count in group))
        rows: dict[str, list[Row[Any]]] = {}
        for row in tx.execute(_counted(environment_id, start, end, group, measured)):
            rows.setdefault(row.feature, []).append(row)
        for count in group:
            found[count] = _sum(rows.get(count.feature, []), count.release, measured.index(count.measured))
    return found


def tallies_over_time(
    tx: Transaction, environment_id: int, count: Count, start: datetime, step: timedelta, steps: int
) -> dict[int, Tally]:
    """Count one thing in each of many windows that touch, by their number; those without answers are left out."""
    judged, bad = _conditions(count.measure, count.limit)
    since = type_coerce(outcomes.c.received_at, BigInteger) - microseconds(start)
    place = (since // (step // timedelta(microseconds=1))).label("place")
    counted = select(
        place,
        func.count().label("total"),
        func.count().filter(bad).label("bad"),
        func.max(outcomes.c.received_at).label("newest"),
        _spent(count.measure).label("spent"),
    ).where(
        outcomes.c.environment_id == environment_id,
        outcomes.c.feature == count.feature,
        outcomes.c.received_at >= start,
        outcomes.c.received_at < start + steps * step,
        judged,
    )
    if count.release is not None:
        counted = counted.where(outcomes.c.release == count.release)
    rows = tx.execute(counted.group_by("place"))
    return {row.place: Tally(row.bad, row.total, row.newest, row.spent or 0.0) for row in rows}


def cost_was_told_at(
    tx: Transaction, environment_id: int, feature: str, release: str | None, since: datetime, end: datetime
) -> datetime | None:
    """When an answer of a feature, of one release or of all, last said what it cost; None if none did since then."""
    told = select(func.max(outcomes.c.received_at)).where(
        outcomes.c.environment_id == environment_id,
        outcomes.c.feature == feature,
        outcomes.c.received_at >= since,
        outcomes.c.received_at < end,
        outcomes.c.cost_usd.is_not(None),
    )
    told = told if release is None else told.where(outcomes.c.release == release)
    newest: datetime | None = tx.scalar(told)
    return newest


def _in_statements(wanted: Collection[Count]) -> Iterator[list[Count]]:
    """Groups in which every measure is wanted of nearly every feature, as far as that can be had."""
    few = len({count.measured for count in wanted}) <= _MOST_MEASURED
    group: list[Count] = []
    features: set[str] = set()
    measured: set[tuple[str, float | None]] = set()
    for count in sorted(wanted, key=lambda count: (few and count.feature, str(count.measured))):
        features.add(count.feature)
        measured.add(count.measured)
        if len(features) > _MOST_FEATURES or len(measured) > _MOST_MEASURED:
            yield group
            group, features, measured = [], {count.feature}, {count.measured}
        group.append(count)
    if group:
        yield group


def _counted(
    environment_id: int,
    start: datetime,
    end: datetime,
    group: Iterable[Count],
    measured: Sequence[tuple[str, float | None]],
) -> Select[Any]:
    """A row for each feature and release, with four columns for each thing that is measured."""
    columns: list[ColumnElement[Any]] = []
    for place, (measure, limit) in enumerate(measured):
        judged, bad = _conditions(measure, limit)
        columns += [
            func.count().filter(judged).label(f"total_{place}"),
            func.count().filter(judged, bad).label(f"bad_{place}"),
            func.max(outcomes.c.received_at).filter(judged).label(f"newest_{place}"),
            _spent(measure).label(f"spent_{place}"),
        ]
    return (
        select(outcomes.c.feature, outcomes.c.release, *columns)
        .where(
            outcomes.c.environment_id == environment_id,
            outcomes.c.feature.in_(sorted({count.feature for count in group})),
            outcomes.c.received_at >= start,
            outcomes.c.received_at < end,
        )
        .group_by(outcomes.c.feature, outcomes.c.release)
    )


def _spent(measure: str) -> ColumnElement[Any]:
    return func.sum(outcomes.c.cost_usd) if measure == SPEND else literal(0.0)


def _conditions(measure: str, limit: float | None) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    if measure == SPEND:
        return outcomes.c.cost_usd.is_not(None), false()
    if measure in _ABOVE:
        return _ABOVE[measure].is_not(None), _ABOVE[measure] > limit
    return _MEASURES[measure]


def _sum(rows: Iterable[Row[Any]], release: str | None, place: int) -> Tally:
    """What the releases that are wanted have in one place, together."""
    found = [row._mapping for row in rows if release is None or row.release == release]
    newest = [row[f"newest_{place}"] for row in found if row[f"newest_{place}"] is not None]
    return Tally(
        sum(row[f"bad_{place}"] for row in found),
        sum(row[f"total_{place}"] for row in found),
        max(newest, default=None),
        math.fsum(row[f"spent_{place}"] or 0.0 for row in found),
    )


def count_answers(
    tx: Transaction,
    environment_id: int,
    feature: str,
    start: datetime,
    release: str | None = None,
    *,
    traced: bool = False,
    mode: str | None = None,
) -> int:
    """How many answers of a feature were reported since an instant: of one release, of any that is named, or all.

    ``mode`` counts those alone that were given in one mode.

    Those who do not have the feature get no answer of it, even where the product reports what became of them.
    """
    counted = select(func.count()).where(
        outcomes.c.environment_id == environment_id,
        outcomes.c.feature == feature,
        outcomes.c.received_at >= start,
        or_(outcomes.c.mode.is_(None), outcomes.c.mode != "off"),
    )
    if mode is not None:
        counted = counted.where(outcomes.c.mode == mode)
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
