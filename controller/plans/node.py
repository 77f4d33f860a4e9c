"""A value of a plan together with its place, so that every mistake can say where it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

DAY_S = 86_400
HOUR_S = 3_600

_DEEPEST = 16
_LONGEST_S = 36_525 * DAY_S

T = TypeVar("T")
U = TypeVar("U")
Word = TypeVar("Word", bound=StrEnum)


class Mistake(ValueError):
    """A plan cannot be used: the dotted place, what is wrong there, and what to do about it."""

    def __init__(self, place: str, message: str, remedy: str) -> None:
        """``remedy`` is a sentence without its full stop, in the imperative."""
        super().__init__(f"{place or 'the whole'}: {message}; {remedy}")
        self.place = place
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its dotted place; items of a list are numbered from 0.

    ``value`` is a mapping of names to nodes, a tuple of nodes, or a plain value. Every way to read it raises Mistake
    when it is something else than what is asked for.
    """

    place: str
    value: Any

    def mistake(self, message: str, remedy: str) -> Mistake:
        """A mistake in this place."""
        return Mistake(self.place, message, remedy)

    def mapping(self) -> Mapping[str, Node]:
        """The nodes by their names."""
        if not isinstance(self.value, Mapping):
            raise self.mistake("is not a mapping of names to values", "write `name: value`")
        return self.value

    def only(self, known: Collection[str], what: str = "a key") -> Mapping[str, Node]:
        """The nodes by their names, none of which is unknown."""
        for name, node in self.mapping().items():
            if name not in known:
                raise node.mistake(f"is not {what} here", f"use one of {', '.join(known)}")
        return self.mapping()

    def need(self, name: str) -> Node:
        """The node of that name."""
        if name not in self.mapping():
            raise Mistake(_within(self.place, name), "is missing", "add it")
        return self.mapping()[name]

    def get(self, name: str, read: Callable[[Node], T], default: U) -> T | U:
        """What is read from the node of that name, or the default where there is none."""
        node = self.mapping().get(name)
        return default if node is None else read(node)

    def under(self, name: str) -> Mapping[str, Node]:
        """The nodes of the mapping of that name; none where there is no such mapping."""
        return self.need(name).mapping() if name in self.mapping() else {}

    def overlaid(self, over: Node) -> Node:
        """This mapping with the names of another one put in place of its own."""
        return Node(self.place, {**self.mapping(), **over.mapping()})

    def items(self) -> tuple[Node, ...]:
        """The items of a list."""
        if not isinstance(self.value, tuple):
            raise self.mistake("is not a list", "write `[one, another]`")
        return self.value

    def text(self) -> str:
        """A text that says something."""
        if not isinstance(self.value, str) or not self.value.strip():
            raise self.mistake(f"{self._shown()} is not a text", "write some words")
        return self.value.strip()

    def texts(self) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(item.text() for item in self.items())

    def flag(self) -> bool:
        """True or false."""
        if not isinstance(self.value, bool):
            raise self.mistake(f"{self._shown()} is neither true nor false", "write true or false")
        return self.value

    def whole(self) -> int:
        """A whole number from 0."""
        if isinstance(self.value, bool) or not isinstance(self.value, int) or self.value < 0:
            raise self.mistake(f"{self._shown()} is not a whole number", "give a whole number from 0")
        return self.value

    def number(self) -> float:
        """A number from 0."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self.mistake(f"{self._shown()} is not a number", "give a number from 0")
        if not 0 <= self.value < math.inf:
            raise self.mistake(f"{self._shown()} is out of range", "give a number from 0")
        return float(self.value)

    def share(self) -> float:
        """A number above 0 and not above 1."""
        if not 0 < self.number() <= 1:
            raise self.mistake(
                f"{self._shown()} is not a share", "give a number above 0 up to 1: 0.05 is 5 %"
            )
        return self.number()

    def days(self) -> int:
        """Seconds, from a number of days."""
        return self._time(self.number() * DAY_S)

    def hours(self) -> int:
        """Seconds, from a number of hours."""
        return self._time(self.number() * HOUR_S)

    def seconds(self) -> int:
        """A whole number of seconds."""
        return self._time(self.whole())

    def word(self, words: type[Word]) -> Word:
        """One of the given words."""
        if self.value not in tuple(words):
            raise self.mistake(f"{self._shown()} is not known here", f"use one of {', '.join(words)}")
        return words(self.value)

    def _time(self, seconds: float) -> int:
        # Further ahead there may be no date to reckon with.
        if seconds > _LONGEST_S:
            raise self.mistake(f"{self._shown()} is longer than 100 years", "give a shorter time")
        return round(seconds)

    def _shown(self) -> str:
        return repr(self.value) if isinstance(self.value, str | int | float) else "it"


def one_of(words: type[Word]) -> Callable[[Node], Word]:
    """Reads one of the given words."""
    return lambda node: node.word(words)


def grow(content: Any, place: str = "", depth: int = 0) -> Node:
    """Nodes of plain content, as YAML or JSON gives it.

    Raises:
        Mistake: It is nested too deeply, or a name is no text.
    """
    if depth > _DEEPEST:
        raise Mistake(place, "is nested too deeply", "write plans as they are documented")
    if isinstance(content, Mapping):
        return Node(
            place,
            {
                _name(place, key): grow(value, _within(place, key), depth + 1)
                for key, value in content.items()
            },
        )
    if isinstance(content, list | tuple):
        return Node(
            place,
            tuple(grow(item, _within(place, str(number)), depth + 1) for number, item in enumerate(content)),
        )
    return Node(place, content)


def _name(place: str, key: Any) -> str:
    if not isinstance(key, str):
        raise Mistake(_within(place, str(key)), "is not named by a text", "put the name in quotation marks")
    return key


def _within(place: str, name: str) -> str:
    return f"{place}.{name}" if place else str(name)
