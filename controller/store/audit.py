"""Looking into the record of changes: what was done, by whom, and how features stood at an instant."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, Text, and_, func, or_, select, type_coerce

from controller.store.changes import RecordedChange
from controller.store.database import Transaction
from controller.store.tables import changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which changes are wanted; empty means any. ``since`` is included, ``until`` is not.

    ``words`` are the names of changes that the text stands for, because people read others than are recorded.
    """

    text: str = ""
    words: frozenset[str] = frozenset()
    feature: str = ""
    environment: str = ""
    kind: str = ""
    name: str = ""
    since: datetime | None = None
    until: datetime | None = None
    seq: int | None = None


def find_changes(
    tx: Transaction, project_id: int, sought: Sought, *, before: int | None = None, limit: int
) -> list[RecordedChange]:
    """The newest of the changes that are sought with a number below ``before``, newest first."""
    found = select(changes).where(changes.c.project_id == project_id, *_conditions(sought))
    if before is not None:
        found = found.where(changes.c.seq < before)
    return _read(tx, found.order_by(changes.c.seq.desc()).limit(limit))


def count_found(tx: Transaction, project_id: int, sought: Sought, most: int) -> int:
    """How many changes are sought; beyond ``most`` nobody counts on."""
    found = select(changes.c.id).where(changes.c.project_id == project_id, *_conditions(sought))
    return int(tx.execute(select(func.count()).select_from(found.limit(most + 1).subquery())).scalar_one())


def states_before(
    tx: Transaction, project_id: int, environment: str, instant: datetime
) -> list[RecordedChange]:
    """The last move of each feature in an environment before an instant: its ``after`` is how the feature stood."""
    moved = (*_moves(project_id, environment), changes.c.at < instant)
    last = select(func.max(changes.c.seq)).where(*moved).group_by(changes.c.feature)
    this = select(changes).where(changes.c.project_id == project_id, changes.c.seq.in_(last))
    return _read(tx, this.order_by(changes.c.feature))


def moves_between(
    tx: Transaction, project_id: int, environment: str, since: datetime, until: datetime, limit: int
) -> list[RecordedChange]:
    """The moves of features in an environment in a span of time, oldest first."""
    moved = (*_moves(project_id, environment), changes.c.at >= since, changes.c.at < until)
    return _read(tx, select(changes).where(*moved).order_by(changes.c.seq).limit(limit))


def made_before(tx: Transaction, project_id: int, instant: datetime) -> frozenset[str]:
    """The keys of the features that had been made before an instant, also of those that are gone."""
    made = (changes.c.name == "feature.create", changes.c.at < instant, changes.c.project_id == project_id)
    return frozenset(tx.scalars(select(changes.c.feature).where(*made).distinct()))


def _moves(project_id: int, environment: str) -> tuple[ColumnElement[bool], ...]:
    # Of all that is recorded, only what `store.rollouts.apply` writes says since when there has been a stage.
    is_move = type_coerce(changes.c.after, Text).contains('"stage_since": "')
    return changes.c.project_id == project_id, changes.c.environment == environment, is_move


def _conditions(sought: Sought) -> Iterator[ColumnElement[bool]]:
    if sought.text:
        yield _says(sought.text, sought.words)
    for name in ("feature", "environment", "name", "seq"):
        if wanted := getattr(sought, name):
            yield changes.c[name] == wanted
    if sought.kind:
        yield changes.c.actor_kind == sought.kind
    if sought.since is not None:
        yield changes.c.at >= sought.since
    if sought.until is not None:
        yield changes.c.at < sought.until


def _says(text: str, words: Collection[str]) -> ColumnElement[bool]:
    """Whether every word of a text stands anywhere in a change, or the text names what was done."""
    spots: list[ColumnElement[str]] = [
        changes.c[name] for name in ("name", "feature", "environment", "actor", "reason", "hash")
    ]
    spots += [type_coerce(changes.c[name], Text) for name in ("before", "after", "evidence")]
    said = (or_(*(spot.icontains(word, autoescape=True) for spot in spots)) for word in text.split())
    return or_(changes.c.name.in_(words), and_(*said))


def _read(tx: Transaction, found: Select[*tuple[object, ...]]) -> list[RecordedChange]:
    return [RecordedChange(**row._mapping) for row in tx.execute(found)]
