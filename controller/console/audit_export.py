"""The record of changes as a file. It is written a piece at a time, so that its length costs no memory."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from controller.store.audit import Sought, find_changes
from controller.store.changes import RecordedChange
from controller.store.database import Database

MOST = 100_000
"""How many changes a file may have."""
_AT_A_TIME = 500
_COLUMNS = (
    "seq",
    "at",
    "name",
    "feature",
    "environment",
    "actor",
    "actor_kind",
    "reason",
    "before",
    "after",
    "evidence",
    "previous_hash",
    "hash",
)
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
"""What a cell begins with that a spreadsheet takes for a formula."""


def as_csv(database: Database, project_id: int, sought: Sought) -> Iterator[str]:
    """The changes that are sought as CSV (RFC 4180). What a spreadsheet takes for a formula gets a quote in front."""
    yield _line(_COLUMNS)
    for change in _found(database, project_id, sought):
        yield _line([_cell(value) for value in _values(change).values()])


def as_json(database: Database, project_id: int, sought: Sought) -> Iterator[str]:
    """The changes that are sought as a JSON array, one a line."""
    yield "["
    between = "\n"
    for change in _found(database, project_id, sought):
        yield between + json.dumps(_values(change), ensure_ascii=False, default=_unreadable)
        between = ",\n"
    yield "\n]\n"


def _found(database: Database, project_id: int, sought: Sought) -> Iterator[RecordedChange]:
    """The changes newest first. No transaction stays open while a slow reader takes them."""
    before: int | None = None
    while True:
        with database.read() as tx:
            found = find_changes(tx, project_id, sought, before=before, limit=_AT_A_TIME)
        yield from found
        if len(found) < _AT_A_TIME:
            return
        before = found[-1].seq


def _values(change: RecordedChange) -> dict[str, Any]:
    at = change.at.isoformat() if isinstance(change.at, datetime) else _unreadable(change.at)
    return {name: getattr(change, name) for name in _COLUMNS} | {"at": at}


def _cell(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=_unreadable)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _line(cells: Any) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _unreadable(value: object) -> str:
    """What stands in a damaged row is shown as it is, because that is what somebody looks for."""
    return f"unreadable: {getattr(value, 'stored', value)}"
