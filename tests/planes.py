"""Both planes of a process in one test client: the control plane as it is, the delivery plane over its own protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask import Flask
from werkzeug.test import Client

from app import delivery_beside
from controller.delivery.plane import Delivery

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def both_planes(app: Flask) -> Client:
    """A client of an application and the delivery plane beside it."""
    return Client(on_one_port(app))


def on_one_port(app: Flask) -> Wsgi:
    """An application and the delivery plane beside it, which knows all that was committed before each request."""
    beside, flask = delivery_beside(app), app.wsgi_app

    def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not beside.covers(environ["PATH_INFO"].encode("latin1").decode("utf-8", "replace")):
            return flask(environ, start_response)
        beside.refresher.look()
        status, headers, body = asyncio.run(asked(beside, environ))
        start_response(f"{status} X", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    return wsgi


_ENOUGH = 2
"""Messages after which a stream is left: its beginning, and what it sends at once."""


async def asked(delivery: Delivery, environ: Mapping[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
    """The answer of a delivery plane to one request that is over when it is answered."""
    sent: list[dict[str, Any]] = []
    received: list[bool] = []
    answered = asyncio.Event()
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))

    async def receive() -> dict[str, Any]:
        """First the whole request; then the client stays until what it came for was sent, and leaves."""
        if not received:
            received.append(True)
            return {"type": "http.request", "body": body, "more_body": False}
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)
        if len(sent) == _ENOUGH:
            answered.set()

    await delivery(scope_of(environ), receive, send)
    headers = [(name.decode(), value.decode("latin1")) for name, value in sent[0]["headers"]]
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], headers, content


def scope_of(environ: Mapping[str, Any]) -> dict[str, Any]:
    """What an ASGI server tells of a request."""
    named = {name[5:]: value for name, value in environ.items() if name.startswith("HTTP_")}
    named |= {name: environ[name] for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(name)}
    return {
        "type": "http",
        "method": environ["REQUEST_METHOD"],
        "path": environ["PATH_INFO"].encode("latin1").decode("utf-8", "replace"),
        "query_string": environ["QUERY_STRING"].encode("latin1"),
        "headers": [
            (name.lower().replace("_", "-").encode(), str(value).encode("latin1"))
            for name, value in named.items()
        ],
    }
