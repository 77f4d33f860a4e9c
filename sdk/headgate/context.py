"""The evaluation context of one question."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict, TypeGuard
from uuid import UUID


class About(TypedDict, total=False):
    """What else is known besides the user."""

    task: str | None
    cohorts: Iterable[str] | None
    attributes: Mapping[str, Any] | None


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
    """Return the context. The caller's attributes never stand for the user, the task or the cohorts given.

    ``user`` may be a context already, a mapping with ``targetingKey``; the rest is laid over it.
    """
    if type(user) is not str and isinstance(user, Mapping):
        if task is None and cohorts is None and attributes is None and _is_whole(user):
            return user
        attributes, user = {**user, **(attributes or {})}, user.get("targetingKey")
    context: dict[str, Any] = {**attributes} if attributes else {}
    context["targetingKey"] = user if type(user) is str else targeting_key(user)
    if task is not None:
        context["task"] = task
    if cohorts is not None:
        context["cohorts"] = (cohorts,) if isinstance(cohorts, str) else tuple(cohorts)
    return context


def _is_whole(context: Any) -> TypeGuard[dict[str, Any]]:
    return type(context) is dict and type(context.get("targetingKey", "")) is str
