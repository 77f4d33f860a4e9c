"""Texts with named gaps, for everything but PromQL: each place that a value may go to says how it is written there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime

from controller.sources.source import BadQuery
from controller.sources.template import LABELS, MissingValue
from triggers import Window

TIMES = ("start", "end", "start_s", "end_s", "start_ms", "end_ms", "window")
"""The variables about the window: its ends as ISO 8601, in seconds and in milliseconds since 1970; its seconds."""

_VARIABLE = re.compile(r"\$\{(?P<name>[^}]*)(?P<end>\}?)")
_NUMBER = re.compile(r'"\$\{(?P<name>[a-z_]+):number\}"')
_KNOWN = ", ".join(f"${{{name}}}" for name in (*LABELS, *TIMES))
_MAX_LENGTH = 10_000


def check_filling(part: str, text: str) -> None:
    """Find out whether a text has only gaps that can be filled.

    Raises:
        BadQuery: It has others, or is too long.
    """
    if len(text) > _MAX_LENGTH:
        raise BadQuery(part, f"has {len(text)} characters", f"keep it to {_MAX_LENGTH}")
    for variable in _VARIABLE.finditer(text):
        name = variable["name"].removesuffix(":number")
        if not variable["end"]:
            raise BadQuery(part, f"${{{name[:40]} is not closed", "end the variable with }")
        if name not in (*LABELS, *TIMES):
            raise BadQuery(part, f"the variable ${{{name[:40]}}} is unknown", f"known are {_KNOWN}")


def fill_in(text: str, variables: Mapping[str, str], window: Window, write: Callable[[str], str]) -> str:
    """The text with every gap filled in; ``write`` makes of a value what stands for it there.

    Raises:
        MissingValue: A variable has no value, or one that cannot be written there.
    """
    return _VARIABLE.sub(lambda gap: write(_value(gap["name"], variables, window)), text)


def fill_in_json(text: str, variables: Mapping[str, str], window: Window) -> str:
    """The same for JSON: values stand within strings, and ``"${end_ms:number}"`` becomes a number.

    Raises:
        MissingValue: As above, or a number is wanted of what is none.
    """
    return fill_in(
        _NUMBER.sub(lambda gap: _number(gap["name"], variables, window), text), variables, window, _json
    )


def _json(value: str) -> str:
    return json.dumps(value)[1:-1]


def _number(name: str, variables: Mapping[str, str], window: Window) -> str:
    value = _value(name, variables, window)
    if not re.fullmatch(r"-?[0-9]{1,18}", value):
        raise MissingValue(f"the value of {name} is no whole number")
    return str(int(value))


def _value(name: str, variables: Mapping[str, str], window: Window) -> str:
    if name == "window":
        return str(max(1, round(window.length.total_seconds())))
    if name in TIMES:
        which, _, unit = name.partition("_")
        return _moment(window.start if which == "start" else window.end, unit)
    if name not in variables:
        raise MissingValue(f"the variable {name} has no value here")
    return variables[name]


def _moment(moment: datetime, unit: str) -> str:
    if not unit:
        return moment.isoformat().replace("+00:00", "Z")
    return str(int(moment.timestamp() * (1000 if unit == "ms" else 1)))
