"""Plain flags of environments, the tombstones of deleted ones, and what the flags of an environment share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Text, bindparam, func, insert, select, type_coerce, update

from controller.errors import NotFound
from controller.store.columns import readable_instant
from controller.store.database import Transaction
from controller.store.tables import environments, flag_sets, plain_flags


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainFlag:
    """A flag that a team defines itself. ``definition`` is in the words of flagd; ``broken`` says why it is empty."""

    id: int
    environment_id: int
    key: str
    type: str
    definition: Mapping[str, Any]
    description: str
    owner: str
    tags: list[str]
    client_visible: bool
    size: int
    version: int
    created_at: datetime
    created_by: str
    changed_at: datetime
    deleted_at: datetime | None
    deleted_by: str
    deleted_because: str
    broken: str = ""


@dataclass(frozen=True, slots=True)
class FlagSet:
    """What the plain flags of an environment share."""

    evaluators: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)


def plain_flags_in(
    tx: Transaction, environment_id: int, after: int = 0, limit: int = 1_000_000
) -> list[PlainFlag]:
    """The living flags of an environment, in the order they were made."""
    living = select(plain_flags).where(
        plain_flags.c.environment_id == environment_id,
        plain_flags.c.deleted_at.is_(None),
        plain_flags.c.id > after,
    )
    return [_flag(row) for row in tx.execute(living.order_by(plain_flags.c.id).limit(limit))]


def definitions_in(tx: Transaction, environment_id: int) -> Iterator[tuple[str, Any, int, bool]]:
    """Of each living flag what is served of it: key, definition as the text that is kept, version, client visibility.

    Every change of any flag reads all of them, so it is no more than that; `columns.from_text` reads the text.
    """
    table = plain_flags.c
    text = type_coerce(table.definition, Text)
    living = select(table.key, text, table.version, table.client_visible).where(
        table.environment_id == environment_id, table.deleted_at.is_(None)
    )
    yield from (tuple(row) for row in tx.execute(living.order_by(table.id)))


def known_flags(tx: Transaction, environment_id: int) -> dict[str, PlainFlag]:
    """Every flag of an environment by its key, also those that were deleted."""
    every = select(plain_flags).where(plain_flags.c.environment_id == environment_id)
    return {row.key: _flag(row) for row in tx.execute(every.order_by(plain_flags.c.id))}


def find_plain_flag(tx: Transaction, environment_id: int, key: str) -> PlainFlag | None:
    """The flag with a key, also one that was deleted; None if there never was one."""
    of_key = (plain_flags.c.environment_id == environment_id, plain_flags.c.key == key)
    row = tx.execute(select(plain_flags).where(*of_key)).one_or_none()
    return None if row is None else _flag(row)


def get_plain_flag(tx: Transaction, environment_id: int, key: str) -> PlainFlag:
    """A living flag, or NotFound."""
    flag = find_plain_flag(tx, environment_id, key)
    if flag is None or flag.deleted_at is not None:
        raise NotFound("flag", key)
    return flag


def measure_plain_flags(tx: Transaction, environment_id: int) -> tuple[int, int]:
    """How many living flags an environment has, and how many bytes they are together."""
    living = (plain_flags.c.environment_id == environment_id, plain_flags.c.deleted_at.is_(None))
    measured = select(func.count(), func.coalesce(func.sum(plain_flags.c.size), 0)).where(*living)
    count, size = tx.execute(measured).one()
    return int(count), int(size)


def add_plain_flags(
    tx: Transaction, environment_id: int, flags: Sequence[Mapping[str, Any]], by: str, now: datetime
) -> None:
    """Make flags; no flag of these keys was there before."""
    common = {"environment_id": environment_id, "version": 1, "created_by": by}
    common |= {"created_at": now, "changed_at": now}
    if flags:
        tx.execute(insert(plain_flags), [{**common, **flag} for flag in flags])


def change_plain_flags(tx: Transaction, changed: Mapping[int, Mapping[str, Any]], now: datetime) -> None:
    """Give flags, by their ids, new columns and one version more."""
    if not changed:
        return
    names = next(iter(changed.values())).keys()
    anew = update(plain_flags).where(plain_flags.c.id == bindparam("of_id"))
    anew = anew.values(
        {name: bindparam(f"to_{name}") for name in names}
        | {"version": plain_flags.c.version + 1, "changed_at": bindparam("to_changed_at")}
    )
    rows = [
        {"of_id": id, "to_changed_at": now, **{f"to_{name}": value for name, value in columns.items()}}
        for id, columns in changed.items()
    ]
    tx.execute(anew, rows)


def bury_plain_flags(tx: Transaction, ids: Iterable[int], by: str, reason: str, now: datetime) -> None:
    """Delete flags; their keys stay behind."""
    columns = {"deleted_at": now, "deleted_by": by, "deleted_because": reason}
    change_plain_flags(tx, dict.fromkeys(ids, columns), now)


def revive_plain_flag(tx: Transaction, id: int, now: datetime) -> None:
    """Let a deleted flag be there again, as it was."""
    change_plain_flags(tx, {id: {"deleted_at": None, "deleted_by": "", "deleted_because": ""}}, now)


def plain_flag_named(tx: Transaction, project_id: int, keys: Iterable[str]) -> tuple[str, str] | None:
    """The first plain flag of a project, living or deleted, with one of these keys: its key and its environment's."""
    found = (
        select(plain_flags.c.key, environments.c.key.label("environment"))
        .join(environments, environments.c.id == plain_flags.c.environment_id)
        .where(environments.c.project_id == project_id, plain_flags.c.key.in_(list(keys)))
    )
    row = tx.execute(found.order_by(plain_flags.c.id).limit(1)).one_or_none()
    return None if row is None else (row.key, row.environment)


def flag_set_of(tx: Transaction, environment_id: int) -> FlagSet:
    """What the plain flags of an environment share; what cannot be read is nothing."""
    row = tx.execute(select(flag_sets).where(flag_sets.c.environment_id == environment_id)).one_or_none()
    if row is None:
        return FlagSet()
    return FlagSet(*(part if isinstance(part, dict) else {} for part in (row.evaluators, row.metadata)))


def keep_flag_set(tx: Transaction, environment_id: int, shared: FlagSet) -> None:
    """Say what the plain flags of an environment share; the environment is locked."""
    values = {"evaluators": dict(shared.evaluators), "metadata": dict(shared.metadata)}
    mine = flag_sets.c.environment_id == environment_id
    if not tx.execute(update(flag_sets).where(mine).values(**values)).rowcount:
        tx.execute(insert(flag_sets).values(environment_id=environment_id, **values))


def _flag(row: Row[Any]) -> PlainFlag:
    why = why_broken(row.definition)
    readable = {
        "definition": {} if why else row.definition,
        "tags": [str(tag) for tag in row.tags] if isinstance(row.tags, list) else [],
        "client_visible": bool(row.client_visible),
        "created_at": readable_instant(row.created_at),
        "changed_at": readable_instant(row.changed_at),
        "deleted_at": None if row.deleted_at is None else readable_instant(row.deleted_at),
    }
    return PlainFlag(**{**row._mapping, **readable, "broken": why})


def why_broken(definition: Any) -> str:
    """Why a definition cannot be used; nothing if it can."""
    if not isinstance(definition, dict):
        return "its definition cannot be read"
    if not isinstance(definition.get("variants"), dict) or not isinstance(
        definition.get("metadata", {}), dict
    ):
        return "its definition is no flag"
    return ""
