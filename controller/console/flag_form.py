"""The form of a plain flag: what stands in it, and what it says once it is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import request

from controller.api.flag_schemas import PlainFlagSchema
from controller.api.parsing import load
from controller.console import forms
from controller.errors import InvalidInput, Problem
from controller.store.plain_flags import PlainFlag
from controller.strict_json import InvalidJSON, loads

FIELDS = (
    "key",
    "state",
    "variants",
    "defaultVariant",
    "targeting",
    "metadata",
    "description",
    "owner",
    "tags",
)
_LINE = 72
_TEXTS = ("description", "owner", "state")
NEW: Mapping[str, str] = dict.fromkeys(FIELDS, "") | {
    "state": "ENABLED",
    "variants": '{"on": true, "off": false}',
    "defaultVariant": "off",
}
"""What stands in the form of a flag that is not there yet."""


def given() -> dict[str, str]:
    """What was entered, as it was entered."""
    return forms.given(*FIELDS, "context", "version") | {
        "client_visible": request.form.get("client_visible", "")
    }


def of_flag(flag: PlainFlag) -> dict[str, str]:
    """What stands in the form of a flag."""
    definition = flag.definition
    written = {name: _written(definition.get(name)) for name in ("variants", "targeting", "metadata")}
    return written | {
        "key": flag.key,
        "state": str(definition.get("state", "ENABLED")),
        "defaultVariant": str(definition.get("defaultVariant", "")),
        "description": flag.description,
        "owner": flag.owner,
        "tags": ", ".join(flag.tags),
        "client_visible": "1" if flag.client_visible else "",
        "version": str(flag.version),
        "context": "",
    }


def content() -> dict[str, Any]:
    """What was sent, as the API takes it.

    Raises:
        InvalidInput: Something is no JSON, or of the wrong form; names each field.
    """
    sent = given()
    problems: list[Problem] = []
    made: dict[str, Any] = {name: sent[name] for name in _TEXTS if sent[name]}
    made |= {"tags": [tag.strip() for tag in sent["tags"].split(",") if tag.strip()]}
    made |= {"client_visible": bool(sent["client_visible"]), "defaultVariant": sent["defaultVariant"] or None}
    for name in ("variants", "targeting", "metadata"):
        try:
            made[name] = object_in(name, sent[name])
        except InvalidInput as invalid:
            problems += invalid.problems
    if problems:
        raise InvalidInput(*problems)
    loaded: dict[str, Any] = load(
        PlainFlagSchema(), {name: each for name, each in made.items() if each is not None}
    )
    loaded.pop("reason")
    return loaded


def version() -> int | None:
    """The version of the flag that the form was made from."""
    sent = given()["version"]
    return int(sent) if sent.isascii() and sent.isdecimal() else None


def object_in(name: str, text: str) -> dict[str, Any] | None:
    """The JSON object that was entered in a field; None if nothing was.

    Raises:
        InvalidInput: It is none.
    """
    if not text:
        return None
    try:
        found = loads(text.encode())
    except InvalidJSON as invalid:
        raise InvalidInput(Problem(name, f"is not valid JSON: {invalid}", "mend it")) from invalid
    if not isinstance(found, dict):
        raise InvalidInput(Problem(name, "is not a JSON object", "begin it with { and end it with }"))
    return found


def beside(problems: tuple[Any, ...]) -> tuple[Any, ...]:
    """Problems by the field they stand beside; where within its content they are is told in words."""
    told = []
    for each in problems:
        field, _, place = each.field.partition(".") if isinstance(each, Problem) else ("", "", "")
        message = f"at {place}: {each.message}" if place else each.message
        told.append(Problem(field, message, each.remedy))
    return tuple(told)


def _written(part: Any) -> str:
    return _laid_out(part) if part else ""


def _laid_out(part: Any, margin: str = "") -> str:
    """JSON as people write it: what fits into a line stands on one."""
    flat = json.dumps(part, ensure_ascii=False)
    if not isinstance(part, dict | list) or len(margin) + len(flat) <= _LINE:
        return flat
    inner, named = f"{margin}  ", isinstance(part, dict)
    names = [f"{json.dumps(name, ensure_ascii=False)}: " if named else "" for name in part]
    values = part.values() if isinstance(part, dict) else part
    lines = (f"{inner}{name}{_laid_out(each, inner)}" for name, each in zip(names, values, strict=True))
    opened, closed = "{}" if named else "[]"
    return ",\n".join([f"{opened}\n{next(lines)}", *lines]) + f"\n{margin}{closed}"
