"""JSON as evaluation tools write it: the standard, and NaN and infinity besides, which are read as null.

Bounded in depth and in the number of values, so that no text can exhaust stack or memory.
"""

from __future__ import annotations

import json
import math
from typing import Any

from controller.importers.limits import MAX_DEPTH, MAX_VALUES

_LONGEST_WHOLE = 18


class NotJSON(ValueError):
    """The text is not JSON, or too much of it; says what is wrong and where."""


def loads(text: str) -> Any:
    """Read JSON. What is NaN, infinite, or beyond the range of a double comes back as None.

    Raises:
        NotJSON: It is not JSON, or an object has a key twice, or it is too deep or too large.
    """
    if sum(map(text.count, "[{,")) > MAX_VALUES:
        raise NotJSON(f"has more than {MAX_VALUES} values")
    try:
        content = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        said = error.msg[:1].lower() + error.msg[1:].removesuffix(" at")
        raise NotJSON(f"is not JSON: {said} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise NotJSON(_TOO_DEEP) from None
    _refuse_depth(content)
    return content


def _refuse_depth(content: Any) -> None:
    level = [content]
    for _ in range(MAX_DEPTH):
        level = [inner for value in level for inner in _inner(value) if isinstance(inner, dict | list)]
        if not level:
            return
    raise NotJSON(_TOO_DEEP)


def _inner(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise NotJSON("has a key twice in one object")
    return content


def _real(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _whole(digits: str) -> float | None:
    return int(digits) if len(digits) <= _LONGEST_WHOLE else _real(digits)


_TOO_DEEP = f"has more than {MAX_DEPTH} levels of nesting"
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_real, parse_int=_whole, parse_constant=lambda _: None
)
