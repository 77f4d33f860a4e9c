"""What people send with forms, checked by the same rules as in the API."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time

from flask import request

from controller.api.errors import STATUSES
from controller.api.parsing import AS_IT_SAYS, load
from controller.api.schemas import ReasonSchema
from controller.errors import HeadgateError, InvalidInput, Problem
from stages import WHOLE, Refusal, Refused

_LONGEST_NUMBER = 9


def given(*names: str) -> dict[str, str]:
    """Fields as they were sent, without what surrounds them."""
    return {name: request.form.get(name, "").replace("\r\n", "\n").strip() for name in names}


def reason() -> str:
    """The reason that was given.

    Raises:
        InvalidInput: There is none, or it cannot be used.
    """
    sent = given("reason")
    if not sent["reason"]:
        raise InvalidInput(Problem("reason", "there is no reason", "say in a few words why"))
    content: dict[str, str] = load(ReasonSchema(), sent)
    return content["reason"]


def seen_version() -> int:
    """The version that the person has looked at; one that is not a number of a usual length matches none."""
    text = request.form.get("version", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER else -1


def share(name: str = "share") -> int | None:
    """A percentage as basis points, written 12.5, 12,5 or 12.5 %; None if there is none.

    Raises:
        InvalidInput: It is no share.
    """
    text = given(name)[name].removesuffix("%").replace(",", ".").strip()
    try:
        points = round(float(text) * 100) if text else None
    except (ValueError, OverflowError):
        points = -1
    if points is not None and not 0 <= points <= WHOLE:
        raise InvalidInput(Problem(name, f"{text} is no share", "give a percentage from 0 to 100"))
    return points


def last_day(name: str) -> datetime:
    """The end of a day, in UTC.

    Raises:
        InvalidInput: It is no day.
    """
    try:
        day = datetime.strptime(given(name)[name], "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise InvalidInput(Problem(name, "is no day", "choose the last day on which it counts")) from error
    return datetime.combine(day, time(23, 59), tzinfo=UTC)


def file() -> tuple[str, bytes] | None:
    """The name and the bytes of the file that was chosen; None if there is none."""
    chosen = request.files.get("file")
    return (chosen.filename, chosen.read()) if chosen and chosen.filename else None


def told(error: HeadgateError | Refused) -> tuple[tuple[Refusal | Problem, ...], int]:
    """Why something was not done, and the status that says so."""
    if isinstance(error, Refused):
        return tuple(error.refusals), 409
    status = next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 400)
    problems = error.problems or (Problem("", error.detail, ""),)
    return tuple(replace(each, remedy="") if each.remedy == AS_IT_SAYS else each for each in problems), status
