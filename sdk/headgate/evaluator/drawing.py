"""Dealing shares by one attribute: what nearly every ``fractional`` does, and mostly by a short text.

A big document has thousands of these. Each is one small object instead of functions within functions, which take
several times the memory.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from contextlib import suppress
from typing import Any, Final, NamedTuple

from headgate.evaluator.bucketing import TEXT_HEADS, digest, hash_value
from headgate.evaluator.coercion import LISTS
from headgate.evaluator.compiler import Constant, Rule
from headgate.evaluator.operators import concatenate


class Table(NamedTuple):
    """Shares whose weights are written down: where each ends, what it yields, and what there is without a hash."""

    limits: tuple[int, ...]
    outcomes: tuple[Rule, ...]
    nothing: Any

    def deal(self, hashed: int | None, data: Any) -> Any:
        """Return what ``data`` gets, whose hash is known."""
        if hashed is None:
            return self.nothing
        return self.outcomes[bisect_right(self.limits, hashed)](data)


class Attribute(NamedTuple):
    """The attribute to bucket by, and what is hashed with it.

    ``before``: the bytes that stand before it, those of the flag key. ``salt``: the text it is put behind; None where
    it stands alone. ``of_list``: the rule for when it turns out to be a list, where that would be a share.
    """

    name: str
    before: bytes = b""
    salt: str | None = None
    of_list: Rule | None = None


def drawn(by: Attribute, table: Table) -> Rule:
    """Return the rule that deals what is in ``table``."""
    if len(table.outcomes) == 2:
        first, second = table.outcomes
        if isinstance(first, Constant) and isinstance(second, Constant):
            return _OfTwo(by, table.limits[0], first.value, second.value, table.nothing).draw
    return _OfMany(by, table).draw


class _Draw(ABC):
    """What is the same for any number of shares: the hash, and what stands before the bytes of a text.

    The texts of one attribute have few lengths. What stands before one is noted by its length, so that the next text
    of this length need not come here.
    """

    __slots__ = ("_before", "_heads", "_name", "_of_list", "_salt")

    def __init__(self, by: Attribute) -> None:
        self._name, self._before, self._salt, self._of_list = by
        self._heads: dict[int, bytes] = {}

    @abstractmethod
    def _deal(self, hashed: int | None, _data: Any) -> Any:
        """Return what there is for a hash."""

    def _unusual(self, data: Any) -> Any:
        value = data.get(self._name)
        if isinstance(value, str):
            self._learn(value)
        if self._of_list is not None and isinstance(value, LISTS):
            return self._of_list(data)
        return self._deal(self._hash(value), data)

    def _learn(self, text: str) -> None:
        # Where flag key and targeting key are bucketed together, an empty one has no bucket.
        if not text and self._before:
            return
        with suppress(UnicodeEncodeError):
            salt, size = (self._salt or "").encode(), len(text.encode())
            if len(salt) + size < len(TEXT_HEADS):
                self._heads[size] = self._before + TEXT_HEADS[len(salt) + size] + salt

    def _hash(self, value: Any) -> int | None:
        if self._before:
            return hash_value(value, self._before) if isinstance(value, str) and value else None
        if self._salt is not None:
            return hash_value(concatenate(self._salt, value))
        return None if value is None else hash_value(value)


class _OfTwo(_Draw):
    """In or out, which nearly every percentage is: one comparison and no further call."""

    __slots__ = ("_first", "_limit", "_nothing", "_second")

    def __init__(self, by: Attribute, limit: int, first: Any, second: Any, nothing: Any) -> None:
        super().__init__(by)
        self._limit, self._first, self._second, self._nothing = limit, first, second, nothing

    def draw(self, data: Any) -> Any:
        try:
            raw = data[self._name].encode()
            return self._first if digest(self._heads[len(raw)] + raw) < self._limit else self._second
        except _UNUSUAL:
            return self._unusual(data)

    def _deal(self, hashed: int | None, _data: Any) -> Any:
        if hashed is None:
            return self._nothing
        return self._first if hashed < self._limit else self._second


class _OfMany(_Draw):
    __slots__ = ("_limits", "_outcomes", "_table")

    def __init__(self, by: Attribute, table: Table) -> None:
        super().__init__(by)
        self._table = table
        self._limits, self._outcomes = table.limits, table.outcomes

    def draw(self, data: Any) -> Any:
        try:
            raw = data[self._name].encode()
            hashed = digest(self._heads[len(raw)] + raw)
        except _UNUSUAL:
            return self._unusual(data)
        return self._outcomes[bisect_right(self._limits, hashed)](data)

    def _deal(self, hashed: int | None, _data: Any) -> Any:
        return self._table.deal(hashed, _data)


_UNUSUAL: Final = (KeyError, AttributeError, UnicodeEncodeError)
"""Nothing to bucket by, no text, a text of a length not seen yet, and a text that cannot be written."""
