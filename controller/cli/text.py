"""Answers as lines of text: aligned, without colour, for people and for ``grep``."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

INDENT = "  "


def aligned(rows: Iterable[Sequence[object]], indent: str = INDENT) -> Iterator[str]:
    """Rows as lines, with each column as wide as its widest cell."""
    table = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield f"{indent}{INDENT.join(cells)}".rstrip()


def described(pairs: Mapping[str, object], indent: str = INDENT) -> Iterator[str]:
    """Names and values as lines; what is empty is left out."""
    return aligned(((name, value) for name, value in pairs.items() if value not in ("", None)), indent)


def percent(share: int) -> str:
    """A share of basis points in per cent."""
    return f"{share / 100:g} %"


def moment(text: str | None) -> str:
    """A time of the API to the minute, in UTC."""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC" if text else ""


def exposure(content: Mapping[str, Any] | None) -> str:
    """Who gets a feature, in one line."""
    if not content:
        return ""
    parts = [percent(content["share"])]
    parts += [
        f"{name} {', '.join(content[name])}"
        for name in ("cohorts", "tasks", "languages")
        if content.get(name)
    ]
    return ", ".join([*parts, f"may {content['autonomy']}"])


def reasons(problem: Mapping[str, Any]) -> Iterator[str]:
    """An error of the API: what it is, then a line for each thing that is wrong and its remedy."""
    errors = problem["errors"]
    is_listed = problem["code"] == "refused" and len(errors) > 1
    yield f"refused, for {len(errors)} reasons" if is_listed else problem["detail"]
    yield from refusals([{"code": problem["code"], **error} for error in errors])


def evidence_of(sheet: Mapping[str, Any]) -> Iterator[str]:
    """How the evidence of a score sheet stands: how much is met, then a line for each requirement."""
    score = sheet["score"]
    yield f"  evidence  {score['met']} of {score['of']} are met"
    rows = (
        (item["requirement"], item["answer"], item["by"] or "-", item["message"]) for item in sheet["items"]
    )
    yield from aligned(rows, indent="    ")


def refusals(found: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A line for each reason against something: code, field, message and remedy."""
    return aligned((one["code"], one["field"], f"{one['message']}; {one['remedy']}") for one in found)


def visible(line: str) -> str:
    """A line without characters that would make a terminal do something."""
    return "".join("?" if unicodedata.category(character) == "Cc" else character for character in line)
