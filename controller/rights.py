"""Whose rights are whose: read anew for each request, so that what is taken away is gone at the next one."""

from __future__ import annotations

from controller.permissions import EVERYTHING, Permission, Rights, granted
from controller.store.database import Transaction
from controller.store.keys import ApiKey, KeyKind
from controller.store.memberships import members_of, memberships_of
from controller.store.projects import Project
from controller.store.users import User, admins

_MOST_NAMED = 5


def rights_of_user(tx: Transaction, user: User) -> Rights:
    """What a user may do."""
    if user.runs_installation:
        return Rights(everywhere=EVERYTHING)
    found: dict[int, frozenset[Permission]] = {}
    for each in memberships_of(tx, user.id):
        if each.granted:
            found[each.project_id] = found.get(each.project_id, frozenset()) | each.granted
    return Rights(found)


def rights_of_key(key: ApiKey) -> Rights:
    """What an API key may do; a key of an environment opens nothing but its flags, and has none."""
    if key.kind is not KeyKind.ADMIN:
        return Rights()
    if key.project_id is None:
        return Rights(everywhere=EVERYTHING if key.may_break_glass else EVERYTHING - {Permission.BREAK_GLASS})
    return Rights({key.project_id: granted(key.roles, may_break_glass=key.may_break_glass)})


def who_may(tx: Transaction, permission: Permission, project: Project | None) -> list[str]:
    """The addresses of people who may do something in a project: its members, or those who run the installation."""
    if project is not None:
        mine = [
            member.user.email
            for member in members_of(tx, [project.id])[project.id]
            if permission in member.granted and member.user.deactivated_at is None
        ]
        if mine:
            return mine
    return [user.email for user in admins(tx)]


def whom_to_ask(tx: Transaction, permission: Permission, project: Project | None) -> str:
    """The same in words, for whoever may not; of many people, the first ones."""
    found = who_may(tx, permission, project)
    if not found:
        return "whoever runs this installation"
    more = f" and {len(found) - _MOST_NAMED} others" if len(found) > _MOST_NAMED else ""
    return ", ".join(found[:_MOST_NAMED]) + more
