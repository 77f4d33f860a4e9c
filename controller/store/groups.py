"""Groups of people whose word a plan may ask for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import delete, insert, select

from controller.store.columns import texts
from controller.store.database import Transaction
from controller.store.tables import groups
from stages import digest


@dataclass(frozen=True, slots=True)
class Group:
    """The members are actor names, such as user:ada@example.com."""

    id: int
    key: str
    members: tuple[str, ...]

    @property
    def seen(self) -> str:
        """A name for who belongs to it, so that nobody overwrites what they have not seen."""
        return digest(self.members)


def set_group(tx: Transaction, project_id: int, key: str, members: Iterable[str]) -> Group:
    """Say who belongs to a group, whoever belonged to it before."""
    tx.execute(delete(groups).where(groups.c.project_id == project_id, groups.c.key == key))
    values = {"project_id": project_id, "key": key, "members": sorted({*members})}
    row = tx.execute(insert(groups).values(**values).returning(groups)).one()
    return Group(row.id, row.key, tuple(row.members))


def groups_of(tx: Transaction, project_id: int) -> list[Group]:
    """The groups of a project by their keys. One whose members cannot be read has none."""
    rows = tx.execute(select(groups).where(groups.c.project_id == project_id).order_by(groups.c.key))
    return [Group(row.id, row.key, _members(row.members)) for row in rows]


def memberships(tx: Transaction, project_id: int, actor: str) -> frozenset[str]:
    """The keys of the groups an actor belongs to."""
    return frozenset(group.key for group in groups_of(tx, project_id) if actor in group.members)


def _members(stored: object) -> tuple[str, ...]:
    try:
        return tuple(texts(stored))
    except TypeError:
        return ()
