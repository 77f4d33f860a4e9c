"""Whether people could look at every answer of a feature, if they had to."""

from __future__ import annotations

from datetime import datetime, timedelta

DAY = timedelta(days=1)
_SHORTEST = timedelta(hours=1)


def answers_a_day(count: int, since: datetime, now: datetime) -> int:
    """How many answers a day ``count`` answers since an instant amount to.

    Less than an hour is taken for an hour: a handful of answers in a minute says little about a day.
    """
    return round(count * (DAY / max(now - since, _SHORTEST)))


def saturation(capacity: int | None, answers: int) -> str:
    """Why sending every answer to people would only fill a queue; empty if they can cope.

    ``capacity`` is how many answers a day they can look at, None where nobody has said: then they are trusted to cope.
    """
    if capacity is None or answers <= capacity:
        return ""
    return f"reviewers can look at {capacity} answers a day, and {answers} a day arrive"
