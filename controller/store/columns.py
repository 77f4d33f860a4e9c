"""How values stand in a row.

A value that cannot be read back does not fail the query: it becomes `Unreadable`, and only the one item built from it
is broken. Instants are whole microseconds since 1970, so that both databases order and compare them alike.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import BigInteger, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Key = BigInteger().with_variant(Integer, "sqlite")
"""A primary key; SQLite counts up by itself only in its own INTEGER."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What stands in a column where something else should."""

    stored: object


@dataclass(frozen=True, slots=True)
class Broken:
    """An item whose row cannot be read, and why."""

    id: int
    key: str
    why: str


def microseconds(instant: datetime) -> int:
    """Whole microseconds since 1970."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """A point in time, always aware and in UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> int | None:
        """To microseconds."""
        return None if value is None else microseconds(value)

    def process_result_value(self, value: Any, _dialect: Dialect) -> Any:
        """From microseconds."""
        if value is None:
            return None
        try:
            return _EPOCH + timedelta(microseconds=typed(int, value))
        except (TypeError, OverflowError):
            return Unreadable(value)


class Json(TypeDecorator[Any]):
    """A JSON value kept as text, in the order it was given."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: Dialect) -> str | None:
        """To text."""
        return None if value is None else json.dumps(value, ensure_ascii=False, allow_nan=False)

    def process_result_value(self, value: Any, _dialect: Dialect) -> Any:
        """From text."""
        return from_text(value)


def from_text(stored: Any) -> Any:
    """The JSON value that is kept as a text, or `Unreadable`."""
    if stored is None:
        return None
    try:
        return json.loads(stored)
    except (TypeError, ValueError, RecursionError):
        return Unreadable(stored)


def typed(kind: type[T], value: object) -> T:
    """A value that must be of one kind; SQLite keeps whatever is put into a column, and JSON any shape.

    Raises:
        TypeError: It is of another kind. A truth value is no number.
    """
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"{value!r} is not {kind.__name__}")
    return value


def readable_instant(stored: object) -> datetime:
    """An instant that is only shown: one that cannot be read becomes the beginning of time."""
    return stored if isinstance(stored, datetime) else _EPOCH


def texts(value: object) -> list[str]:
    """A list of texts, or TypeError."""
    return [typed(str, text) for text in typed(list, value)]


def build(id: int, key: str, builder: Callable[[], T]) -> T | Broken:
    """Build an item from its row, or say why that is not possible."""
    try:
        return builder()
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        return Broken(id, key, f"{type(error).__name__}: {error}"[:500])
