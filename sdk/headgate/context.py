"""The evaluation context of one question."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID


def targeting_key(user: Any) -> str:
    """Return the text a user is bucketed by; "" (anonymous) for what identifies nobody.

    Whole numbers and UUIDs are taken as their text. The text of any other object may change from run to run
    and would move the user between variants, so it counts as anonymous.
    """
    if type(user) is str:
        return user
    if isinstance(user, (str, int, UUID)) and not isinstance(user, bool):
        return str(user)
    return ""


def make_context(
    user: Any,
    task: str | None = None,
    cohorts: Iterable[str] | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the context. The caller's attributes never stand for the user, the task or the cohorts given."""
    context: dict[str, Any] = dict(attributes) if attributes else {}
    context["targetingKey"] = targeting_key(user)
    if task is not None:
        context["task"] = task
    if cohorts is not None:
        context["cohorts"] = (cohorts,) if isinstance(cohorts, str) else tuple(cohorts)
    return context
