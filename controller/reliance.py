"""In what a change of a source or of a feature would loosen the triggers that rely on it.

A trigger cannot be loosened by one person alone (see `controller.trigger_edits`); nor can it be by way of what it
reads, or of the limits that decide what becomes of its moves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from controller.sources import SOURCES
from controller.store.database import Transaction
from controller.store.features import Feature
from controller.store.reliance import acting_on_feature, relying_on_source
from controller.store.sources import StoredSource
from stages import Refusal

FEATURE_LIMITS = ("review_capacity_per_day", "automatic_moves_per_day")
"""What is said of a feature that keeps its triggers from being enough, when it grows or is left out."""

_ROOM = {("per_minute",): 0.0, ("at_once",): 4.0}
"""How much a source may be asked, with the defaults: more of it takes nothing from a trigger. 0 is no limit."""
_NAMES_A_SECRET = "access_key_id"  # noqa: S105 - the name of a setting
_DEFAULTS = {"automatic_moves_per_day": 6}

Path = tuple[str, ...]


def source_loosening(tx: Transaction, source: StoredSource, after: Mapping[str, Any]) -> Iterator[Refusal]:
    """Each setting by which what armed triggers read would be something else, or come less often.

    Credentials for the same place are none: a secret has to be changed at any hour.
    """
    changed = list(_changed(source, after))
    relying = relying_on_source(tx, source.id) if changed else []
    if relying:
        for path in changed:
            yield _alone(".".join(("settings", *path)), f"{_some(relying)} would read something else")


def only_credentials_change(source: StoredSource, after: Mapping[str, Any]) -> bool:
    """Whether other secrets are to be shown at the same place, and everything else stays."""
    return source.settings != after and not any(_changed(source, after))


def feature_loosening(tx: Transaction, feature: Feature, described: Mapping[str, Any]) -> Iterator[Refusal]:
    """Each limit of a feature by which triggers that act on it would do less."""
    grown = [name for name in FEATURE_LIMITS if name in described and _grows(name, feature, described)]
    acting = acting_on_feature(tx, feature.id) if grown else []
    if acting:
        for name in grown:
            yield _alone(name, f"{_some(acting)} would take stronger steps later")


def _grows(name: str, feature: Feature, described: Mapping[str, Any]) -> bool:
    return _most(name, described[name]) > _most(name, getattr(feature, name))


def _most(name: str, value: int | None) -> float:
    return _DEFAULTS.get(name, math.inf) if value is None else value


def _changed(source: StoredSource, after: Mapping[str, Any]) -> Iterator[Path]:
    """The settings that differ, but for credentials, and for being asked more often."""
    old, new = dict(_leaves(source.settings)), dict(_leaves(after))
    credentials = _credentials(source.kind, source.settings) | _credentials(source.kind, after)
    for path in sorted({*old, *new}):
        if old.get(path) != new.get(path) and path not in credentials and not _is_more_room(path, old, new):
            yield path


def _credentials(kind: str, settings: Mapping[str, Any]) -> set[Path]:
    """Where secrets stand, and the names that AWS gives to them and changes together with them."""
    secrets = {place.path for place in SOURCES[kind].secrets_in(settings)} if kind in SOURCES else set()
    return secrets | {path for path, _ in _leaves(settings) if path[-1] == _NAMES_A_SECRET}


def _is_more_room(path: Path, old: Mapping[Path, Any], new: Mapping[Path, Any]) -> bool:
    if path not in _ROOM:
        return False
    before, after = (float(each.get(path, _ROOM[path])) or math.inf for each in (old, new))
    return after >= before


def _leaves(settings: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, name))
        else:
            yield (*path, name), value


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0]}{more}"


def _alone(field: str, why: str) -> Refusal:
    message = f"this loosens live triggers in a protected environment: {why}"
    return Refusal("loosening_unreviewed", message, "propose it and let somebody else approve it", field)
