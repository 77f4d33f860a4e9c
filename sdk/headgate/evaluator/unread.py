"""Flags that arrived as text and were not asked for yet.

Ten thousand flags as Python objects take many times the memory of their text, and the garbage collector walks
over all of them. So the text is checked once and taken apart into its flags; each is read again, and kept,
only when it is first asked for.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, NoReturn


class Unread(str):
    """One flag as the JSON text it was sent as, known to be valid."""

    __slots__ = ()


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
_NAME: Final = re.compile(r'[ \t\n\r]*"')
_COLON: Final = re.compile(r"[ \t\n\r]*:[ \t\n\r]*")
_NEXT: Final = re.compile(r"[ \t\n\r]*([,}])")
_OPEN: Final = re.compile(r"[ \t\n\r]*\{")
_EMPTY: Final = re.compile(r"[ \t\n\r]*\}")


def read_flag(flag: Any) -> Any:
    """Return the flag as a JSON value, read now if it is still text."""
    return _DECODER.decode(flag) if isinstance(flag, Unread) else flag


def split(text: str | bytes) -> Any:
    """Return the JSON value in ``text``; in an object's ``flags`` every value is left ``Unread``.

    Raises ValueError for what is no JSON, for NaN and infinities, and RecursionError for endless nesting.
    """
    whole = text if isinstance(text, str) else text.decode()
    if _OPEN.match(whole) is None:
        return _DECODER.decode(whole)
    found, end = _members(whole, 0, _top)
    if _SPACE.fullmatch(whole, end) is None:
        raise ValueError("there is something behind it")
    return found


def _top(text: str, name: str, start: int) -> tuple[Any, int]:
    if name == "flags" and text.startswith("{", start):
        return _members(text, start, _flag)
    return _value(text, start)


def _flag(text: str, _name: str, start: int) -> tuple[Any, int]:
    _, end = _value(text, start)
    return Unread(text[start:end]), end


def _value(text: str, start: int) -> tuple[Any, int]:
    try:
        found: tuple[Any, int] = _scan(text, start)
    except StopIteration:
        raise ValueError(f"a value is missing at {start}") from None
    return found


def _members(text: str, start: int, read: Any) -> tuple[dict[str, Any], int]:
    """Read the object at ``start``; ``read`` returns the value of a name and where it ends."""
    end = _expect(_OPEN, text, start).end()
    if empty := _EMPTY.match(text, end):
        return {}, empty.end()
    members: dict[str, Any] = {}
    while True:
        name, end = _scan_text(text, _expect(_NAME, text, end).end())
        members[name], end = read(text, name, _expect(_COLON, text, end).end())
        after = _expect(_NEXT, text, end)
        end = after.end()
        if after[1] == "}":
            return members, end


def _expect(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str]:
    found = pattern.match(text, at)
    if found is None:
        raise ValueError(f"something else is expected at {at}")
    return found
