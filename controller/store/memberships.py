"""What users may do in projects."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select

from controller.permissions import Permission, Role, granted, roles_from
from controller.store.database import Transaction
from controller.store.tables import memberships
from controller.store.users import User, users_by_id
from stages import digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """The roles of a user in a project, as somebody said here, or as groups of the identity provider say."""

    project_id: int
    user_id: int
    by_group: bool
    roles: tuple[Role, ...]
    may_break_glass: bool
    granted_by: str
    granted_at: datetime

    @property
    def granted(self) -> frozenset[Permission]:
        """What it lets the user do."""
        return granted(self.roles, may_break_glass=self.may_break_glass)


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody with what they may do in a project, wherever that comes from."""

    user: User
    memberships: tuple[Membership, ...]

    @property
    def roles(self) -> tuple[Role, ...]:
        """Every role, the smallest first."""
        mine = {role for each in self.memberships for role in each.roles}
        return tuple(role for role in Role if role in mine)

    @property
    def granted(self) -> frozenset[Permission]:
        """What all of it together lets the user do."""
        return frozenset[Permission]().union(*(each.granted for each in self.memberships))

    @property
    def given(self) -> Membership | None:
        """What was said here, and can be changed here."""
        return next((each for each in self.memberships if not each.by_group), None)

    @property
    def seen(self) -> str:
        """A name for what was given here, so that nobody overwrites what they have not seen; empty: nothing was."""
        return digest([self.given.roles, self.given.may_break_glass]) if self.given else ""


def set_membership(tx: Transaction, given: Membership) -> None:
    """Give a user these roles in a project, whichever they had there of this origin; without a role, none."""
    drop_membership(tx, given.project_id, given.user_id, by_group=given.by_group)
    if given.roles:
        values = {name: getattr(given, name) for name in Membership.__slots__}
        values["roles"] = [role.value for role in given.roles]
        tx.execute(insert(memberships).values(**values))


def drop_membership(tx: Transaction, project_id: int, user_id: int, *, by_group: bool) -> None:
    """Take from a user what they were given in a project."""
    mine = (memberships.c.project_id == project_id, memberships.c.user_id == user_id)
    tx.execute(delete(memberships).where(*mine, memberships.c.by_group == by_group))


def memberships_of(tx: Transaction, user_id: int) -> list[Membership]:
    """Everything a user was given, in all projects."""
    rows = tx.execute(_ALL.where(memberships.c.user_id == user_id).order_by(memberships.c.project_id))
    return [_membership(row) for row in rows]


def members_of(tx: Transaction, project_ids: Collection[int]) -> dict[int, list[Member]]:
    """Who was given something in each of these projects, by their e-mail addresses."""
    rows = tx.execute(_ALL.where(memberships.c.project_id.in_(project_ids)).order_by(memberships.c.id))
    found = [_membership(row) for row in rows]
    people = users_by_id(tx, {each.user_id for each in found})
    return {
        project: sorted(
            (
                Member(
                    user, tuple(each for each in found if (each.project_id, each.user_id) == (project, id))
                )
                for id, user in people.items()
                if any((each.project_id, each.user_id) == (project, id) for each in found)
            ),
            key=lambda member: member.user.email,
        )
        for project in project_ids
    }


_ALL = select(*(memberships.c[name] for name in Membership.__slots__))


def _membership(row: object) -> Membership:
    fields = {name: getattr(row, name) for name in Membership.__slots__}
    return Membership(**(fields | {"roles": roles_from(fields["roles"])}))
