"""Which keys a new feature cannot have: one that meant something else before, or means something else now."""

from __future__ import annotations

from controller.errors import Conflict
from controller.flags.naming import CANARY, flags_of_feature
from controller.store.changes import last_change
from controller.store.database import Transaction
from controller.store.features import find_buried
from controller.store.plain_flags import plain_flag_named


def refuse_retired(tx: Transaction, project_id: int, key: str) -> None:
    """A key that a feature had is not given out again; who deleted it knows why."""
    if buried := find_buried(tx, project_id, key):
        end = last_change(tx, project_id, "feature.delete", key)
        by = f" by {end.actor} ({end.reason})" if end else ""
        detail = (
            f"a feature {key!r} was deleted on {buried[1]:%Y-%m-%d}{by}; product code may still ask for it"
        )
        raise Conflict("key_retired", f"{detail}. Revive it, or choose another key.")


def refuse_names_of_flags(tx: Transaction, project_id: int, key: str) -> None:
    """A flag that a team defined itself, or a deleted one, must not become the flag of a feature."""
    names = flags_of_feature(key)
    if CANARY in names:
        raise Conflict("key_taken", f"{CANARY} is the flag of kill drills; choose another key")
    if found := plain_flag_named(tx, project_id, names):
        name, environment = found
        detail = f"there is or was a flag {name} in {environment}, which a feature {key} would take over"
        raise Conflict("key_taken", f"{detail}; choose another key")
