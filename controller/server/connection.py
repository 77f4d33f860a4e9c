"""One connection of a client, with the limits that uvicorn leaves to a proxy, because Headgate also runs without one.

No head is larger than it need be, and nobody holds on to a connection on which nothing happens.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from controller.errors import Problem
from controller.problems import PROBLEM_TYPE, problem_content
from controller.server import ABORT

MAX_HEAD_BYTES: Final = 65_536
MOST_FIELDS: Final = 1_000
"""Header fields of a request, those that follow a body in chunks included."""
PATIENCE_S: Final = 30.0
"""For a head to arrive, for the next piece of a body, and for the client to take anything of what waits for it."""

_HOP_BY_HOP: Final = (b"connection", b"upgrade", b"http2-settings")


class _TooLarge(Exception):
    """The head of a request is larger than `MAX_HEAD_BYTES`."""


class Connection(HttpToolsProtocol):
    """What arrives on a connection, and how long each side may keep the other waiting."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Wait for a first request."""
        super().connection_made(transport)
        most, self.limit_concurrency = self.config.limit_concurrency, None
        if most is not None and len(self.connections) > most:
            self.app = full
        self._is_in_head = self._is_incomplete = True
        self._head_bytes = self._arriving = 0
        self._patience = self.loop.call_later(PATIENCE_S, self._let_go)
        self._writing: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        super().connection_lost(exc)
        self._patience.cancel()
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Take what has arrived."""
        self._unset_keepalive_if_required()
        self._arriving = len(data)
        try:
            self.parser.feed_data(data)
            self._measure()
        except httptools.HttpParserUpgrade as offered:
            self._decline_upgrade(data[offered.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse(431 if isinstance(error.__context__, _TooLarge) else 400)
        except _TooLarge:
            self._refuse(431)
        self._mind()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._is_in_head = self._is_incomplete = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head of a request is there."""
        is_large = self._head_bytes + self._arriving > MAX_HEAD_BYTES
        if len(self.headers) > MOST_FIELDS or (is_large and self._size_of_head() > MAX_HEAD_BYTES):
            raise _TooLarge
        self._is_in_head = False
        if not self.parser.should_upgrade():
            self.scope[ABORT] = self.transport.abort  # type: ignore[typeddict-unknown-key] # it is our own
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The whole of a request is there."""
        if not self.parser.should_upgrade():
            self._is_incomplete = False
            super().on_message_complete()

    def pause_writing(self) -> None:
        """The client does not take what is sent as fast as it is written."""
        super().pause_writing()
        if self._writing is None:
            self._await_reader()

    def resume_writing(self) -> None:
        """The client has taken nearly everything."""
        super().resume_writing()
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    def _measure(self) -> None:
        if self._is_in_head:
            self._head_bytes += self._arriving
        if self._head_bytes > MAX_HEAD_BYTES or (
            self._is_incomplete and len(self.headers or ()) > MOST_FIELDS
        ):
            raise _TooLarge

    def _size_of_head(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + len(b": \r\n") for name, value in self.headers)

    def _mind(self) -> None:
        """Be patient with a head once, and with a body for each piece of it."""
        if (
            not self._is_incomplete and not self.cycle.response_complete
        ):  # Until it is, we are the ones awaited.
            self._patience.cancel()
        elif self._patience.cancelled() or not self._is_in_head:
            self._patience.cancel()
            self._patience = self.loop.call_later(PATIENCE_S, self._let_go)

    def _let_go(self) -> None:
        if self.flow.read_paused:  # It is we who take our time.
            self._patience = self.loop.call_later(PATIENCE_S, self._let_go)
        else:
            self.transport.abort()

    def _await_reader(self, before: float = float("inf")) -> None:
        waiting = self.transport.get_write_buffer_size()
        if waiting >= before:
            self.transport.abort()
        else:
            self._writing = self.loop.call_later(PATIENCE_S, self._await_reader, waiting)

    def _decline_upgrade(self, rest: bytes) -> None:
        """Answer in HTTP/1.1 whoever offers another protocol, as Java's client does with each first request.

        The parser leaves out the body of a request that offers one. So the head is put before it without the offer.
        """
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(400)
            return
        self.parser = httptools.HttpRequestParser(self)
        kept = [name + b": " + value for name, value in self.headers if name not in _HOP_BY_HOP]
        head = b"\r\n".join((method + b" " + self.url + b" HTTP/1.1", *kept, b"", b""))
        self.data_received(head + rest)

    def _refuse(self, status: int) -> None:
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.abort()  # In the middle of an answer there is no place for another.
            return
        head = (STATUS_LINE[status], b"content-length: 0\r\n", b"connection: close\r\n\r\n")
        self.transport.write(b"".join(head))
        self.transport.close()


async def full(
    _scope: object, _receive: object, send: Callable[[Mapping[str, Any]], Awaitable[None]]
) -> None:
    """Answer, as an ASGI application, whoever comes when there are as many connections as there may be."""
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
