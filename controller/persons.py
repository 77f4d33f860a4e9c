"""Which actors are one person, as far as can be told.

Whoever may make keys can make two of them, and whoever may invite people can sign in as them once. A key that was made
by another key of the same project, or by a user, therefore speaks for whoever that is; and nobody counts as a second
person beside the user who gave them their one-time password. Keys made by an admin key of the installation are taken
for different people: to give each person one is the business of whoever has it.
"""

from __future__ import annotations

from controller.store.database import Transaction
from controller.store.keys import makers_of
from controller.store.users import find_user

ONE = "one of you made the other's key or gave out the password, or both keys come from a third"
"""Why two actors may count as one person."""

_KEY, _USER = "key:", "user:"


def person_of(tx: Transaction, project_id: int, actor: str) -> str:
    """The first actor behind an actor: the actor, or the user or key of the project that made that one, and so on."""
    makers = {f"{_KEY}{name}": maker for name, maker in makers_of(tx, project_id).items()}
    known = {actor}
    while (maker := makers.get(actor, "")) not in known and (maker in makers or maker.startswith(_USER)):
        known.add(maker)
        actor = maker
    return actor


def are_one(tx: Transaction, project_id: int, one: str, other: str) -> bool:
    """Whether two actors count as one person: they are, or one of them let the other in."""
    first, second = person_of(tx, project_id, one), person_of(tx, project_id, other)
    return (
        first == second
        or second in _who_let_in(tx, project_id, first)
        or first in _who_let_in(tx, project_id, second)
    )


def _who_let_in(tx: Transaction, project_id: int, person: str) -> set[str]:
    """Who could have signed in as somebody: whoever gave them their password, and whoever could sign in as that."""
    found: set[str] = set()
    while person.startswith(_USER):
        user = find_user(tx, person.removeprefix(_USER))
        if user is None or not user.let_in_by:
            break
        person = person_of(tx, project_id, user.let_in_by)
        if person in found:
            break
        found.add(person)
    return found
