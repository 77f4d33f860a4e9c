"""The record of every move: append-only, each row bound to the one before by its hash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, or_, select, update

from controller.actors import Actor, ActorKind
from controller.store.database import HEADS, Transaction
from controller.store.outbox import put
from controller.store.tables import changes, projects
from stages import digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that is about to be recorded. ``before`` and ``after`` hold JSON values."""

    project_id: int
    name: str
    actor: Actor
    at: datetime
    feature: str = ""
    environment: str = ""
    reason: str = ""
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedChange:
    """A row of the record. ``seq`` counts from 1 in each project."""

    id: int
    project_id: int
    seq: int
    at: datetime
    name: str
    feature: str
    environment: str
    actor: str
    actor_kind: str
    reason: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    evidence: Mapping[str, Any]
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class BadRow:
    """The first row of a project's record that is not as it was written."""

    project: str
    seq: int
    why: str


def record(tx: Transaction, change: Change) -> int:
    """Append a change to its project's record and announce it; returns its number.

    Writers of one project queue on the project's row, so the chain never forks.
    """
    last, previous = _head(tx, change.project_id)
    values = {
        **{name: value for name, value in asdict(change).items() if name != "actor"},
        "actor": change.actor.name,
        "actor_kind": change.actor.kind.value,
        "seq": last + 1,
        "previous_hash": previous,
    }
    values["hash"] = _hash(values)
    tx.execute(insert(changes).values(**values))
    head = {"head_seq": values["seq"], "head_hash": values["hash"]}
    tx.execute(update(projects).where(projects.c.id == change.project_id).values(**head))
    tx.info[HEADS][change.project_id] = (values["seq"], values["hash"])
    put(tx, change.project_id, f"change.{change.name}", _announcement(values), change.at)
    return last + 1


def _head(tx: Transaction, project_id: int) -> tuple[int, str]:
    """Number and hash of a project's last change; nobody else can add one until the transaction ends."""
    known: tuple[int, str] | None = tx.info[HEADS].get(project_id)
    if known is not None:
        return known
    head = select(projects.c.head_seq, projects.c.head_hash).where(projects.c.id == project_id)
    row = tx.execute(head.with_for_update(key_share=True)).one()
    return int(row.head_seq), str(row.head_hash)


def changes_of(
    tx: Transaction,
    project_id: int,
    *,
    before: int | None = None,
    limit: int = 50,
    feature: str | None = None,
    touching: str | None = None,
    until: datetime | None = None,
) -> list[RecordedChange]:
    """The newest changes with a number below ``before``, newest first; with ``until``, those up to that instant.

    ``touching`` is the key of an environment: then only changes of it, and those of the project that it shows.
    """
    page = select(changes).where(changes.c.project_id == project_id)
    if before is not None:
        page = page.where(changes.c.seq < before)
    if feature is not None:
        page = page.where(changes.c.feature == feature)
    if touching is not None:
        page = page.where(or_(changes.c.environment == touching, changes.c.name.in_(_SHARED)))
    if until is not None:
        page = page.where(changes.c.at <= until)
    rows = tx.execute(page.order_by(changes.c.seq.desc()).limit(limit))
    return [RecordedChange(**row._mapping) for row in rows]


def first_change(tx: Transaction, project_id: int) -> RecordedChange | None:
    """How a project began; None if its record is empty."""
    first = select(changes).where(changes.c.project_id == project_id, changes.c.seq == 1)
    row = tx.execute(first).one_or_none()
    return None if row is None else RecordedChange(**row._mapping)


def last_change(tx: Transaction, project_id: int, name: str, feature: str) -> RecordedChange | None:
    """The newest change of a name that was made to a feature; None if there never was one."""
    made = (changes.c.project_id == project_id, changes.c.name == name, changes.c.feature == feature)
    row = tx.execute(select(changes).where(*made).order_by(changes.c.seq.desc()).limit(1)).one_or_none()
    return None if row is None else RecordedChange(**row._mapping)


def changes_since(
    tx: Transaction, project_id: int, names: Sequence[str], feature: str, environment: str, since: datetime
) -> list[RecordedChange]:
    """The changes with these names that were made to a rollout since an instant, oldest first."""
    made = (
        changes.c.project_id == project_id,
        changes.c.name.in_(names),
        changes.c.feature == feature,
        changes.c.environment == environment,
        changes.c.at >= since,
    )
    rows = tx.execute(select(changes).where(*made).order_by(changes.c.seq))
    return [RecordedChange(**row._mapping) for row in rows]


_SHARED = ("feature.create", "feature.change", "feature.delete", "feature.revive", "release.judge")
"""Changes of a whole project that touch what its environments show."""


def count_automatic(tx: Transaction, project_id: int, feature: str, environment: str, since: datetime) -> int:
    """How often a trigger moved a rollout since an instant."""
    moved = (
        changes.c.project_id == project_id,
        changes.c.feature == feature,
        changes.c.environment == environment,
        changes.c.actor_kind == ActorKind.TRIGGER.value,
        changes.c.at >= since,
        # Follow-ups of triggers are recorded too, but only a move has a state before and after.
        changes.c.after != {},
    )
    return int(tx.execute(select(func.count()).where(*moved)).scalar_one())


def verify(tx: Transaction, project_id: int | None = None) -> Iterator[BadRow]:
    """Recompute every hash; yields the first bad row of each project whose record was tampered with or cut.

    The transaction is a `Database.snapshot`: what is added meanwhile is not to be taken for a forgery.
    """
    asked = select(projects).order_by(projects.c.id)
    if project_id is not None:
        asked = asked.where(projects.c.id == project_id)
    for project in tx.execute(asked).all():
        if bad := _first_bad_row(tx, project.id, project.key, project.head_seq, project.head_hash):
            yield bad


def _first_bad_row(
    tx: Transaction, project_id: int, key: str, head_seq: int, head_hash: str
) -> BadRow | None:
    expected, previous = 1, ""
    page = select(changes).where(changes.c.project_id == project_id).order_by(changes.c.seq)
    with tx.execute(page.execution_options(yield_per=1000)) as rows:
        for row in rows.mappings():
            if expected > head_seq:
                return BadRow(key, expected, f"it was added to a record of {head_seq} rows")
            if why := _fault(dict(row), expected, previous):
                return BadRow(key, expected, why)
            expected, previous = expected + 1, row["hash"]
    if expected <= head_seq:
        why = f"the record ends after row {expected - 1}, but {head_seq} rows were written"
        return BadRow(key, expected, why)
    if previous != head_hash:
        return BadRow(key, head_seq, "it is not the row that the record was closed with")
    return None


def _fault(row: dict[str, Any], expected: int, previous: str) -> str:
    if row["seq"] != expected:
        return f"the row is missing; the next one there is {row['seq']}"
    if row["previous_hash"] != previous:
        return "it is not bound to the row before"
    try:
        return "" if _hash(row) == row["hash"] else "its content is not what was recorded"
    except (TypeError, ValueError, AttributeError):
        return "its content cannot be read"


_HASHED = (
    "seq",
    "name",
    "feature",
    "environment",
    "actor",
    "actor_kind",
    "reason",
    "before",
    "after",
    "evidence",
)


def _hash(row: Mapping[str, Any]) -> str:
    content = {name: row[name] for name in _HASHED}
    return digest([row["previous_hash"], row["project_id"], row["at"].isoformat(), content])


def _announcement(values: Mapping[str, Any]) -> dict[str, Any]:
    told = ("seq", "name", "feature", "environment", "actor", "actor_kind", "reason")
    return {name: values[name] for name in told} | {"at": values["at"].isoformat()}
