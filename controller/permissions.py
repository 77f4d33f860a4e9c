"""What people and keys may do, and which roles let them. Pure: who has which role is looked up elsewhere.

The asymmetry shows here as well: every role but the viewer's may reduce, and only some may go up.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Permission(StrEnum):
    """What may be done in a project."""

    READ = "read"
    """See it, with everything that is in it."""
    REDUCE = "reduce"
    """Go down or keep down: stop, hold, narrow, review, revert, mute for a while, acknowledge, work on incidents."""
    EDIT = "edit"
    """Describe and prepare: features, releases, evidence, sources, triggers, flags; ask for going up, and resume."""
    APPROVE = "approve"
    """Give the second person's word: promotions, steps of a ramp, waivers, looser triggers, reviews."""
    BREAK_GLASS = "break_glass"
    """Enter a stage without what it asks for, for a while."""
    ADMINISTER = "administer"
    """Keys, members, environments, destinations, groups, and what the plans of the project ask for."""


class Role(StrEnum):
    """What a member of a project, or an admin key, is there for; one may have several."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    OWNER = "owner"
    APPROVER = "approver"
    ADMIN = "admin"


_WATCHING = frozenset({Permission.READ})
_ON_CALL = _WATCHING | {Permission.REDUCE}

GRANTS: Mapping[Role, frozenset[Permission]] = {
    Role.VIEWER: _WATCHING,
    Role.OPERATOR: _ON_CALL,
    Role.OWNER: _ON_CALL | {Permission.EDIT},
    Role.APPROVER: _ON_CALL | {Permission.APPROVE},
    Role.ADMIN: _ON_CALL | {Permission.EDIT, Permission.APPROVE, Permission.ADMINISTER},
}
"""No role lets its holder break glass: that is marked on a membership or a key, one by one."""

EVERYTHING = frozenset(Permission)


def granted(roles: Collection[Role], *, may_break_glass: bool = False) -> frozenset[Permission]:
    """What roles let their holder do together; nothing without a role."""
    found = frozenset[Permission]().union(*(GRANTS[role] for role in roles))
    return found | {Permission.BREAK_GLASS} if found and may_break_glass else found


def roles_for(permission: Permission) -> tuple[Role, ...]:
    """The roles that include a permission, the smallest first."""
    return tuple(role for role in Role if permission in GRANTS[role])


def roles_from(stored: object) -> tuple[Role, ...]:
    """Roles as they are kept. What is none grants nothing."""
    names = [name for name in stored if isinstance(name, str)] if isinstance(stored, list) else []
    return tuple(role for role in Role if role.value in names)


@dataclass(frozen=True, slots=True)
class Rights:
    """What somebody may do: by project, and ``everywhere`` for those who run the installation."""

    in_projects: Mapping[int, frozenset[Permission]] = field(default_factory=dict)
    everywhere: frozenset[Permission] = frozenset()

    @property
    def projects(self) -> frozenset[int] | None:
        """The projects that exist for them; None: all."""
        return None if self.everywhere else frozenset(self.in_projects)

    def sees(self, project_id: int) -> bool:
        """Whether the project exists for them."""
        return bool(self.everywhere) or project_id in self.in_projects

    def may(self, permission: Permission, project_id: int | None) -> bool:
        """Whether they may do this in a project; without a project: in the whole installation."""
        mine = self.in_projects.get(project_id, frozenset()) if project_id is not None else frozenset()
        return permission in self.everywhere | mine

    def may_hand_out(self, asked: frozenset[Permission], project_id: int) -> bool:
        """Whether they may give this away: nobody gives more than they hold, and an installation's admin all of it."""
        return bool(self.everywhere) or asked <= self.in_projects.get(project_id, frozenset())
