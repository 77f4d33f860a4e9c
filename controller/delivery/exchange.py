"""One request and its answer, over ASGI."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from controller.errors import Problem
from controller.problems import PROBLEM_TYPE, problem_content
from controller.server import ABORT

Message = Mapping[str, Any]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

MAX_BODY_BYTES: Final = 1_000_000
JSON: Final = b"application/json"

HARDENED: Final[tuple[Header, ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'"),
)
NO_STORE: Final[Header] = (b"cache-control", b"no-store")


class Refused(Exception):
    """The request is answered with a problem."""

    def __init__(
        self, status: int, code: str, detail: str, *problems: Problem, headers: Iterable[Header] = ()
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.problems = problems
        self.headers = tuple(headers)

    def content(self) -> dict[str, Any]:
        """The body of the answer."""
        return problem_content(self.status, self.code, self.detail, self.problems)


class Gone(Exception):
    """The client went away before its request was read."""


class Exchange:
    """A request as it came in, and the way to answer it."""

    __slots__ = ("abort", "headers", "method", "path", "query", "receive", "send", "status")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.abort: Callable[[], None] = scope.get(ABORT, _nothing)
        self.receive = receive
        self.send = send
        self.status = 0

    async def body(self) -> bytes:
        """The whole body.

        Raises:
            Refused: It is larger than `MAX_BODY_BYTES`; of what was announced as such nothing is read.
            Gone: The client left.
        """
        announced = self.headers.get(b"content-length", b"")
        if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
            raise _too_large()
        message = await self.receive()
        body: bytes = message.get("body", b"")
        while message.get("more_body"):
            message = await self.receive()
            body += message.get("body", b"")
            if len(body) > MAX_BODY_BYTES:
                raise _too_large()
        if message["type"] == "http.disconnect":
            raise Gone
        return body

    def knows(self, etag: str) -> bool:
        """Whether the caller has what this tag stands for. A proxy that compresses answers makes tags weak ones."""
        known = self.headers.get(b"if-none-match", b"").decode("latin1")
        tags = (tag.strip().removeprefix("W/") for tag in known.split(","))
        return bool(known) and any(tag in ("*", f'"{etag}"') for tag in tags)

    async def answer(self, status: int, body: bytes, *headers: Header, kind: bytes = JSON) -> None:
        """Send the whole answer."""
        self.status = status
        sent: list[Header] = [*headers, *HARDENED]
        if body:
            sent += (b"content-type", kind), (b"content-length", b"%d" % len(body))
        await self.send({"type": "http.response.start", "status": status, "headers": sent})
        await self.send({"type": "http.response.body", "body": body})

    async def refuse(self, refused: Refused, more: Mapping[str, Any] | None = None) -> None:
        """Send a problem; ``more`` is added to what it says."""
        body = json.dumps(refused.content() | dict(more or {})).encode()
        await self.answer(refused.status, body, NO_STORE, *refused.headers, kind=PROBLEM_TYPE.encode())


def _nothing() -> None:
    """Cut no connection: that of a server which cannot, or which is none."""


def _too_large() -> Refused:
    size = Problem("body", f"it is larger than {MAX_BODY_BYTES} bytes", "send less at once")
    return Refused(413, "body_too_large", size.message, size)
