"""Flags that arrived as text and were not asked for yet.

Ten thousand flags as Python objects take many times the memory of their text, and the garbage collector walks
over all of them. So the text is checked once, and where in it each flag stands is kept; each is read again, and
kept, only when it is first asked for.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, NoReturn


class Unread:
    """One flag as the JSON text it was sent as, known to be valid: a part of the text of its whole document."""

    __slots__ = ("_end", "_start", "_whole")

    def __init__(self, whole: str, start: int, end: int) -> None:
        """The flag stands in ``whole`` from ``start`` up to ``end``."""
        self._whole = whole
        self._start = start
        self._end = end

    @property
    def text(self) -> str:
        """Its text."""
        return self._whole[self._start : self._end]

    def __eq__(self, other: object) -> bool:
        """Two are the same if their texts are."""
        return isinstance(other, Unread) and self.text == other.text

    __hash__ = None  # type: ignore[assignment]


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON.")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)
# Neither is named in the types of the standard library, but both are how its own decoder is made.
_scan: Final[Any] = _DECODER.scan_once  # type: ignore[attr-defined]
_scan_text: Final[Any] = json.decoder.scanstring  # type: ignore[attr-defined]
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_PLAIN: Final = re.compile(r'[ \t\n\r]*,[ \t\n\r]*"([^"\\\x00-\x1f]*)"[ \t\n\r]*:[ \t\n\r]*')
"""From one value to the next, where the name has no escapes: nearly always."""
_NAME: Final = re.compile(r'[ \t\n\r]*"')
_COLON: Final = re.compile(r"[ \t\n\r]*:[ \t\n\r]*")
_NEXT: Final = re.compile(r"[ \t\n\r]*([,}])")
_OPEN: Final = re.compile(r"[ \t\n\r]*\{")
_EMPTY: Final = re.compile(r"[ \t\n\r]*\}")


def read_flag(flag: Any) -> Any:
    """Return the flag as a JSON value, read now if it is still text."""
    return _DECODER.decode(flag.text) if isinstance(flag, Unread) else flag


def split(text: str | bytes) -> Any:
    """Return the JSON value in ``text``; in an object's ``flags`` every value is left ``Unread``.

    Raises ValueError for what is no JSON, for NaN and infinities, and RecursionError for endless nesting.
    """
    whole = text if isinstance(text, str) else text.decode()
    if _OPEN.match(whole) is None:
        return _DECODER.decode(whole)
    try:
        found, end = _members(whole, 0, _top)
    except StopIteration as missing:
        raise ValueError(f"a value is missing at {missing.value}") from None
    if _SPACE.fullmatch(whole, end) is None:
        raise ValueError("there is something behind it")
    return found


def _top(text: str, name: str, start: int) -> tuple[Any, int]:
    if name == "flags" and text.startswith("{", start):
        return _members(text, start, _flag)
    found: tuple[Any, int] = _scan(text, start)
    return found


def _flag(text: str, _name: str, start: int) -> tuple[Any, int]:
    end: int = _scan(text, start)[1]
    return Unread(text, start, end), end


def _members(text: str, start: int, read: Any) -> tuple[dict[str, Any], int]:
    """Read the object at ``start``; ``read`` returns the value of a name and where it ends."""
    end = _expect(_OPEN, text, start).end()
    if empty := _EMPTY.match(text, end):
        return {}, empty.end()
    members: dict[str, Any] = {}
    name, end = _named(text, end)
    while True:
        members[name], end = read(text, name, end)
        if plain := _PLAIN.match(text, end):
            name, end = plain[1], plain.end()
            continue
        after = _expect(_NEXT, text, end)
        if after[1] == "}":
            return members, after.end()
        name, end = _named(text, after.end())


def _named(text: str, at: int) -> tuple[str, int]:
    """Read a name with whatever may be in it, and its colon."""
    name, end = _scan_text(text, _expect(_NAME, text, at).end())
    return name, _expect(_COLON, text, end).end()


def _expect(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str]:
    found = pattern.match(text, at)
    if found is None:
        raise ValueError(f"something else is expected at {at}")
    return found
