"""How much the record of a trigger says about what it would do."""

from __future__ import annotations

WATCHED_FIRST_S = 86_400
"""A trigger that has watched for a day has seen the quiet hours and the busy ones."""
_TELLING_PART = 0.5


def unproven(watched_s: float, evaluations: int, telling: int) -> str:
    """Why it is early to let a trigger act by its record; empty if it is not.

    ``telling`` of the ``evaluations`` were judged good or bad; the others could not tell.
    """
    if watched_s < WATCHED_FIRST_S:
        return f"it has watched for {_hours(watched_s)} of {_hours(WATCHED_FIRST_S)} under this rule"
    if not evaluations or telling < _TELLING_PART * evaluations:
        return f"only {telling} of {evaluations} evaluations could tell good from bad"
    return ""


def _hours(seconds: float) -> str:
    return f"{int(seconds // 3600)} h"
