"""An error on the wire: problem+json (RFC 9457), the same from every door."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from controller.errors import Problem

PROBLEM_TYPE = "application/problem+json"

NOBODY = Problem(
    "Authorization",
    "holds no key that opens anything",
    "send a living API key as: Authorization: Bearer hg_...",
)
"""What is wrong with a request whose key is missing, unknown or revoked."""

EXPIRED = Problem(
    "Authorization",
    "holds a key whose time is over",
    "use the key that took its place, or have one made",
)
"""What is wrong with a request whose key has expired."""


def problem_content(status: int, code: str, detail: str, problems: Iterable[Problem] = ()) -> dict[str, Any]:
    """The content of an answer about an error. ``code`` is stable; ``problems`` name fields and remedies."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "errors": [{"field": p.field, "message": p.message, "remedy": p.remedy} for p in problems],
    }
