"""Query templates: PromQL with named gaps that a value can fill but never break out of.

A label variable such as ``${feature}`` may stand only in the quoted value of a label matcher, where it is
escaped so that whatever is put in stays one label value. ``${window}`` may stand only outside quotes, where
it becomes a duration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from triggers import Window

LABELS = ("feature", "release", "stage", "environment", "project")
WINDOW = "window"
MAX_LENGTH = 10_000

_KNOWN = ", ".join(f"${{{name}}}" for name in (*LABELS, WINDOW))
_MATCHERS = ("=~", "!~", "!=", "=")
_VARIABLE = r"\$\{(?P<name>[^}\n\"'`]*)(?P<end>\}?)"
_TOKEN = re.compile(_VARIABLE + r"|(?P<comment>\#[^\n]*)|(?P<quote>[\"'`])|(?P<code>.)", re.DOTALL)
_IN_QUOTES = re.compile(_VARIABLE + r"|(?P<text>\\.|.)", re.DOTALL)
_REGEX_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")


class BadTemplate(ValueError):
    """A template cannot be used; carries what is wrong with it and what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        """``remedy`` is a sentence without its full stop, in the imperative."""
        super().__init__(f"{message}; {remedy}")
        self.message = message
        self.remedy = remedy


class MissingValue(LookupError):
    """A template cannot be filled in, because a variable has no value or one that no label can have."""


@dataclass(frozen=True, slots=True)
class _Gap:
    """Where a value goes. ``quote`` is the quotation mark around it, or nothing for the window."""

    name: str
    quote: str = ""
    in_regex: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """A query with gaps, taken apart once and then filled in for every reading."""

    parts: tuple[str | _Gap, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Take a template apart.

        Raises:
            BadTemplate: A variable is unknown or stands where no value is safe, or a quote is not closed.
        """
        if len(text) > MAX_LENGTH:
            raise BadTemplate(f"has {len(text)} characters", f"keep it to {MAX_LENGTH}")
        return cls(tuple(_joined(_scan(text))))

    @property
    def variables(self) -> frozenset[str]:
        """The names of the variables in use."""
        return frozenset(part.name for part in self.parts if isinstance(part, _Gap))

    def render(self, variables: Mapping[str, str], window: Window) -> str:
        """The query with every gap filled in; the window becomes whole milliseconds, at least one.

        Raises:
            MissingValue: A variable in use has no value, or one that cannot be written as text.
        """
        filled = (part if isinstance(part, str) else _fill(part, variables, window) for part in self.parts)
        return "".join(filled)


def _fill(gap: _Gap, variables: Mapping[str, str], window: Window) -> str:
    if gap.name == WINDOW:
        return _duration(max(1, milliseconds(window.end) - milliseconds(window.start)))
    if gap.name not in variables:
        raise MissingValue(f"the variable {gap.name} has no value here")
    value = variables[gap.name]
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise MissingValue(f"the value of {gap.name} is not valid text")
    return _escaped(_REGEX_SPECIAL.sub(r"\\\g<0>", value) if gap.in_regex else value, gap.quote)


def milliseconds(moment: datetime) -> int:
    """A moment as it is told to a server: windows that touch also do so when they are asked for."""
    return round(moment.timestamp() * 1000)


def _duration(length_ms: int) -> str:
    return f"{length_ms}ms" if length_ms % 1000 else f"{length_ms // 1000}s"


def _escaped(value: str, quote: str) -> str:
    """Write a value as the inside of a PromQL string, whose escapes are those of Go."""
    return "".join(_escape(character, quote) for character in value)


def _escape(character: str, quote: str) -> str:
    if character in ("\\", quote):
        return "\\" + character
    if character.isprintable():
        return character
    return f"\\U{ord(character):08x}"


def _joined(parts: Iterator[str | _Gap]) -> Iterator[str | _Gap]:
    """The same parts with neighbouring texts made one."""
    text: list[str] = []
    for part in parts:
        if isinstance(part, str):
            text.append(part)
            continue
        yield "".join(text)
        yield part
        text.clear()
    yield "".join(text)


def _scan(text: str) -> Iterator[str | _Gap]:
    at, code = 0, ""
    while token := _TOKEN.match(text, at):
        at = token.end()
        if token["quote"]:
            at, parts = _string(text, at, token["quote"], _matcher(code))
            yield from parts
            code = ""
        elif token["name"] is not None:
            yield _outside(token)
            code = ""
        else:
            _refuse_variable_in_comment(token["comment"] or "")
            yield token[0]
            code = (code + (token["code"] or "").strip())[-2:]


def _outside(token: re.Match[str]) -> _Gap:
    """A variable outside quotes: only the window may stand there."""
    name = _known(token)
    if name != WINDOW:
        raise BadTemplate(f"${{{name}}} stands outside quotes", f'write {name}="${{{name}}}"')
    return _Gap(WINDOW)


def _known(token: re.Match[str]) -> str:
    name = token["name"]
    if not token["end"]:
        raise BadTemplate(f"${{{name[:40]} is not closed", "end the variable with }")
    if name != WINDOW and name not in LABELS:
        raise BadTemplate(f"the variable ${{{name[:40]}}} is unknown", f"known are {_KNOWN}")
    return name


def _refuse_variable_in_comment(comment: str) -> None:
    if "${" in comment:
        raise BadTemplate("a variable stands in a comment", "leave it out of the comment")


def _matcher(code: str) -> str:
    """The matching operator that the code before a string ends with, or nothing."""
    return next((operator for operator in _MATCHERS if code.endswith(operator)), "")


def _string(text: str, at: int, quote: str, matcher: str) -> tuple[int, list[str | _Gap]]:
    """Read a quoted string from its opening quotation mark on; gives where it ends and its parts."""
    if quote == "`":
        return _raw_string(text, at)
    parts: list[str | _Gap] = [quote]
    while (token := _IN_QUOTES.match(text, at)) and token["text"] != "\n":
        at = token.end()
        parts.append(token["text"] or _inside(token, quote, matcher, parts))
        if token["text"] == quote:
            return at, parts
    raise BadTemplate(f"a string that begins with {quote} is not closed", f"end it with {quote} on its line")


def _raw_string(text: str, at: int) -> tuple[int, list[str | _Gap]]:
    end = text.find("`", at) + 1
    if not end:
        raise BadTemplate("a string that begins with ` is not closed", "end it with `")
    if "${" in text[at:end]:
        raise BadTemplate("a variable stands between backticks, where no value is safe", 'use "…" instead')
    return end, ["`" + text[at:end]]


def _inside(token: re.Match[str], quote: str, matcher: str, before: list[str | _Gap]) -> _Gap:
    """A variable between quotes: only that of a label may stand there, and only in the value of a matcher."""
    name = _known(token)
    if name == WINDOW:
        raise BadTemplate("${window} stands between quotes", "write it outside, such as [${window}]")
    if not matcher:
        raise BadTemplate(f"${{{name}}} is in a string that is no label value", f'write {name}="${{{name}}}"')
    in_regex = matcher in ("=~", "!~")
    if in_regex and _is_open_regex([part if isinstance(part, str) else "" for part in before[1:]]):
        raise BadTemplate(
            f"${{{name}}} stands after a backslash, after \\Q or in a class of a regular expression",
            "write it where a whole word may stand",
        )
    return _Gap(name, quote, in_regex)


def _is_open_regex(pieces: list[str]) -> bool:
    """Whether the expression so far would take the next character for anything but a literal's beginning."""
    in_class = after_backslash = False
    previous = ""
    for piece in pieces:
        if after_backslash and piece == "Q":
            return True
        if after_backslash or piece.startswith("\\"):
            after_backslash = not after_backslash and piece == "\\\\"
        elif piece == "[":
            in_class = True
        elif piece == "]" and previous not in ("[", "^"):  # At the start of a class it is one of its members.
            in_class = False
        previous = piece
    return in_class or after_backslash
