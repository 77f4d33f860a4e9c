"""CSV with a header: RFC 4180, bounded in rows and fields."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from controller.importers.limits import MAX_CASES, MAX_VALUES


class NotCSV(ValueError):
    """The text is not a table; says what is wrong and where."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row under a header; ``place`` is its line in the file."""

    fields: Mapping[str, str]
    place: str


@dataclass(frozen=True, slots=True)
class Table:
    """The names of the columns, and the rows below them."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def loads(text: str) -> Table:
    """Read a table with a header.

    Raises:
        NotCSV: A quote is not closed, a row is longer or shorter than the header, a column has no name or another's,
            or there is too much of it.
    """
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = _header(next(lines, []))
        return Table(columns, tuple(_rows(lines, columns)))
    except csv.Error as error:
        raise NotCSV(f"is not CSV: {error} at line {lines.line_num}") from None


def columns_of(text: str) -> tuple[str, ...]:
    """The names in the first line; empty if it is no header."""
    try:
        return _header(next(csv.reader([text[:_HEAD].partition("\n")[0]], strict=True), []))
    except (csv.Error, NotCSV):
        return ()


def _header(names: list[str]) -> tuple[str, ...]:
    columns = tuple(name.strip() for name in names)
    if not columns or len(set(columns)) != len(columns):
        raise NotCSV("has no header with a name of its own for every column")
    return columns


def _rows(lines: Iterator[list[str]], columns: tuple[str, ...]) -> Iterator[Row]:
    allowed = min(MAX_CASES, MAX_VALUES // len(columns))
    for at, row in enumerate(filter(None, lines), start=1):
        if at > allowed:
            raise NotCSV(f"has more than {allowed} rows")
        if len(row) != len(columns):
            raise NotCSV(f"row {at} has {len(row)} fields, not {len(columns)}")
        yield Row(dict(zip(columns, row, strict=True)), f"row {at}")


_HEAD = 16_384
