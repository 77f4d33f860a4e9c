"""Times as a page tells them before its script does, in the script's words: nothing moves when it takes over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_A_MOMENT = timedelta(minutes=1)
_NEAR = timedelta(days=300)


def lasting(since: datetime, now: datetime) -> str:
    """How long something has been so."""
    return "for a moment" if now - since < _A_MOMENT else f"for {_span(now - since)}"


def ago(at: datetime, now: datetime) -> str:
    """How long ago something was."""
    return "just now" if now - at < _A_MOMENT else f"{_span(now - at)} ago"


def ahead(at: datetime, now: datetime) -> str:
    """How far off something is."""
    return "now" if at <= now else f"in {_span(at - now + timedelta(seconds=59))}"


def moment(at: datetime, now: datetime) -> str:
    """An instant to the minute, in UTC; with its year where that is another one."""
    day = at.astimezone(UTC)
    return (
        f"{day:%b} {day.day}, {day:%H:%M} UTC" if abs(now - at) < _NEAR else f"{day:%b} {day.day}, {day:%Y}"
    )


def instant(at: datetime, now: datetime) -> str:
    """An instant to the second, in UTC; with its year where that is another one."""
    day = at.astimezone(UTC)
    year = "" if abs(now - at) < _NEAR else f", {day:%Y}"
    return f"{day:%b} {day.day}{year}, {day:%H:%M:%S} UTC"


def _span(time: timedelta) -> str:
    minutes = time // timedelta(minutes=1)
    if minutes < 60:  # noqa: PLR2004 - an hour
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"
