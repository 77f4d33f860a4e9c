"""Which actors are one person, as far as can be told.

Whoever may make keys can make two of them. A key that was made by another key of the same project therefore speaks for
whoever holds that one. Keys made by an admin of the installation are taken for different people: to give each person
one is the business of that admin.
"""

from __future__ import annotations

from controller.store.database import Transaction
from controller.store.keys import makers_of

_KEY = "key:"


def person_of(tx: Transaction, project_id: int, actor: str) -> str:
    """The first actor behind an actor: himself, or the key of the project that made his, or the one that made that."""
    makers = {f"{_KEY}{name}": maker for name, maker in makers_of(tx, project_id).items()}
    known = {actor}
    while (maker := makers.get(actor)) in makers and maker not in known:
        known.add(maker)
        actor = maker
    return actor
