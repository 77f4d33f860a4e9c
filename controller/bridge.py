"""A WSGI application behind an ASGI server: each request runs in a thread of a pool, and the event loop stays free."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

_STREAMED = "text/event-stream"
_COLLECTED_BYTES = 1_000_000
"""As much of a body comes before a thread is given to it; nobody without a key may send more."""
_COLLECTED_AT_ONCE = 100
"""Requests whose bodies are on their way; what the others have sent waits with the server, which takes little of it."""


class Gone(ConnectionError):
    """The client left in the middle of its request."""


class Bridge:
    """An ASGI application that gives every request to a WSGI application."""

    def __init__(self, app: Wsgi, threads: int) -> None:
        self._app = app
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="control")
        self._arriving = asyncio.Semaphore(_COLLECTED_AT_ONCE)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            for word in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{word}.complete"})
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _answer(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        try:
            first, is_more = _part(await receive())
            if is_more:
                async with self._arriving:
                    first, is_more = await _collect(receive, first)
            body = io.BufferedReader(_Body(loop, receive, first, is_more=is_more))
            call = _Call(self._app, environ_of(scope, body), loop, send)
            await loop.run_in_executor(self._pool, call.run)
            await call.finish()
        except Gone:
            return


class _Call:
    """One request in its thread. A whole answer crosses to the event loop at once, a stream piece by piece."""

    def __init__(self, app: Wsgi, environ: Environ, loop: asyncio.AbstractEventLoop, send: Send) -> None:
        self._app = app
        self._environ = environ
        self._loop = loop
        self._send = send
        self._start: dict[str, Any] = {}
        self._is_stream = False
        self._pieces: list[bytes] = []

    def run(self) -> None:
        """Run the application to its end."""
        pieces = self._app(self._environ, self._begin)
        try:
            for piece in pieces:
                self._pieces.append(piece)
                if self._is_stream:
                    asyncio.run_coroutine_threadsafe(self._flush(more=True), self._loop).result()
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()

    async def finish(self) -> None:
        """Send what has not been sent yet."""
        await self._flush(more=False)

    def _begin(
        self, status: str, headers: Iterable[tuple[str, str]], _exc_info: object = None
    ) -> Callable[..., Any]:
        given = [(name.lower().encode("latin1"), value.encode("latin1")) for name, value in headers]
        self._start = {"type": "http.response.start", "status": int(status[:3]), "headers": given}
        self._is_stream = dict(given).get(b"content-type", b"").startswith(_STREAMED.encode())
        return self._pieces.append

    async def _flush(self, *, more: bool) -> None:
        if self._start:
            await self._send(self._start)
            self._start = {}
        body = b"".join(self._pieces)
        self._pieces.clear()
        await self._send({"type": "http.response.body", "body": body, "more_body": more})


class _Body(io.RawIOBase):
    """The body of a request, fetched from the event loop when the thread asks for more than came first."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, receive: Receive, first: bytes, *, is_more: bool
    ) -> None:
        self._loop = loop
        self._receive = receive
        self._held = memoryview(first)
        self._is_more = is_more

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer as far as one message goes; nothing is left when it returns 0.

        Raises:
            Gone: The client left. What came of the body must not pass for the whole of it.
        """
        while not self._held and self._is_more:
            message = asyncio.run_coroutine_threadsafe(_one(self._receive), self._loop).result()
            piece, self._is_more = _part(message)
            self._held = memoryview(piece)
        size = min(len(buffer), len(self._held))
        buffer[:size] = self._held[:size]
        self._held = self._held[size:]
        return size


async def _collect(receive: Receive, first: bytes) -> tuple[bytes, bool]:
    """What comes of a body before a thread is given to it, and whether there is more.

    Else a few clients, who send a byte now and then, would have all threads.
    """
    body, is_more = bytearray(first), True
    while is_more and len(body) <= _COLLECTED_BYTES:
        piece, is_more = _part(await receive())
        body += piece
    return bytes(body), is_more


def _part(message: Mapping[str, Any]) -> tuple[bytes, bool]:
    if message["type"] == "http.disconnect":
        raise Gone
    return message.get("body", b""), bool(message.get("more_body"))


async def _one(receive: Receive) -> Mapping[str, Any]:
    return await receive()


def environ_of(scope: Mapping[str, Any], body: io.BufferedIOBase) -> Environ:
    """What PEP 3333 wants to know of a request.

    A header whose name has an underscore could pass for another, and is left out.
    """
    server, port = scope.get("server") or ("localhost", 80)
    client, client_port = scope.get("client") or ("", 0)
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode("utf-8", "surrogateescape").decode("latin1"),
        "QUERY_STRING": scope["query_string"].decode("latin1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server,
        "SERVER_PORT": str(port or 80),
        "REMOTE_ADDR": client,
        "REMOTE_PORT": str(client_port),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for raw, value in scope["headers"]:
        if b"_" not in raw:
            name = raw.decode("latin1").upper().replace("-", "_")
            key = name if name in {"CONTENT_LENGTH", "CONTENT_TYPE"} else f"HTTP_{name}"
            text = value.decode("latin1")
            # Cookies are joined as RFC 9113 says, everything else as lists are.
            joined = (
                ("; " if key == "HTTP_COOKIE" else ",").join((environ[key], text)) if key in environ else text
            )
            environ[key] = joined
    return environ
