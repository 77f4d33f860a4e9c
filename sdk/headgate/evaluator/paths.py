"""Reading a value out of the data a rule runs on."""

from __future__ import annotations

from typing import Any, Final

from headgate.evaluator.coercion import LISTS, NUMBERS, to_text

_SEQUENCES: Final = (*LISTS, str)
_MAX_INDEX_DIGITS: Final = 9


def walk(data: Any, parts: tuple[str, ...]) -> Any:
    """Follow ``parts``, each a key, a position or ``length``, into ``data``. None when they lead nowhere."""
    for part in parts:
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, _SEQUENCES):
            if part == "length":
                return len(data)
            data = _item(data, part)
        else:
            return None
    return data


def _item(items: Any, part: str) -> Any:
    if len(part) > _MAX_INDEX_DIGITS or not part.isdecimal() or str(index := int(part)) != part:
        return None
    return items[index] if index < len(items) else None


def look_up(data: Any, key: Any) -> Any:
    """Return what ``key`` names in ``data``, or None: a dotted path, a position, or "" for all of it."""
    if key is None or key == "":
        return data
    if isinstance(key, NUMBERS):
        return _at(data, key)
    return walk(data, tuple(to_text(key).split(".")))


def _at(data: Any, position: float) -> Any:
    # Positions are for lists and texts only; a number never names a key of a JSON object.
    if not isinstance(data, _SEQUENCES) or not 0 <= position < len(data) or position != int(position):
        return None
    return data[int(position)]
