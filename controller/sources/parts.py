"""A reading made of parts: the numbers that answer the queries of a question, one each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from controller.sources.wording import one_line
from triggers import Reading, Status, Window

MAX_WARNINGS = 10
NEWEST = "newest"
"""The part that tells when the newest sample was taken, in seconds since 1970."""

_FROM_BAD_TO_WORSE = (Status.OK, Status.PARTIAL, Status.NO_DATA, Status.INVALID, Status.ERROR)


@dataclass(frozen=True, slots=True)
class Part:
    """What was answered to one query. Only with status ok or partial is the number one."""

    status: Status
    number: float = math.nan
    message: str = ""
    warnings: tuple[str, ...] = ()


def number_part(value: object) -> Part:
    """The part that a value from JSON or a table makes: a finite number, or a text that is one.

    True and false are no numbers. Null is no data: a sum over nothing.
    """
    if value is None:
        return Part(Status.NO_DATA, message="the answer is empty")
    if isinstance(value, str):
        value = _number_in(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return Part(Status.INVALID, message="the answer is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        return Part(Status.INVALID, message=f"the answer is {number}")
    return Part(Status.OK, number)


def _number_in(text: str) -> float | str:
    try:
        return float(text) if len(text) <= 40 and "_" not in text else text  # noqa: PLR2004 - no number is longer
    except ValueError:
        return text


def reading_of(parts: Mapping[str, Part], window: Window) -> Reading:
    """The reading that the parts of a query make: of them the worst decides, and is named."""
    warnings = tuple(dict.fromkeys(warning for part in parts.values() for warning in part.warnings))
    name, worst = max(parts.items(), key=lambda item: _FROM_BAD_TO_WORSE.index(item[1].status))
    if worst.status not in (Status.OK, Status.PARTIAL):
        return Reading.missing(worst.status, window, one_line(f"{name}: {worst.message}")).warned(
            warnings[:MAX_WARNINGS]
        )
    reading = _numbers(parts, window).warned(warnings[:MAX_WARNINGS])
    if NEWEST not in parts:
        return reading
    newest = _instant(parts[NEWEST].number)
    if newest is None:
        return Reading.missing(
            Status.INVALID, window, f"{NEWEST}: the answer is no time in seconds since 1970"
        )
    return replace(reading, newest_sample_at=newest)


def _numbers(parts: Mapping[str, Part], window: Window) -> Reading:
    if "total" in parts:
        return Reading.ratio(window, parts["bad"].number, parts["total"].number)
    if "count" in parts:
        return Reading.count(window, parts["count"].number)
    samples = parts["samples"].number if "samples" in parts else None
    return Reading.gauge(window, parts["value"].number, samples)


def _instant(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None
