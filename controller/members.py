"""The use cases of who may come in and what they may do: invite, give roles, deactivate, give another password.

Each change is recorded in every project it reaches: a membership in its own, what is said of a user in each of their
projects, and what is said of somebody to whom everything is open in all of them.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from controller.actors import Actor
from controller.errors import Conflict, NotFound, Problem
from controller.passwords import hash_password, new_password
from controller.permissions import Role
from controller.rollouts import Clock
from controller.store.changes import Change, record
from controller.store.database import Database, Transaction
from controller.store.memberships import Member, Membership, drop_membership, memberships_of, set_membership
from controller.store.projects import Project, all_projects, get_project
from controller.store.users import (
    User,
    add_user,
    change_user,
    end_sessions,
    find_user,
    lock_admins,
    set_password,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Invited:
    """A user, and the one-time password if a new one was made: it is shown this once and kept nowhere."""

    user: User
    password: str | None


class Members:
    """Lets people in, and says what they may do. Whether the actor may do so is for the door to say."""

    def __init__(self, database: Database, now: Clock) -> None:
        self._database = database
        self._now = now

    def invite(self, email: str, actor: Actor, *, is_admin: bool) -> Invited:
        """Let somebody in who was not known: they see no project yet, unless everything is open to them.

        Raises:
            Conflict: There is such a user.
        """
        with self._database.write() as tx:
            if find_user(tx, email):
                raise Conflict("user_known", f"{email} is known already", _KNOWN)
            invited = self._let_in(tx, email, actor, is_admin=is_admin)
            if is_admin:
                self._tell(
                    tx, invited.user, "user.make_admin", actor, {}, {"is_admin": True}, everywhere=True
                )
            return invited

    def set_member(
        self,
        project_key: str,
        email: str,
        roles: Collection[Role],
        actor: Actor,
        *,
        may_break_glass: bool = False,
        seen: str | None = None,
    ) -> tuple[Member, str | None]:
        """Say which roles somebody has in a project, whichever they had; whoever is not known yet is let in.

        Roles that groups of the identity provider bring stay beside them. With ``seen``, only if that is still the
        name of what they were given here before (`Member.seen`).

        Raises:
            Conflict: Somebody else gave them other roles meanwhile.
        """
        with self._database.write() as tx:
            project = get_project(tx, project_key)
            user = find_user(tx, email)
            invited = Invited(user, None) if user else self._let_in(tx, email, actor, is_admin=False)
            was = _member(tx, project, invited.user)
            if seen is not None and seen != was.seen:
                raise _overtaken(was)
            before = _told(was)
            given = Membership(
                project_id=project.id,
                user_id=invited.user.id,
                by_group=False,
                roles=tuple(role for role in Role if role in roles),
                may_break_glass=may_break_glass,
                granted_by=actor.name,
                granted_at=self._now(),
            )
            set_membership(tx, given)
            member = _member(tx, project, invited.user)
            self._record(tx, project.id, "member.set", actor, before, _told(member))
            return member, invited.password

    def remove_member(self, project_key: str, email: str, actor: Actor) -> None:
        """Take from somebody what was given to them here in a project.

        Raises:
            NotFound: They were given nothing here.
        """
        with self._database.write() as tx:
            project, user = get_project(tx, project_key), find_user(tx, email)
            given = _member(tx, project, user).given if user else None
            if user is None or given is None:
                raise NotFound("member", email)
            before = _told(_member(tx, project, user))
            drop_membership(tx, project.id, user.id, by_group=False)
            self._record(tx, project.id, "member.remove", actor, before, _told(_member(tx, project, user)))

    def change(
        self, email: str, actor: Actor, *, is_admin: bool | None = None, is_active: bool | None = None
    ) -> Invited:
        """Open everything to somebody, or no more; let them in no more, or again. None: as it is.

        Whoever is let in no more is signed out everywhere, and what they did keeps their name. Whoever is let in again
        has the roles they had, and a new one-time password.

        Raises:
            Conflict: They are the last to whom everything is open.
        """
        with self._database.write() as tx:
            user = _known(tx, email)
            if is_admin is not None and is_admin != user.is_admin:
                self._make_admin(tx, user, actor, is_admin=is_admin)
            if is_active is None or is_active == (user.deactivated_at is None):
                return Invited(_known(tx, email), None)
            if is_active:
                return self._activate(tx, user, actor)
            self._deactivate(tx, _known(tx, email), actor)
            return Invited(_known(tx, email), None)

    def _make_admin(self, tx: Transaction, user: User, actor: Actor, *, is_admin: bool) -> None:
        if not is_admin:
            _refuse_last(tx, user)
        change_user(tx, user.id, is_admin=is_admin)
        name = "user.make_admin" if is_admin else "user.unmake_admin"
        self._tell(
            tx, user, name, actor, {"is_admin": user.is_admin}, {"is_admin": is_admin}, everywhere=True
        )

    def _deactivate(self, tx: Transaction, user: User, actor: Actor) -> None:
        _refuse_last(tx, user)
        change_user(tx, user.id, deactivated_at=self._now())
        end_sessions(tx, user.id)
        self._tell(tx, user, "user.deactivate", actor, {"is_active": True}, {"is_active": False})

    def _activate(self, tx: Transaction, user: User, actor: Actor) -> Invited:
        change_user(tx, user.id, deactivated_at=None)
        self._tell(tx, user, "user.activate", actor, {"is_active": False}, {"is_active": True})
        return self._new_password(tx, user, actor)

    def give_password(self, email: str, actor: Actor) -> Invited:
        """Give somebody a new one-time password, and sign them out everywhere.

        Raises:
            Conflict: They are let in no more.
        """
        with self._database.write() as tx:
            user = _known(tx, email)
            if user.deactivated_at is not None:
                raise Conflict("user_deactivated", f"{email} is deactivated", _ACTIVATE)
            return self._new_password(tx, user, actor)

    def _new_password(self, tx: Transaction, user: User, actor: Actor) -> Invited:
        password = new_password()
        set_password(tx, user.id, hash_password(password), must_change=True, let_in_by=actor.name)
        self._tell(tx, user, "user.password", actor, {}, {"let_in_by": actor.name})
        return Invited(_known(tx, user.email), password)

    def _let_in(self, tx: Transaction, email: str, actor: Actor, *, is_admin: bool) -> Invited:
        password, now, by = new_password(), self._now(), actor.name
        add_user(tx, email, hash_password(password), now, must_change=True, is_admin=is_admin, let_in_by=by)
        user = _known(tx, email)
        log.info("%s let %s in", actor.name, user.email)
        return Invited(user, password)

    def _tell(
        self,
        tx: Transaction,
        user: User,
        name: str,
        actor: Actor,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
        *,
        everywhere: bool = False,
    ) -> None:
        """Record something about a user in every project that it reaches."""
        named = {"user": user.actor}
        if everywhere or user.runs_installation:
            reached = [project.id for project in all_projects(tx)]
        else:
            reached = sorted({each.project_id for each in memberships_of(tx, user.id)})
        for project_id in reached:
            self._record(tx, project_id, name, actor, {**named, **before}, {**named, **after})
        log.info("%s: %s by %s", name, user.email, actor.name)

    def _record(
        self,
        tx: Transaction,
        project_id: int,
        name: str,
        actor: Actor,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
    ) -> None:
        at = self._now()
        record(tx, Change(project_id=project_id, name=name, actor=actor, at=at, before=before, after=after))


_KNOWN = Problem("email", "there is such a user", "give them roles in a project, or another password")
_ACTIVATE = Problem("email", "the user is deactivated", "activate them, which gives them a new password")
_LAST = Problem("email", "is the last one to whom everything is open", "make somebody else an admin first")


def _overtaken(member: Member) -> Conflict:
    """What somebody is told who would overwrite roles that they have not seen."""
    there = member.given
    now = f"has the roles {', '.join(there.roles)} here" if there else "has no roles here any more"
    problem = Problem("roles", f"{member.user.email} {now}", "look at them, and save again if you mean it")
    return Conflict("overtaken", problem.message, problem)


def _known(tx: Transaction, email: str) -> User:
    user = find_user(tx, email)
    if user is None:
        raise NotFound("user", email)
    return user


def _member(tx: Transaction, project: Project, user: User) -> Member:
    """Somebody as a member of a project, with nothing if they are none."""
    mine = tuple(each for each in memberships_of(tx, user.id) if each.project_id == project.id)
    return Member(user, mine)


def _told(member: Member) -> dict[str, Any]:
    given = member.given
    return {
        "user": member.user.actor,
        "roles": [role.value for role in given.roles] if given else [],
        "may_break_glass": given is not None and given.may_break_glass,
    }


def _refuse_last(tx: Transaction, user: User) -> None:
    """Somebody can always sign in who may do everything. Whom only a group made an admin does not count."""
    if user.is_admin and [each.id for each in lock_admins(tx)] == [user.id]:
        raise Conflict("last_admin", f"{user.email} is the last one to whom everything is open", _LAST)
