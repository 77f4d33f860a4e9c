"""A WSGI application behind an ASGI server."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from controller.bridge import Bridge, Environ, environ_of


def scope(**more: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "POST",
        "path": "/a b/é",
        "query_string": b"x=%c3%a9&y=\xff",
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 8080),
        "client": ("10.0.0.7", 4711),
        "headers": [(b"host", b"headgate"), (b"content-type", b"text/plain"), (b"content-length", b"4")],
        **more,
    }


def called(app: Callable[..., Iterable[bytes]], *bodies: bytes, **more: Any) -> list[dict[str, Any]]:
    """What is sent when an application is called with a body in so many messages."""
    sent: list[dict[str, Any]] = []
    waiting = list(bodies) or [b""]

    async def receive() -> dict[str, Any]:
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    asyncio.run(Bridge(app, 2)(scope(**more), receive, send))
    return sent


def echo(environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
    body = environ["wsgi.input"].read()
    start("201 CREATED", [("Content-Type", "text/plain"), ("X-Thread", threading.current_thread().name)])
    return [body, b"!"]


def test_an_answer_is_sent_whole_and_its_thread_is_not_the_loops() -> None:
    begun, body = called(echo, b"in ", b"two ", b"parts")
    assert (begun["status"], body["body"], body["more_body"]) == (201, b"in two parts!", False)
    assert dict(begun["headers"])[b"x-thread"].startswith(b"control")


@pytest.mark.parametrize("came", [b"half", b"half" + b" " * 2_000_000])
def test_half_a_body_never_passes_for_a_whole_one(came: bytes) -> None:
    read: list[bytes] = []
    messages = [{"type": "http.request", "body": came, "more_body": True}, {"type": "http.disconnect"}]

    def form(environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        read.append(environ["wsgi.input"].read())
        start("200 OK", [])
        return []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        pytest.fail(f"{message} has nobody to read it")

    asyncio.run(Bridge(form, 1)(scope(), receive, send))
    assert read == []


def test_a_thread_is_given_to_a_request_when_its_body_is_there() -> None:
    async def asked(bridge: Bridge, messages: list[Any], answered: asyncio.Event) -> None:
        async def receive() -> Any:
            return messages.pop(0) if messages else await asyncio.Event().wait()

        async def send(_message: Any) -> None:
            answered.set()

        await bridge(scope(), receive, send)

    async def two() -> None:
        bridge, answered = Bridge(echo, 1), asyncio.Event()
        halves = [{"type": "http.request", "body": b"h", "more_body": more} for more in (True, False)]
        slow = asyncio.create_task(asked(bridge, halves[:1], asyncio.Event()))
        await asyncio.sleep(0)
        await asyncio.wait_for(asked(bridge, halves[1:], answered), 20)
        assert answered.is_set()
        slow.cancel()

    asyncio.run(two())


def test_only_so_many_bodies_are_collected_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.bridge._COLLECTED_AT_ONCE", 1)
    asked_for: list[str] = []
    may_go_on = asyncio.Event()

    async def asked(bridge: Bridge, name: str) -> None:
        async def receive() -> Any:
            asked_for.append(name)
            if asked_for.count(name) == 1:
                return {"type": "http.request", "body": b"h", "more_body": True}
            await may_go_on.wait()
            return {"type": "http.request", "body": b"h", "more_body": False}

        async def send(_message: Any) -> None:
            return None

        await bridge(scope(), receive, send)

    async def two() -> None:
        bridge = Bridge(echo, 2)
        both = [asyncio.create_task(asked(bridge, name)) for name in ("first", "second")]
        for _ in range(5):
            await asyncio.sleep(0)
        assert asked_for == ["first", "first", "second"]
        may_go_on.set()
        await asyncio.wait_for(asyncio.gather(*both), 20)
        assert sorted(asked_for) == ["first", "first", "second", "second"]

    asyncio.run(two())


def test_a_body_is_fetched_as_far_as_the_application_reads_it() -> None:
    def one_line(environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        start("200 OK", [])
        return [environ["wsgi.input"].readline()]

    assert called(one_line, b"first\nsec", b"ond\n")[1]["body"] == b"first\n"


def test_a_stream_of_events_is_sent_piece_by_piece_and_closed() -> None:
    closed: list[bool] = []

    class Pieces:
        def __iter__(self) -> Iterator[bytes]:
            yield from (b"a", b"b")

        def close(self) -> None:
            closed.append(True)

    def events(_environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        start("200 OK", [("Content-Type", "text/event-stream; charset=utf-8")])
        return Pieces()

    _, first, second, last = called(events)
    assert [first["body"], second["body"], last["body"]] == [b"a", b"b", b""]
    assert [first["more_body"], last["more_body"]] == [True, False]
    assert closed == [True]


def test_a_request_is_told_as_pep_3333_wants_it() -> None:
    environ = environ_of(scope(), io.BytesIO())
    assert environ["PATH_INFO"] == "/a b/é".encode().decode("latin1")
    assert environ["QUERY_STRING"] == "x=%c3%a9&y=ÿ"
    assert (environ["REMOTE_ADDR"], environ["SERVER_NAME"], environ["SERVER_PORT"]) == (
        "10.0.0.7",
        "127.0.0.1",
        "8080",
    )
    assert (environ["CONTENT_TYPE"], environ["CONTENT_LENGTH"]) == ("text/plain", "4")
    assert environ["HTTP_HOST"] == "headgate"


def test_a_header_with_an_underscore_does_not_pass_for_another() -> None:
    keys = [(b"x-api-key", b"mine"), (b"x_api_key", b"theirs")]
    headers = [*keys, (b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"via", b"x"), (b"via", b"y")]
    environ = environ_of(scope(headers=headers), io.BytesIO())
    assert environ["HTTP_X_API_KEY"] == "mine"
    assert environ["HTTP_COOKIE"] == "a=1; b=2"
    assert environ["HTTP_VIA"] == "x,y"


def test_what_the_application_raises_is_not_swallowed() -> None:
    def fails(_environ: Environ, _start: Callable[..., Any]) -> Iterable[bytes]:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        called(fails)


def test_the_bridge_lives_and_ends_with_the_server() -> None:
    words = ["lifespan.startup", "lifespan.shutdown"]
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": words.pop(0)}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    asyncio.run(Bridge(echo, 1)({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
