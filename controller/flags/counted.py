"""Which flags and variants are counted: whoever asks for others must not fill the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from controller.flags.naming import CANARY, SWITCH
from controller.flags.staleness import DEFAULT
from controller.store.database import Transaction
from controller.store.features import known_features
from controller.store.plain_flags import known_flags
from controller.store.projects import current_revisions, environment_by_id

OTHER = "(other)"
"""In place of a variant that the flag does not have now."""
_OF_FEATURES = frozenset({"off", "stable", "candidate", "on", DEFAULT})

Names = Mapping[str, frozenset[str]]
"""The flags that are counted, with the variants that are told apart."""
Counts = Mapping[tuple[int, str, str], int]
"""How often something was answered, by environment, flag and variant."""


class CountedFlags:
    """Knows the flags of all environments, looked up anew when they change. One thread at a time asks."""

    def __init__(self) -> None:
        self._names: dict[int, tuple[int, Names]] = {}

    def known(self, tx: Transaction, counts: Counts) -> Counter[tuple[int, str, str]]:
        """The counts of flags that there are, also of those that were deleted; an environment may be gone meanwhile."""
        there = current_revisions(tx)
        names = {
            id: self._names_of(tx, id)
            for id in {environment_id for environment_id, *_ in counts} & there.keys()
        }
        known: Counter[tuple[int, str, str]] = Counter()
        for (environment_id, flag, variant), count in counts.items():
            variants = names.get(environment_id, {}).get(flag)
            if variants is not None:
                known[environment_id, flag, variant if variant in variants else OTHER] += count
        return known

    def forget(self, environment_ids: Iterable[int]) -> None:
        """Drop what is kept of environments that are gone: SQLite gives their ids to others."""
        for id in environment_ids:
            self._names.pop(id, None)

    def _names_of(self, tx: Transaction, environment_id: int) -> Names:
        environment = environment_by_id(tx, environment_id)
        revision, names = self._names.get(environment_id, (0, {}))
        if revision != environment.revision:
            names = _names(tx, environment_id, environment.project_id)
            self._names[environment_id] = (environment.revision, names)
        return names


def _names(tx: Transaction, environment_id: int, project_id: int) -> dict[str, frozenset[str]]:
    """The names and variants of all flags, also of those that were deleted: it matters who still asks for them."""
    found = {
        key: frozenset({*flag.definition.get("variants", {}), DEFAULT})
        for key, flag in known_flags(tx, environment_id).items()
    }
    for feature in (*known_features(tx, project_id), CANARY):
        found |= {feature: _OF_FEATURES, f"{feature}{SWITCH}": _OF_FEATURES}
    return found
