"""A part of a foreign JSON document: it knows its place, and hands out what is there only as what is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from controller.importers.bad_report import AS_WRITTEN, BadReport
from controller.importers.limits import MAX_CASES, MAX_COUNT
from controller.importers.wording import MAX_NAME, clean, clean_id

_SHOWN = 60
_KINDS = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    type(None): "null",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A value of a JSON document, and the keys and positions that lead to it; none for the whole.

    Whatever is missing or of another kind than asked for is a BadReport that names the place. ``remedy`` is what it
    says to do.
    """

    value: Any
    way: tuple[str | int, ...] = ()
    remedy: str = AS_WRITTEN

    @property
    def place(self) -> str:
        """Where this is, for people: ``results.prompts[2].metrics``; "file" for the whole."""
        steps = (f"[{step}]" if isinstance(step, int) else f".{clean(step, _SHOWN)}" for step in self.way)
        return "".join(steps).removeprefix(".") or "file"

    def __contains__(self, key: str) -> bool:
        """Whether this is an object with something other than null under the key."""
        return isinstance(self.value, dict) and self.value.get(key) is not None

    def __getitem__(self, key: str) -> Part:
        """What is under a key of this object.

        Raises:
            BadReport: It is no object, or nothing is there, or null.
        """
        found = self.get(key)
        if found is None:
            raise self._inside(None, key).refusal("is missing")
        return found

    def at(self, *keys: str) -> Part:
        """What is at the end of a path of keys.

        Raises:
            BadReport: As for one key.
        """
        part = self
        for key in keys:
            part = part[key]
        return part

    def get(self, key: str) -> Part | None:
        """What is under a key of this object; None if nothing is there, or null.

        Raises:
            BadReport: It is no object.
        """
        found = self._of_kind(dict).get(key)
        return None if found is None else self._inside(found, key)

    def fields(self) -> dict[str, Part]:
        """The parts of this object by their keys."""
        return {key: self._inside(value, key) for key, value in self._of_kind(dict).items()}

    def parts(self) -> list[Part]:
        """The parts of this list."""
        entries = self._of_kind(list)
        if len(entries) > MAX_CASES:
            raise self.refusal(
                f"has {len(entries)} entries; {MAX_CASES} are allowed", "hand in a smaller run"
            )
        return [self._inside(value, at) for at, value in enumerate(entries)]

    def count(self) -> int:
        """A whole number of things, 0 or more."""
        number: int = self._of_kind(int)
        if not 0 <= number <= MAX_COUNT:
            raise self.refusal(f"is not between 0 and {MAX_COUNT}")
        return number

    def number(self) -> float:
        """A number of any size; NaN and infinity were read as null, so they are no number."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self._not_a("a number")
        number = float(self.value)
        if not math.isfinite(number):
            raise self.refusal("is not a finite number")
        return number

    def flag(self) -> bool:
        """True or false."""
        truth: bool = self._of_kind(bool)
        return truth

    def raw_text(self) -> str:
        """A text as it stands: to compare, never to keep."""
        text: str = self._of_kind(str)
        return text

    def text(self, limit: int = MAX_NAME) -> str:
        """A text that may enter a report: see `clean`."""
        return clean(self.raw_text(), limit)

    def text_of(self, key: str, limit: int = MAX_NAME) -> str:
        """The text under a key of this object, see `text`; empty if nothing is there, or null."""
        found = self.get(key)
        return found.text(limit) if found else ""

    def count_of(self, key: str) -> int:
        """The number under a key of this object, see `count`; 0 if nothing is there, or null."""
        found = self.get(key)
        return found.count() if found else 0

    def id(self, limit: int = MAX_NAME) -> str:
        """The name of a model or provider that may enter a report: see `clean_id`."""
        return clean_id(self.raw_text(), limit)

    def refusal(self, message: str, remedy: str = "") -> BadReport:
        """A BadReport about this part, for the caller to raise."""
        return BadReport(self.place, message, remedy or self.remedy)

    def __iter__(self) -> Iterator[Part]:
        """The parts of this list."""
        return iter(self.parts())

    def _of_kind(self, kind: type) -> Any:
        if not isinstance(self.value, kind) or (isinstance(self.value, bool) and kind is not bool):
            raise self._not_a(_KINDS[kind])
        return self.value

    def _not_a(self, wanted: str) -> BadReport:
        return self.refusal(f"is {_KINDS[type(self.value)]}, not {wanted}")

    def _inside(self, value: Any, step: str | int) -> Part:
        return Part(value, (*self.way, step), self.remedy)
