"""The form of a feature's record: what stands in it, what it says once it is sent, and in what two forms differ."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from flask import request

from controller.api.feature_schemas import FeatureChangeSchema, FeatureSchema
from controller.api.parsing import load
from controller.console import forms
from controller.console.feature_inputs import PARTS, Input, Part
from controller.errors import InvalidInput, Problem
from controller.store.features import Feature
from stages import Refusal, digest

Given = Mapping[str, str]
_BLANK_ROWS = 2
_MOST_ROWS = 100
_SHORT = 8


def names() -> Iterator[str]:
    """The names of the fields of the record, as the API has them."""
    for part in PARTS:
        yield from (part.name,) if part.name else (each.name for each in part.inputs)


def given() -> dict[str, str]:
    """What was entered, without rows that are empty."""
    found = forms.given(*(each.name for part in PARTS if not part.each for each in part.inputs), "key")
    for part in PARTS:
        if part.each:
            found |= _numbered(part, list(_filled_rows(part)))
    return found


def of_feature(feature: Feature) -> dict[str, str]:
    """What stands in the form of a feature."""
    found: dict[str, str] = {"key": feature.key}
    for part in PARTS:
        if part.each:
            rows = [row for row in _listed(getattr(feature, part.name)) if isinstance(row, Mapping)]
            found |= _numbered(part, [{name: str(value) for name, value in row.items()} for row in rows])
        elif part.name:
            inside = getattr(feature, part.name) or {}
            found |= {each.name: _written(inside.get(each.name.split(".")[1])) for each in part.inputs}
        else:
            found |= {each.name: _shown(each, getattr(feature, each.name)) for each in part.inputs}
    return found


def rows(part: Part, shown: Given) -> int:
    """How many rows a part has room for: those that are filled, and some to fill."""
    return min(_filled(part, shown) + _BLANK_ROWS, _MOST_ROWS)


def content(sent: Given, only: frozenset[str], *, is_new: bool = False) -> dict[str, Any]:
    """The fields of ``only`` as they were entered, checked as in the API.

    Raises:
        InvalidInput: Something cannot be used; names each field.
    """
    made = {name: value for name, value in _said(sent) if name in only}
    schema = FeatureSchema() if is_new else FeatureChangeSchema()
    loaded: dict[str, Any] = load(schema, made | ({"key": sent["key"]} if is_new else {}))
    return loaded


def changed(before: Given, after: Given) -> frozenset[str]:
    """The fields in which two forms differ."""
    return frozenset(name for name in names() if _of(name, before) != _of(name, after))


def merged(mine: Given, theirs: Given, take: frozenset[str]) -> dict[str, str]:
    """A form with some fields of another one."""
    kept = {name: value for name, value in mine.items() if name.split(".")[0] not in take}
    return kept | {name: value for name, value in theirs.items() if name.split(".")[0] in take}


def told(name: str, shown: Given) -> str:
    """What a form has in a field, as a text to be read beside another one."""
    values = [value for _, value in _of(name, shown) if value]
    return "\n".join(values) or "nothing"


def marks(shown: Given) -> str:
    """A short name for what stands in each field, so that later it can be told which of them were changed by whom."""
    return json.dumps({name: _mark(name, shown) for name in names()}, separators=(",", ":"))


def unlike(marks: str, shown: Given) -> frozenset[str]:
    """The fields in which a form is not what the marks were made of; all of them where there are none."""
    try:
        known = json.loads(marks)
    except ValueError:
        known = {}
    known = known if isinstance(known, dict) else {}
    return frozenset(name for name in names() if known.get(name) != _mark(name, shown))


def beside(problems: tuple[Refusal | Problem, ...]) -> tuple[Refusal | Problem, ...]:
    """Problems by the input they stand beside; where within its content they are is told in words."""
    return tuple(_beside(each) for each in problems)


def _beside(problem: Refusal | Problem) -> Refusal | Problem:
    head, _, rest = problem.field.partition(".")
    inside = {each.name for part in PARTS if part.name == head for each in part.inputs}
    if isinstance(problem, Refusal) or not rest or inside:
        return problem
    return Problem(head, f"at {rest}: {problem.message}", problem.remedy)


def _said(sent: Given) -> Iterator[tuple[str, Any]]:
    """The record as the API takes it."""
    for part in PARTS:
        if part.each:
            yield part.name, [_row(part, sent, number) for number in range(_filled(part, sent))]
        elif part.name:
            inside = {each.name.split(".")[1]: _parsed(each, sent[each.name]) for each in part.inputs}
            # What is left empty is not said, so that the schema says which of it is needed.
            yield (
                part.name,
                {name: value for name, value in inside.items() if value not in (None, "")} or None,
            )
        else:
            yield from ((each.name, _parsed(each, sent.get(each.name, ""))) for each in part.inputs)


def _row(part: Part, sent: Given, number: int) -> dict[str, str]:
    found = {each.name: sent.get(f"{part.name}.{number}.{each.name}", "") for each in part.inputs}
    return {name: value for name, value in found.items() if value}


def _parsed(asked: Input, text: str) -> Any:
    if asked.says == "number":
        return _number(text) if text else None
    if asked.says == "truth":
        return bool(text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if asked.says == "lines":
        return lines
    if asked.says == "pairs":
        return _pairs(asked.name, lines)
    return None if asked.options and not text else text


def _pairs(field: str, lines: list[str]) -> dict[str, str]:
    pairs = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    twice = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]
    if twice:
        raise InvalidInput(Problem(field, f"{twice[0]} stands there twice", "leave one of them"))
    return dict(pairs)


def _number(text: str) -> Any:
    """A number; what is none is left as it is, for the schema to refuse."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _shown(asked: Input, value: Any) -> str:
    if asked.says == "truth":
        return "1" if value else ""
    if asked.says == "lines":
        return "\n".join(map(str, _listed(value)))
    if asked.says == "pairs":
        return "\n".join(f"{name}: {person}" for name, person in value.items())
    return _written(value)


def _written(value: Any) -> str:
    """A value as somebody would write it; forms are compared without what surrounds a text."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).replace("\r\n", "\n").strip()


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _numbered(part: Part, rows: list[dict[str, str]]) -> dict[str, str]:
    return {
        f"{part.name}.{number}.{each.name}": _written(row.get(each.name))
        for number, row in enumerate(rows)
        for each in part.inputs
    }


def _filled_rows(part: Part) -> Iterator[dict[str, str]]:
    for number in range(_MOST_ROWS):
        entered = {
            each.name: request.form.get(f"{part.name}.{number}.{each.name}", "") for each in part.inputs
        }
        if any(value.strip() for value in entered.values()):
            yield entered


def _filled(part: Part, shown: Given) -> int:
    """How many rows stand in a form; they are numbered without gaps."""
    return len({name.split(".")[1] for name in shown if name.startswith(f"{part.name}.")})


def _of(name: str, shown: Given) -> list[tuple[str, str]]:
    """All that a form has of a field, in order; what is empty is as good as not there."""
    mine = ((each, value) for each, value in shown.items() if each == name or each.startswith(f"{name}."))
    return sorted((each, value) for each, value in mine if value)


def _mark(name: str, shown: Given) -> str:
    return digest(_of(name, shown))[:_SHORT]
