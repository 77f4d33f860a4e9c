"""How JsonLogic turns one type into another, and how it compares them.

The conversions are those of JavaScript as far as the current flagd evaluator follows them. Tuples count as
lists.
"""

from __future__ import annotations

import math
from typing import Any, Final

NUMBERS: Final = (int, float)
LISTS: Final = (list, tuple)
NAN: Final = math.nan
_NOT_NUMBERS: Final = frozenset({"inf", "+inf", "-inf"})


def to_number(value: Any) -> float:
    """Return ``value`` as a number; NaN when it is none. None counts as zero, ``[x]`` as x."""
    if isinstance(value, NUMBERS):
        return value
    if isinstance(value, str):
        return _parse_number(value)
    if value is None:
        return 0
    if isinstance(value, LISTS):
        return _list_to_number(value)
    return NAN


def _list_to_number(items: list[Any] | tuple[Any, ...]) -> float:
    if not items:
        return 0
    return to_number(items[0]) if len(items) == 1 else NAN


def _parse_number(text: str) -> float:
    if text.strip().lower() in _NOT_NUMBERS:
        return NAN
    try:
        return float(text)
    except ValueError:
        return NAN


def to_text(value: Any) -> str:
    """Return ``value`` as text: ``true``, ``null``, ``1.5``, lists joined by commas."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.15g}"
    if value is None:
        return "null"
    if isinstance(value, LISTS):
        return ",".join(map(to_text, value))
    return "[object Object]" if isinstance(value, dict) else str(value)


def truthy(value: Any = None) -> bool:
    """Return whether ``value`` counts as true: everything but None, false, 0, NaN, "" and an empty list."""
    if value is True or value is False:
        return value
    if isinstance(value, float):
        return not math.isnan(value) and value != 0
    return isinstance(value, dict) or bool(value)


def strictly_equal(left: Any = None, right: Any = None) -> bool:
    """Return whether both are equal without conversion; a boolean never equals a number."""
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    return bool(left == right)


def loosely_equal(left: Any = None, right: Any = None) -> bool:
    """Return whether both are equal after JavaScript's conversions; containers equal only themselves."""
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    if isinstance(left, NUMBERS) or isinstance(right, NUMBERS):
        return _equal_as_numbers(left, right)
    if isinstance(left, str) or isinstance(right, str):
        return _equal_as_texts(left, right)
    return left is right


def _equal_as_numbers(left: Any, right: Any) -> bool:
    if isinstance(left, NUMBERS) and isinstance(right, NUMBERS):
        return left == right
    return to_number(left) == to_number(right)


def _equal_as_texts(left: Any, right: Any) -> bool:
    return left is not None and right is not None and to_text(left) == to_text(right)


def _comparable(left: Any, right: Any) -> tuple[Any, Any]:
    if isinstance(left, NUMBERS) or isinstance(right, NUMBERS):
        return to_number(left), to_number(right)
    if isinstance(left, str) or isinstance(right, str):
        return to_text(left), to_text(right)
    return to_number(left), to_number(right)


def _below(left: Any, right: Any) -> bool:
    one, other = _comparable(left, right)
    return bool(one < other)


def _at_most(left: Any, right: Any) -> bool:
    one, other = _comparable(left, right)
    return bool(one <= other)


def less(low: Any = None, middle: Any = None, high: Any = None) -> bool:
    """Return whether ``low < middle``, and ``middle < high`` when a third value is given."""
    return _below(low, middle) and (high is None or _below(middle, high))


def less_or_equal(low: Any = None, middle: Any = None, high: Any = None) -> bool:
    """Return whether ``low <= middle``, and ``middle <= high`` when a third value is given."""
    return _at_most(low, middle) and (high is None or _at_most(middle, high))


def greater(high: Any = None, middle: Any = None, low: Any = None) -> bool:
    """Return whether ``high > middle``, and ``middle > low`` when a third value is given."""
    return _below(middle, high) and (low is None or _below(low, middle))


def greater_or_equal(high: Any = None, middle: Any = None, low: Any = None) -> bool:
    """Return whether ``high >= middle``, and ``middle >= low`` when a third value is given."""
    return _at_most(middle, high) and (low is None or _at_most(low, middle))
