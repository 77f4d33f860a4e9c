"""All of a recorded change: every value it moved, what it rested on, and how it is bound to the row before."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controller.console.words import Moved, exact_time, percent
from controller.store.changes import RecordedChange
from controller.store.columns import Broken, build

_LONGEST = 400
_NOTHING = "—"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """``moved`` has what a change moved, and ``same`` how many values it left. ``broken``: why it cannot be read."""

    change: RecordedChange
    moved: tuple[Moved, ...] = ()
    same: int = 0
    evidence: tuple[tuple[str, str], ...] = ()
    broken: str = ""


def details(change: RecordedChange) -> Detail:
    """A change with everything that is recorded of it; what cannot be read is said."""
    read = build(change.id, "", lambda: _read(change))
    return Detail(change=change, broken=read.why) if isinstance(read, Broken) else read


def _read(change: RecordedChange) -> Detail:
    moved = differences(change.before, change.after)
    return Detail(
        change=change,
        moved=moved,
        same=len(dict([*_flat(change.before), *_flat(change.after)])) - len(moved),
        evidence=tuple((name, _told(name, value)) for name, value in _flat(change.evidence)),
    )


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Moved, ...]:
    """Every value in which two states differ, those of their parts under the path to them."""
    return tuple(_moved(dict(_flat(before)), dict(_flat(after))))


def _moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Moved]:
    for name in {**before, **after}:
        if name not in before or name not in after or before[name] != after[name]:
            pair = (_told(name, side[name]) if name in side else _NOTHING for side in (before, after))
            yield Moved(name.replace("_", " "), *pair)


def _flat(state: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a state, those of its parts under the path to them."""
    for name, value in state.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def _told(name: str, value: Any) -> str:
    if name.endswith("share") and type(value) is int:
        return percent(value)
    if value is None or value in ("", [], {}):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name.endswith(("since", "_at")) and isinstance(value, str):
        return _instant(value)
    text = value if isinstance(value, str) else _listed(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _instant(text: str) -> str:
    try:
        return exact_time(datetime.fromisoformat(text))
    except ValueError:
        return text[:_LONGEST]


def _listed(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)
