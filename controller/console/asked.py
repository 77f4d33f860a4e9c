"""What an address asks for: texts, days and numbers, which anybody may have typed."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from flask import request

from controller.errors import InvalidInput, Problem

LONGEST = 100
"""A longer text is no search."""


def text(name: str) -> str:
    """A text as it was asked for, in one line, without what a database would not take."""
    given = " ".join(request.args.get(name, "").split())
    return "".join(letter for letter in given if letter.isprintable())[:LONGEST]


def number(name: str) -> int | None:
    """A whole number above 0; what is none is not asked for."""
    given = request.args.get(name, "")
    is_number = given.isascii() and given.isdecimal() and len(given) < 10  # noqa: PLR2004 - the database's integers
    return int(given) or None if is_number else None


def day(name: str) -> datetime | None:
    """The beginning of a day in UTC; None if none is asked for.

    Raises:
        InvalidInput: It is no day.
    """
    given = request.args.get(name, "").strip()
    if not given:
        return None
    try:
        return datetime.strptime(given, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        message = f"{given[:LONGEST]!r} is no day"
        raise InvalidInput(Problem(name, message, "write it as 2026-01-31")) from error


def day_after(name: str) -> datetime | None:
    """The end of a day in UTC, as `day`."""
    begins = day(name)
    try:
        return None if begins is None else begins + timedelta(days=1)
    except OverflowError:
        return None


def minute(name: str, day: datetime) -> datetime | None:
    """A time on a day, in UTC; None if none is asked for.

    Raises:
        InvalidInput: It is no time.
    """
    given = request.args.get(name, "").strip()
    if not given:
        return None
    try:
        return datetime.combine(day, time.fromisoformat(given).replace(tzinfo=None), tzinfo=UTC)
    except ValueError as error:
        message = f"{given[:LONGEST]!r} is no time"
        raise InvalidInput(Problem(name, message, "write it as 14:30")) from error
