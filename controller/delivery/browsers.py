"""Which pages in browsers may ask (CORS): those of the origins that the operator names, and by OFREP alone."""

from __future__ import annotations

from typing import Final

from controller.delivery.exchange import Exchange, Header, Message, Send

_PREFIX: Final = "/ofrep/"
_ANY: Final = "*"
_PREFLIGHT: Final[tuple[Header, ...]] = (
    (b"access-control-allow-methods", b"GET, POST"),
    (
        b"access-control-allow-headers",
        b"authorization, x-api-key, content-type, if-none-match, last-event-id",
    ),
    (b"access-control-max-age", b"3600"),
)


class Browsers:
    """Lets the pages of some origins read answers."""

    def __init__(self, origins: str) -> None:
        """``origins`` are separated by commas; ``*`` stands for any."""
        self._origins = {
            origin.strip().rstrip("/").encode() for origin in origins.split(",") if origin.strip()
        }

    async def answers_preflight(self, exchange: Exchange) -> bool:
        """Answer a browser that asks with OPTIONS whether a page may ask; False if this is no such question."""
        if not self._headers(exchange):
            return False
        if b"access-control-request-method" not in exchange.headers:
            return False
        await exchange.answer(204, b"", *_PREFLIGHT)
        return True

    def let_read(self, exchange: Exchange) -> None:
        """See to it that the answer says who may read it."""
        headers = self._headers(exchange)
        if headers:
            exchange.send = _with(headers, exchange.send)

    def _headers(self, exchange: Exchange) -> tuple[Header, ...]:
        origin = exchange.headers.get(b"origin")
        if origin is None or not self._origins or not exchange.path.startswith(_PREFIX):
            return ()
        if origin not in self._origins and _ANY.encode() not in self._origins:
            return ()
        exposed = (b"access-control-expose-headers", b"etag, retry-after")
        return (b"access-control-allow-origin", origin), (b"vary", b"origin"), exposed


def _with(headers: tuple[Header, ...], send: Send) -> Send:
    async def sending(message: Message) -> None:
        begins = message["type"] == "http.response.start"
        await send({**message, "headers": [*message["headers"], *headers]} if begins else message)

    return sending
