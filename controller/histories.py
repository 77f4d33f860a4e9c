"""Recorded history to replay a trigger over: from its source, from its own readings, or from a CSV file."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from controller.errors import InvalidInput, Problem
from controller.sources import Source
from controller.store.readings import StoredReading, reading_in
from controller.trigger_definitions import given_by
from triggers import MOST, Baseline, History, Reading, Status, Trigger, Window, tiles

_COLUMNS = ("time", "bad", "total", "count", "value", "samples")
_SELECTS_VALUE = re.compile(r"\bvalue\b", re.IGNORECASE)
_SHAPES = "time with bad and total, with count, or with value and perhaps samples"


def windows_between(start: datetime, end: datetime, step_s: int, span_s: int) -> list[Window]:
    """Windows of ``span_s`` seconds, one ending every ``step_s`` seconds."""
    step, span = timedelta(seconds=step_s), timedelta(seconds=span_s)
    count = max(0, (end - start) // step)
    return [Window(start + place * step - span, start + place * step) for place in range(1, count + 1)]


def rows_of_windows(
    trigger: Trigger, query: Mapping[str, str], span: Window, source: Source
) -> Iterator[list[Window]]:
    """The windows that a history can be asked for, the best first; others are for when nothing is in any of them.

    That is so with a source that reads samples, if there are not two of them in an interval: then, what is added up is
    asked for in longer windows, and what is not as the trigger would ask.
    """
    follows = source.follows_window(query)
    span_s, step_s = span_of(trigger, query, follows=follows), trigger.interval_s
    yield windows_between(span.start, span.end, step_s, span_s)
    if not source.reads_samples or span_s != step_s:
        return
    if _adds_up(trigger, span.end):
        for times in _LONGER:
            yield windows_between(span.start, span.end, times * step_s, times * step_s)
    elif trigger.window_s > step_s:
        yield windows_between(span.start, span.end, step_s, trigger.window_s)


_LONGER = (2, 5)
"""So many intervals, where one holds nothing."""


def _adds_up(trigger: Trigger, now: datetime) -> bool:
    """Whether windows of other lengths than the trigger's have to be put together."""
    several = len(trigger.method.spans(trigger.window_s, now)) > 1
    return several or trigger.method.contiguous or is_money(trigger)


def span_of(trigger: Trigger, query: Mapping[str, str], *, follows: bool) -> int:
    """How long the windows are that a history has to be asked for, in seconds.

    What can be added up is asked for in windows that touch, so that any window can be put together. A value, and a
    query that does not follow the window, because it says itself how far back it looks, are asked for as the trigger
    would ask.
    """
    gives_value = given_by(query)[1] == "value" or _SELECTS_VALUE.search(query.get("sql", "")) is not None
    sums = not gives_value or is_money(trigger)
    return trigger.interval_s if sums and follows else trigger.window_s


def is_money(trigger: Trigger) -> bool:
    """Whether values are amounts, which add up."""
    return trigger.method.reads == ("value",)


def recorded(rows: Iterable[StoredReading], trigger: Trigger) -> History:
    """The history that a trigger's own readings are."""
    return History.of((reading_in(row) for row in rows), amounts=is_money(trigger))


def from_csv(text: str, trigger: Trigger) -> History:
    """The history in a CSV file: a header, and a row for each window, named by the time of its end.

    Raises:
        InvalidInput: A row cannot be used; names it.
    """
    rows = csv.DictReader(io.StringIO(text))
    _check_header(rows.fieldnames or ())
    found = sorted(_numbered(rows), key=lambda row: row[0])
    if not found:
        raise _bad("is empty", "give a row for each window")
    ends = [end for end, _ in found]
    if len(set(ends)) < len(ends):
        raise _bad("has two rows for the same time", "give one row for each window")
    windows = tiles(ends, ends[0] - timedelta(seconds=trigger.interval_s))
    readings = (_made(window, numbers) for window, (_, numbers) in zip(windows, found, strict=True))
    return History.of(readings, amounts=is_money(trigger))


def check_replayable(history: History, trigger: Trigger) -> None:
    """Whether what the trigger asks can be answered from the history.

    Raises:
        InvalidInput: It cannot.
    """
    if history.overlaps and (trigger.method.contiguous or is_money(trigger)):
        message = f"its windows overlap, and {trigger.method.name} adds windows up"
        remedy = "replay from the source, with ${window} in the query, or from a CSV file"
        raise InvalidInput(Problem("history", message, remedy), code="bad_history")


def check_baseline(trigger: Trigger, kind: str) -> None:
    """Whether a history that holds only what is judged will do.

    Raises:
        InvalidInput: The stable release would be needed too.
    """
    if trigger.baseline is Baseline.STABLE:
        message = f"{kind} holds nothing of the stable release"
        raise InvalidInput(Problem("history", message, "replay from the source"), code="bad_history")


def _check_header(names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in _COLUMNS]
    shapes = [{"bad", "total"} <= set(names), "count" in names, "value" in names]
    if unknown or "time" not in names or sum(shapes) != 1:
        wrong = f"has the column {unknown[0][:40]!r}" if unknown else "lacks a column, or has too many"
        raise _bad(wrong, f"give {_SHAPES}")


def _numbered(rows: csv.DictReader[str]) -> Iterator[tuple[datetime, dict[str, float]]]:
    for line, row in enumerate(rows, start=2):
        if line > MOST + 1:
            raise _bad(f"has more than {MOST} rows", "give fewer, or longer windows")
        try:
            yield (
                _time(row["time"]),
                {name: float(text) for name, text in row.items() if name != "time" and text},
            )
        except (ValueError, TypeError, OverflowError, AttributeError):
            raise _bad(
                f"cannot be read in line {line}", f"give {_SHAPES}; times as 2026-01-31T12:00:00Z"
            ) from None


def _time(text: str) -> datetime:
    try:
        seconds = float(text)
    except ValueError:
        at = datetime.fromisoformat(text.strip())
        if at.tzinfo is None:
            raise ValueError(text) from None
        return at.astimezone(UTC)
    if not math.isfinite(seconds):
        raise ValueError(text)
    return datetime.fromtimestamp(seconds, UTC)


def _made(window: Window, numbers: Mapping[str, float]) -> Reading:
    if "bad" in numbers and "total" in numbers:
        return Reading.ratio(window, numbers["bad"], numbers["total"])
    if "count" in numbers:
        return Reading.count(window, numbers["count"])
    if "value" in numbers:
        return Reading.gauge(window, numbers["value"], numbers.get("samples"))
    return Reading.missing(Status.NO_DATA, window, "the row holds no numbers")


def _bad(message: str, remedy: str) -> InvalidInput:
    return InvalidInput(Problem("csv", message, remedy), code="bad_history")
