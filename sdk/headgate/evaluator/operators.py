"""The operators whose arguments are all worked out first, as plain functions of those arguments."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from headgate.evaluator import coercion
from headgate.evaluator.coercion import LISTS, to_number, to_text, truthy
from headgate.evaluator.limits import MAX_BITS, MAX_ITEMS, MAX_TEXT, LimitError
from headgate.evaluator.versions import compare_versions


def _bounded(number: float) -> float:
    if isinstance(number, int) and number.bit_length() > MAX_BITS:
        raise LimitError(f"A number has more than {MAX_BITS} bits.")
    return number


def _add(*terms: Any) -> float:
    total: float = 0
    for term in terms:
        total = _bounded(total + to_number(term))
    return total


def _multiply(*factors: Any) -> float:
    product: float = 1
    for factor in factors:
        product = _bounded(product * to_number(factor))
    return product


def _subtract(left: Any = None, right: Any = None) -> float:
    return -to_number(left) if right is None else to_number(left) - to_number(right)


def _divide(left: Any = None, right: Any = None) -> float:
    return to_number(left) / to_number(right)


def _modulo(left: Any = None, right: Any = None) -> float:
    return to_number(left) % to_number(right)


def _smallest(*values: Any) -> float:
    return min(map(to_number, values), default=math.nan)


def _largest(*values: Any) -> float:
    return max(map(to_number, values), default=math.nan)


def _contains(needle: Any = None, haystack: Any = None) -> bool:
    if isinstance(haystack, LISTS):
        return needle in haystack
    return isinstance(haystack, str) and to_text(needle) in haystack


def concatenate(*parts: Any) -> str:
    """Return the parts as one text. Raises LimitError when it would be too long."""
    texts = [to_text(part) for part in parts]
    if sum(map(len, texts)) > MAX_TEXT:
        raise LimitError(f"A text has more than {MAX_TEXT} characters.")
    return "".join(texts)


def _merge(*parts: Any) -> list[Any]:
    merged: list[Any] = []
    for part in parts:
        merged.extend(part if isinstance(part, LISTS) else (part,))
        if len(merged) > MAX_ITEMS[0]:
            raise LimitError(f"A list has more than {MAX_ITEMS[0]} items.")
    return merged


def _not(value: Any = None) -> bool:
    return not truthy(value)


def _loosely_unequal(left: Any = None, right: Any = None) -> bool:
    return not coercion.loosely_equal(left, right)


def _strictly_unequal(left: Any = None, right: Any = None) -> bool:
    return not coercion.strictly_equal(left, right)


def _substring(text: Any = None, start: Any = None, length: Any = None) -> str:
    string = to_text(text)
    first = _first(to_number(start), len(string))
    return string[first : len(string) if length is None else _end(to_number(length), first, len(string))]


def _first(start: float, size: int) -> int:
    if math.isnan(start):
        return 0
    if start < 0:
        return 0 if -start >= size else size - int(-start)
    return int(min(start, size))


def _end(length: float, first: int, size: int) -> int:
    if math.isnan(length):
        return first
    return max(first, size + int(length)) if int(length) < 0 else first + int(length)


def _starts_with(text: Any, prefix: Any) -> bool | None:
    return text.startswith(prefix) if isinstance(text, str) and isinstance(prefix, str) else None


def _ends_with(text: Any, suffix: Any) -> bool | None:
    return text.endswith(suffix) if isinstance(text, str) and isinstance(suffix, str) else None


def missing(keys: Iterable[Any], read: Callable[[Any], Any]) -> list[Any]:
    """Return the keys that ``read`` finds nothing or an empty text for."""
    return [key for key in keys if (value := read(key)) is None or value == ""]


def _same(value: Any = None) -> Any:
    return value


class Operator(NamedTuple):
    """A function of at most ``at_most`` arguments (None: any number); the rest are ignored.

    ``exactly`` is for flagd's own operators, which yield None when called with another number of arguments.
    ``decides`` says that the result is true, false or None.
    """

    call: Callable[..., Any]
    at_most: int | None
    decides: bool = False
    exactly: int | None = None


OPERATORS: Final[dict[str, Operator]] = {
    "==": Operator(coercion.loosely_equal, 2, decides=True),
    "!=": Operator(_loosely_unequal, 2, decides=True),
    "===": Operator(coercion.strictly_equal, 2, decides=True),
    "!==": Operator(_strictly_unequal, 2, decides=True),
    "<": Operator(coercion.less, 3, decides=True),
    "<=": Operator(coercion.less_or_equal, 3, decides=True),
    ">": Operator(coercion.greater, 3, decides=True),
    ">=": Operator(coercion.greater_or_equal, 3, decides=True),
    "!": Operator(_not, 1, decides=True),
    "!!": Operator(truthy, 1, decides=True),
    "in": Operator(_contains, 2, decides=True),
    "starts_with": Operator(_starts_with, None, decides=True, exactly=2),
    "ends_with": Operator(_ends_with, None, decides=True, exactly=2),
    "sem_ver": Operator(compare_versions, None, decides=True, exactly=3),
    "+": Operator(_add, None),
    "*": Operator(_multiply, None),
    "-": Operator(_subtract, 2),
    "/": Operator(_divide, 2),
    "%": Operator(_modulo, 2),
    "min": Operator(_smallest, None),
    "max": Operator(_largest, None),
    "cat": Operator(concatenate, None),
    "merge": Operator(_merge, None),
    "substr": Operator(_substring, 3),
    # JsonLogic's "log" passes its argument through; a flag evaluation prints nothing.
    "log": Operator(_same, 1),
}
