"""What goes for API keys beyond making them: what may stand on one, and letting one run out."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from controller.actors import Actor
from controller.errors import InvalidInput, Problem
from controller.permissions import Role
from controller.rollouts import Clock
from controller.store.changes import Change, record
from controller.store.database import Database
from controller.store.keys import ApiKey, KeyKind, expire_key
from controller.store.projects import get_project


class Keys:
    """Lets keys run out. A key is replaced by making another one of its kind, and letting it run out meanwhile."""

    def __init__(self, database: Database, now: Clock) -> None:
        self._database = database
        self._now = now

    def let_expire(self, project_key: str, id: str, expires_at: datetime, actor: Actor) -> ApiKey:
        """Say from when on a key opens nothing. It only ever becomes sooner.

        Raises:
            InvalidInput: The time is over, or later than when the key runs out anyway.
        """
        with self._database.write() as tx:
            project, now = get_project(tx, project_key), self._now()
            refuse_past(expires_at, now)
            before, key = expire_key(tx, project.id, id, expires_at)
            change = Change(
                project_id=project.id,
                name="key.expire",
                actor=actor,
                at=now,
                before={"expires_at": before.isoformat() if before else None},
                after={"key": id, "name": key.name, "expires_at": expires_at.isoformat()},
            )
            record(tx, change)
            return key


def refuse_past(expires_at: datetime | None, now: datetime) -> None:
    """A key that is made, or is to run out, still opens something.

    Raises:
        InvalidInput: The time is over.
    """
    if expires_at is not None and expires_at <= now:
        raise InvalidInput(Problem("expires_at", "is over", "name a time to come, or revoke the key"))


def refuse_wrong_roles(kind: KeyKind, roles: Collection[Role], *, may_break_glass: bool) -> None:
    """What an admin key may do is said when it is made; a key of an environment opens its flags and nothing else.

    Raises:
        InvalidInput: An admin key without a role, or another one with something that only admin keys have.
    """
    if kind is KeyKind.ADMIN:
        if not roles:
            raise InvalidInput(
                Problem("roles", "an admin key needs a role", f"name some of {', '.join(Role)}")
            )
        return
    for field, given in (("roles", bool(roles)), ("may_break_glass", may_break_glass)):
        if given:
            raise InvalidInput(Problem(field, "goes with admin keys, and with no other", "leave it out"))
