"""JSON as the standard has it, and nothing that only some parsers agree on.

Python's own reader takes ``NaN``, turns ``1e999`` into infinity, keeps the last of two equal keys and can run
out of stack. What comes from outside is read here instead.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

MAX_DEPTH = 64
_SHOWN = 40
_LONGEST_WHOLE = 300
"""Digits; a double holds a few more."""
_BYTE_ORDER_MARK = "\ufeff"

_TOKEN = re.compile(
    r"""(?P<string>"(?:[^"\\]++|\\.)*+"?)(?P<is_key>(?=\s*+:))?"""
    r"|(?P<open>[\[{])|(?P<close>[\]}])"
    r"|(?P<constant>-?+(?:NaN|Infinity))"
    r"|(?P<number>-?+[0-9][0-9.eE+-]*+)",
    re.DOTALL,
)


class InvalidJSON(ValueError):
    """The text is not JSON that can be trusted; the message says what is wrong and where."""


def loads(text: bytes | str) -> Any:
    """Read JSON strictly.

    Besides what is no JSON, these are refused: ``NaN`` and ``Infinity``, numbers beyond the range of a
    double, a key that appears twice in one object, more than 64 levels of nesting, and what is not UTF-8,
    escaped or not.

    Raises:
        InvalidJSON: It is one of these.
    """
    decoded = _decoded(text)
    try:
        return _loads_at_once(decoded)
    except (ValueError, RecursionError):
        # Something is wrong, or may be: the scan finds out what, and where.
        pass
    _Scan(decoded).run()
    try:
        return json.loads(decoded)
    except json.JSONDecodeError as error:
        raise InvalidJSON(f"{_continued(error.msg)} at line {error.lineno}, column {error.colno}") from None


def _loads_at_once(decoded: str) -> Any:
    """Read what is plainly as it should be, in a fraction of the time that the scan takes.

    Raises:
        ValueError: It is not plain.
    """
    if "\\" in decoded or decoded.count("[") + decoded.count("{") > MAX_DEPTH:
        raise ValueError("escapes and deep nesting are looked at closely")
    return _PLAIN.decode(decoded)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is repeated")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("too large")
    return number


def _whole(text: str) -> int:
    if len(text) > _LONGEST_WHOLE:
        raise ValueError("too large, or nearly")
    return int(text)


def _refused(text: str) -> Any:
    raise ValueError(text)


_PLAIN = json.JSONDecoder(
    object_pairs_hook=_without_repeats, parse_float=_finite, parse_int=_whole, parse_constant=_refused
)
"""Made once: `json.loads` would make one for each text."""


def _decoded(text: bytes | str) -> str:
    try:
        if isinstance(text, bytes):
            text = text.decode()
        else:
            text.encode()
    except UnicodeDecodeError as error:
        raise InvalidJSON(f"byte {error.start} is not UTF-8") from None
    except UnicodeEncodeError as error:
        raise InvalidJSON(f"character {error.start} cannot be written as UTF-8") from None
    if text.startswith(_BYTE_ORDER_MARK):
        raise InvalidJSON(
            "it begins with a byte order mark, which JSON has not; save it as UTF-8 without one"
        )
    return text


def _continued(message: str) -> str:
    return message[:1].lower() + message[1:].removesuffix(" at")


@dataclass(slots=True)
class _Scan:
    """One pass over the tokens, before anything is built: it refuses what the standard reader lets through.

    It may misread text that is no JSON at all; the standard reader refuses that anyway.
    """

    text: str
    keys: list[set[str]] = field(default_factory=list)
    """The keys seen so far in every object or array that is open here."""

    def run(self) -> None:
        """Look at every token.

        Raises:
            InvalidJSON: One of them is refused.
        """
        for token in _TOKEN.finditer(self.text):
            match token.lastgroup:
                case "open":
                    self._open(token)
                case "close":
                    self.keys = self.keys[:-1]
                case "constant":
                    raise self._refusal(f"{token[0]} is not a JSON number", token)
                case "number":
                    self._number(token)
                case _:
                    self._string(token)

    def _open(self, token: re.Match[str]) -> None:
        if len(self.keys) >= MAX_DEPTH:
            raise self._refusal(f"more than {MAX_DEPTH} levels of nesting", token)
        self.keys.append(set())

    def _number(self, token: re.Match[str]) -> None:
        try:
            overflows = math.isinf(float(token[0]))
        except ValueError:
            return  # Not a number; the standard reader says it better.
        if overflows:
            raise self._refusal(f"the number {_shortened(token[0])} is too large", token)

    def _string(self, token: re.Match[str]) -> None:
        string = self._plain(token)
        if token["is_key"] is None or not self.keys:
            return
        if string in self.keys[-1]:
            raise self._refusal(f'the key "{_shortened(string)}" appears twice in one object', token)
        self.keys[-1].add(string)

    def _plain(self, token: re.Match[str]) -> str:
        """The string without its escapes, so that two spellings of one key are one key."""
        written = token["string"]
        if "\\" not in written:
            return written[1:-1]
        try:
            plain = str(json.loads(written))
            plain.encode()
        except json.JSONDecodeError:
            return written
        except UnicodeEncodeError:
            raise self._refusal("half of a surrogate pair", token) from None
        return plain

    def _refusal(self, what: str, token: re.Match[str]) -> InvalidJSON:
        before = self.text[: token.start()]
        line, column = before.count("\n") + 1, token.start() - before.rfind("\n")
        return InvalidJSON(f"{what} at line {line}, column {column}")


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
