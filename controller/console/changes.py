"""Recorded changes as they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from controller.console.words import ACTORS, Moved, Sign, change_word, moved, subject, who
from controller.store.changes import RecordedChange, changes_of
from controller.store.columns import Broken, build
from controller.store.database import Transaction
from controller.store.features import feature_names
from controller.store.projects import Environment

NEWEST = 15
"""How many changes are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLine:
    """A recorded change as it is shown. ``key`` is that of its feature, if it is about one."""

    seq: int
    at: datetime | None
    word: str
    key: str
    feature: str
    subject: str
    moved: tuple[Moved, ...]
    actor: str
    kind: Sign
    reason: str


def newest_changes(tx: Transaction, environment: Environment) -> list[ChangeLine]:
    """The newest changes that touched what an environment serves."""
    found = changes_of(tx, environment.project_id, touching=environment.key, limit=NEWEST)
    return change_lines(tx, environment.project_id, found)


def change_lines(tx: Transaction, project_id: int, found: Iterable[RecordedChange]) -> list[ChangeLine]:
    """Changes of a project as they are shown; what cannot be read of one harms no other."""
    changes = list(found)
    names = feature_names(tx, project_id, (change.feature for change in changes))
    return [_line(change, names) for change in changes]


def _line(change: RecordedChange, names: Mapping[str, str]) -> ChangeLine:
    built = build(change.id, "", lambda: (subject(change), tuple(moved(change))))
    about, steps = ("its content cannot be read", ()) if isinstance(built, Broken) else built
    return ChangeLine(
        seq=change.seq,
        at=change.at if isinstance(change.at, datetime) else None,
        word=change_word(change.name),
        key=change.feature,
        feature=names.get(change.feature, change.feature),
        subject=about,
        moved=steps,
        actor=who(change.actor),
        kind=ACTORS.get(change.actor_kind, Sign(change.actor_kind, "never", "plain")),
        reason=change.reason,
    )
