"""Times in which triggers see nothing: nobody evaluates them, or their source says nothing that could be judged."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import BigInteger, ColumnElement, case, cast, delete, func, select, type_coerce
from sqlalchemy.dialects import postgresql, sqlite

from controller.store.columns import Instant, microseconds, readable_instant
from controller.store.database import Transaction
from controller.store.tables import blindness, sources, triggers
from triggers import Arming

_INTERVALS = 3
_LEAST = timedelta(minutes=1)


class Reason(StrEnum):
    """Why triggers see nothing."""

    STOPPED = "stopped"
    """They are due and nobody evaluates them."""
    SILENT = "silent"
    """They are evaluated, and the source says nothing that could be judged."""


@dataclass(frozen=True, slots=True)
class Spell:
    """A time of blindness: the source that the triggers ask, and the reason."""

    source_id: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Extent:
    """How many triggers a spell is about, and since when the first of them has seen nothing."""

    triggers: int
    since: datetime


def patience(interval_s: int) -> timedelta:
    """How long a trigger may see nothing before that is more than a hiccup: three intervals, and at least a minute."""
    return max(_LEAST, timedelta(seconds=_INTERVALS * interval_s))


def who_is_blind(tx: Transaction, now: datetime) -> dict[Spell, Extent]:
    """The triggers that have seen nothing for longer than `patience`, by their source and the reason.

    Shadows do not count: nothing depends on them.
    """
    seen_at = func.coalesce(triggers.c.seen_at, triggers.c.created_at)
    stopped = _raw(triggers.c.due_at) < microseconds(now) - _patience()
    # By when it was evaluated last: what is not evaluated has not asked, so that its source cannot be silent.
    silent = _raw(triggers.c.evaluated_at) - _raw(seen_at) > _patience()
    return {
        **_extents(tx, Reason.STOPPED, stopped, triggers.c.due_at),
        **_extents(tx, Reason.SILENT, silent, seen_at),
    }


def spells(tx: Transaction) -> set[Spell]:
    """The spells that somebody was told of and that have not ended."""
    known = tx.execute(select(blindness.c.source_id, blindness.c.reason))
    return {Spell(row.source_id, Reason(row.reason)) for row in known}


def begin_spell(tx: Transaction, spell: Spell, since: datetime) -> bool:
    """Note that a spell began; False if somebody else has noted it already."""
    dialect = sqlite if tx.dialect.name == "sqlite" else postgresql
    values = {"source_id": spell.source_id, "reason": spell.reason.value, "since": since}
    new = dialect.insert(blindness).values(**values).on_conflict_do_nothing().returning(blindness.c.id)
    return tx.execute(new).one_or_none() is not None


def end_spell(tx: Transaction, spell: Spell) -> bool:
    """Note that a spell ended; False if somebody else has noted it already."""
    this = (blindness.c.source_id == spell.source_id, blindness.c.reason == spell.reason.value)
    return bool(tx.execute(delete(blindness).where(*this)).rowcount)


def whose_sources(tx: Transaction, ids: Collection[int]) -> dict[int, tuple[int, str]]:
    """The project and the key of each source."""
    asked = select(sources.c.id, sources.c.project_id, sources.c.key).where(sources.c.id.in_(ids))
    return {row.id: (row.project_id, row.key) for row in tx.execute(asked)}


def _extents(
    tx: Transaction, reason: Reason, blind: ColumnElement[bool], since: ColumnElement[datetime]
) -> dict[Spell, Extent]:
    first = type_coerce(func.min(since), Instant).label("since")
    counted = (
        select(triggers.c.source_id, func.count().label("number"), first)
        .where(triggers.c.broken.is_(None), triggers.c.arming != Arming.SHADOW.value, blind)
        .group_by(triggers.c.source_id)
    )
    return {
        Spell(row.source_id, reason): Extent(row.number, readable_instant(row.since))
        for row in tx.execute(counted)
    }


def _patience() -> ColumnElement[int]:
    """As `patience`, in microseconds."""
    least = _LEAST // timedelta(microseconds=1)
    intervals = cast(triggers.c.interval_s, BigInteger) * (_INTERVALS * 1_000_000)
    return case((intervals > least, intervals), else_=least)


def _raw(column: ColumnElement[datetime]) -> ColumnElement[int]:
    return type_coerce(column, BigInteger)
