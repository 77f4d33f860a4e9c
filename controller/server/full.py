"""What everybody is told who comes when there are as many connections as there may be."""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from controller.errors import Problem
from controller.problems import PROBLEM_TYPE, problem_content


async def full(
    _scope: object, _receive: object, send: Callable[[Mapping[str, Any]], Awaitable[None]]
) -> None:
    """Tell it, as an ASGI application."""
    detail = "this process has as many connections as it may have"
    remedy = "try again after Retry-After seconds; whoever runs Headgate adds processes, or lets it open more files"
    content = problem_content(503, "too_many_connections", detail, [Problem("connection", detail, remedy)])
    body = json.dumps(content).encode()
    headers = [
        (b"content-type", PROBLEM_TYPE.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"retry-after", b"%d" % random.randint(1, 5)),  # noqa: S311 - spread, not secrecy
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
