"""What an address asks for: texts, days and numbers, which anybody may have typed."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

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


def zone() -> tzinfo:
    """The time zone in which days and times are asked for, by its name in the time zone database; UTC if none is.

    Raises:
        InvalidInput: It is none, or this server does not know it.
    """
    given = text("zone")
    if given in ("", "UTC"):
        return UTC
    try:
        return ZoneInfo(given)
    except (KeyError, ValueError, OSError) as error:  # It is not in the database, no name, or a folder.
        raise InvalidInput(Problem("zone", f"{given!r} is not known here", "choose UTC")) from error


def day(name: str) -> datetime | None:
    """The beginning of a day in the zone that is asked for, as an instant in UTC; None if none is asked for.

    Raises:
        InvalidInput: It is no day, or the zone is none.
    """
    return _midnight(name, timedelta(0))


def day_after(name: str) -> datetime | None:
    """The end of a day, as `day`. It may be 23 or 25 hours after its beginning."""
    return _midnight(name, timedelta(days=1))


def minute(name: str) -> datetime | None:
    """A time on the day that is asked for, in the same zone, as an instant in UTC; None if none is asked for.

    Raises:
        InvalidInput: It is no time.
    """
    given, on = request.args.get(name, "").strip(), _date("day")
    if not given or on is None:
        return None
    try:
        at = time.fromisoformat(given).replace(tzinfo=None)
    except ValueError as error:
        message = f"{given[:LONGEST]!r} is no time"
        raise InvalidInput(Problem(name, message, "write it as 14:30")) from error
    return _instant(name, datetime.combine(on, at))


def _midnight(name: str, later: timedelta) -> datetime | None:
    on = _date(name)
    try:
        return None if on is None else _instant(name, on + later)
    except OverflowError:
        return None


def _date(name: str) -> datetime | None:
    given = request.args.get(name, "").strip()
    if not given:
        return None
    try:
        return datetime.strptime(given, "%Y-%m-%d")  # noqa: DTZ007 - its zone is asked for besides
    except ValueError as error:
        message = f"{given[:LONGEST]!r} is no day"
        raise InvalidInput(Problem(name, message, "write it as 2026-01-31")) from error


def _instant(name: str, at: datetime) -> datetime:
    try:
        return at.replace(tzinfo=zone()).astimezone(UTC)
    except OverflowError as error:
        raise InvalidInput(Problem(name, "is out of range", "write it as 2026-01-31")) from error
