"""A request that is being answered: how its client is spoken to, and what is told of an application that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class Answering(RequestResponseCycle):
    """What uvicorn does for a request, and what it leaves out."""

    _ends_with_connection = False

    async def run_asgi(self, app: Any) -> None:
        """Let an application answer. What it raises stands in the log once; that it was cut short is no fault of it."""
        try:
            await app(self.scope, self.receive, self.send)
        except asyncio.CancelledError:
            self.transport.abort()
        except Exception:
            self.logger.exception("%s %r failed", self.scope["method"], self.scope["path"])
            await self._apologise()
        else:
            if not self.response_complete and not self.disconnected and not self.transport.is_closing():
                self.logger.error("%s %r was not answered", self.scope["method"], self.scope["path"])
                await self._apologise()
        finally:
            self.on_response = _nothing

    def leave(self) -> None:
        """Tell the application that its client has left."""
        self.disconnected = True
        self.message_event.set()

    def send(self, message: Any) -> Coroutine[Any, Any, None]:
        """Send a part of the answer."""
        if not self.response_started:
            self._prepare(message)
        elif self._ends_with_connection:
            self.expected_content_length = len(message.get("body", b""))
        return super().send(message)

    def _prepare(self, start: Mapping[str, Any]) -> None:
        if self.waiting_for_100_continue:
            # He may take the answer for a reason to send no body, and what comes next would be taken for it.
            self.keep_alive = False
        if self.scope["http_version"] == "1.0" and all(
            name != b"content-length" for name, _ in start["headers"]
        ):
            # HTTP/1.0 has no chunks: what has no length ends with the connection.
            self._ends_with_connection = True
            self.chunked_encoding = False

    async def _apologise(self) -> None:
        if self.response_started:
            self.transport.abort()
        elif not self.disconnected:
            await self.send_500_response()


def _nothing() -> None:
    """There is no more to do after an answer."""
