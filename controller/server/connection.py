"""One connection of a client, with the limits that uvicorn leaves to a proxy, because Headgate also runs without one.

No head is larger than it need be, and nobody holds on to a connection on which nothing happens.
"""

from __future__ import annotations

import asyncio
import fcntl
import termios
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from controller.server import ABORT
from controller.server.answering import Answering
from controller.server.full import full

MAX_HEAD_BYTES: Final = 65_536
MOST_FIELDS: Final = 1_000
"""Header fields of a request, those that follow a body in chunks included."""
MOST_WAITING: Final = 100
"""Requests that may wait behind the one which is being answered; whoever sent more sends the rest of them again."""
PATIENCE_S: Final = 30.0
"""For a head to arrive, for the next piece of a body, and for the client to take anything of what waits for it."""

_OFFER: Final = (b"upgrade", b"http2-settings")


class _TooLarge(Exception):
    """The head of a request is larger than `MAX_HEAD_BYTES`."""


class _TooMany(Exception):
    """More than `MOST_WAITING` requests wait."""


class Connection(HttpToolsProtocol):
    """What arrives on a connection, and how long each side may keep the other waiting."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Wait for a first request."""
        super().connection_made(transport)
        most, self.limit_concurrency = self.config.limit_concurrency, None
        if most is not None and len(self.connections) > most:
            self.app = full
        self._is_in_head = self._is_incomplete = True
        self._is_deaf = False
        self._head_bytes = self._arriving = 0
        self._answering: Answering | None = None
        self._patience = self.loop.call_later(PATIENCE_S, self._let_go)
        self._writing: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client, and tell whoever answers him, which uvicorn tells the last of his requests alone."""
        super().connection_lost(exc)
        self._patience.cancel()
        if self._writing is not None:
            self._writing.cancel()
        self.pipeline.clear()
        if self._answering is not None and self._is_answering():
            self._answering.leave()

    def data_received(self, data: bytes) -> None:
        """Take what has arrived."""
        self._unset_keepalive_if_required()
        while data and not self._is_deaf:
            data = self._feed(data)
        self._mind()

    def eof_received(self) -> bool:  # type: ignore[override] # the transport takes a bool
        """Whether the connection stays: who only says that he has asked for everything is still to be answered.

        From one who closed it altogether that cannot be told apart, until something is written. So who is being
        answered piece by piece has left.
        """
        stays = not self._is_incomplete and self._is_answering() and not self._has_begun()
        if stays:
            self.cycle.keep_alive = False
        return stays

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
        if len(self.pipeline) >= MOST_WAITING:
            raise _TooMany
        self._is_in_head = False
        if not self.parser.should_upgrade():
            self._describe()
            self._take_turns()

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
        if self._writing is not None and not self.transport.is_closing():
            self._writing.cancel()
            self._writing = None

    def on_response_complete(self) -> None:
        """An answer is written."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._close()

    def timeout_keep_alive_handler(self) -> None:
        """The client asks nothing more."""
        self._close()

    def _describe(self) -> None:
        """Complete what an application is told of a request."""
        url = httptools.parse_url(self.url)
        path: str = url.path.decode("ascii")
        self.scope["method"] = self.parser.get_method().decode("ascii")
        self.scope["http_version"] = self.parser.get_http_version()
        self.scope["path"] = unquote(path) if "%" in path else path
        self.scope["raw_path"] = url.path
        self.scope["query_string"] = url.query or b""
        self.scope[ABORT] = self.transport.abort  # type: ignore[typeddict-unknown-key] # it is our own

    def _take_turns(self) -> None:
        """Let a request be answered, after those that came before it."""
        answering = Answering(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=self.scope["http_version"] != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        self.cycle = answering
        if self._is_answering():
            self.flow.pause_reading()
            self.pipeline.appendleft((answering, self.app))
        else:
            self._start_asgi_task(answering, self.app)

    def _start_asgi_task(self, cycle: Answering, app: Callable[..., Any]) -> None:  # type: ignore[override] # all are ours
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _is_answering(self) -> bool:
        return self._answering is not None and not self._answering.response_complete

    def _has_begun(self) -> bool:
        return self._answering is not None and self._answering.response_started

    def _feed(self, data: bytes) -> bytes:
        """Give the parser something, and return what it is to have next."""
        self._arriving = len(data)
        try:
            self.parser.feed_data(data)
            self._measure()
        except httptools.HttpParserUpgrade as offered:
            return self._without_offer() + data[offered.args[0] :]
        except (httptools.HttpParserError, _TooLarge) as error:
            is_too_large = _TooLarge in (type(error), type(error.__context__))
            self._refuse(431 if is_too_large else 400)
        return b""

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
        if not self._is_incomplete and not self.cycle.response_complete:  # It is we who are awaited.
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
        waiting = self.transport.get_write_buffer_size() + self._taken_by_the_system()
        if waiting >= before:
            self.transport.abort()
        else:
            self._writing = self.loop.call_later(PATIENCE_S, self._await_reader, waiting)

    def _taken_by_the_system(self) -> int:
        """What the system holds for the client.

        It takes more of us only when a third of its room is free, which may be a megabyte.
        """
        count = bytearray(4)
        with suppress(OSError, AttributeError):  # It cannot tell.
            fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, count)
        return int.from_bytes(count, "little")

    def _close(self) -> None:
        """End the connection once the client has taken what waits for him, for which he has as long as ever."""
        self.transport.close()
        if self._writing is None and self.transport.get_write_buffer_size():
            self._await_reader()

    def _without_offer(self) -> bytes:
        """The head of a request that offers another protocol, without the offer, which Java's client makes first.

        It is answered in HTTP/1.1. The parser leaves out the body of a request that offers one, and has to see its
        head anew.
        """
        method, version = self.parser.get_method(), self.parser.get_http_version()
        if method == b"CONNECT":
            self._is_in_head = True
            self._refuse(400)
            return b""
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # As uvicorn has it.
        kept = [
            name + b": " + kept for name, value in self.headers if (kept := _kept(name, value)) is not None
        ]
        first = method + b" " + self.url + b" HTTP/" + version.encode()
        return b"\r\n".join((first, *kept, b"", b""))

    def _refuse(self, status: int) -> None:
        """Read no more. What was asked before is answered first, and nothing is said in the middle of an answer."""
        self._is_deaf = True
        is_body_of_another = not self._is_in_head and self._answering is not self.cycle
        if self._is_answering() and (self._has_begun() or is_body_of_another):
            self.transport.abort()
        elif self._is_answering() and self._is_in_head:
            self.cycle.keep_alive = self._is_incomplete = False
        else:
            self._say_no(status)

    def _say_no(self, status: int) -> None:
        if self._is_in_head or not self._has_begun():
            head = (STATUS_LINE[status], b"content-length: 0\r\n", b"connection: close\r\n\r\n")
            self.transport.write(b"".join(head))
        self._close()


def _kept(name: bytes, value: bytes) -> bytes | None:
    """What stays of a header when another protocol is not talked about."""
    if name != b"connection":
        return None if name in _OFFER else value
    words = (word.strip() for word in value.lower().split(b","))
    return b", ".join(word for word in words if word not in _OFFER) or None
