"""Connections over real sockets: what is too much is refused, and nobody holds on to what he does not use."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import pytest
import uvicorn

from controller.server import ABORT
from controller.server import connection as limits
from controller.server.connection import MAX_HEAD_BYTES, MOST_FIELDS, MOST_WAITING, Connection

SHORT_S = 0.1
PATIENCE_S = 20.0
Scope = dict[str, Any]


class Asked:
    """An ASGI application that answers with what it was asked, and knows who left."""

    def __init__(self) -> None:
        self.left = threading.Event()

    async def __call__(self, scope: Scope, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        if scope["path"] == "/early":
            await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body"})
            return
        if scope["path"] == "/fails":
            raise ValueError("no")
        if scope["path"] == "/pieces":
            await _pieces(send)
            return
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message["more_body"]:
                break
        else:
            self.left.set()
            return
        begins: Scope = {"type": "http.response.start", "status": 200, "headers": []}
        if scope["path"] == "/until-left":
            await send(begins)
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            await receive()
            self.left.set()
            return
        if scope["path"] == "/endless":
            await self._endless(begins, scope, send)
            return
        fields = [name.decode() for name, _ in scope["headers"]]
        told = [scope["method"], scope["path"], body.decode(), fields]
        content = json.dumps(told).encode()
        begins["headers"] = [(b"content-length", b"%d" % len(content))]
        await send(begins)
        await send({"type": "http.response.body", "body": content})

    async def _endless(self, begins: Scope, scope: Scope, send: Callable[[Any], Any]) -> None:
        piece = {"type": "http.response.body", "body": b"x" * 1_000_000, "more_body": True}
        await send(begins)
        if b"cut" in scope["query_string"]:
            await send(piece)
            scope[ABORT]()
        try:
            for _ in range(100):
                await send(piece)
        finally:
            self.left.set()


async def _pieces(send: Callable[[Any], Any]) -> None:
    """Answer with something whose length was not told before."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for piece in (b"a", b"bc", b""):
        await send({"type": "http.response.body", "body": piece, "more_body": bool(piece)})


@pytest.fixture(scope="module")
def app() -> Asked:
    return Asked()


@pytest.fixture(scope="module")
def server(app: Asked) -> uvicorn.Server:
    settings: dict[str, Any] = {"lifespan": "off", "log_config": None, "log_level": "critical"}
    config = uvicorn.Config(app, http=Connection, loop="uvloop", ws="none", access_log=False, **settings)
    return uvicorn.Server(config)


@pytest.fixture(scope="module")
def port(server: uvicorn.Server) -> Iterator[int]:
    place = socket.create_server(("127.0.0.1", 0))
    serving = threading.Thread(target=server.run, args=([place],), daemon=True)
    serving.start()
    yield place.getsockname()[1]
    server.should_exit = server.force_exit = True
    serving.join(PATIENCE_S)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PATIENCE_S", SHORT_S)


class Talk:
    """A connection of a client."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self._file = self.socket.makefile("rb")

    def says(self, *lines: str, body: bytes = b"") -> None:
        self.socket.sendall("\r\n".join([*lines, "Host: x", "", ""]).encode() + body)

    def hears(self) -> tuple[int, Any]:
        """The next answer."""
        status, length = int(self._file.readline().split()[1]), 0
        while (line := self._file.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        body = self._file.read(length)
        return status, json.loads(body) if body else None

    def hears_all(self) -> bytes:
        """Everything until the server ends the connection."""
        return self._file.read()

    def is_over(self) -> bool:
        """Whether the server has ended it; waits until it does."""
        with suppress(ConnectionResetError):
            while self._file.read(65_536):
                pass
        return True

    def close(self) -> None:
        self._file.close()
        self.socket.close()


@pytest.fixture
def talk(port: int, app: Asked) -> Iterator[Talk]:
    app.left.clear()
    made = Talk(port)
    yield made
    made.close()


POST = ("POST /a HTTP/1.1", "Content-Length: 2")
UPGRADE = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")


def test_requests_are_answered_in_their_order(talk: Talk) -> None:
    talk.says("GET /1 HTTP/1.1", "", "GET /2 HTTP/1.1", "", *POST, body=b"hi")
    told = [talk.hears()[1][:3] for _ in range(3)]
    assert told == [["GET", "/1", ""], ["GET", "/2", ""], ["POST", "/a", "hi"]]


@pytest.mark.parametrize("pieces", [1, 2, 7])
def test_who_offers_another_protocol_is_answered_in_this_one_and_loses_no_body(
    talk: Talk, pieces: int
) -> None:
    request = "\r\n".join([*POST, *UPGRADE, "Accept: y", "", "hi"]).encode()
    size = -(-len(request) // pieces)
    for start in range(0, len(request), size):
        talk.socket.sendall(request[start : start + size])
    assert talk.hears() == (200, ["POST", "/a", "hi", ["content-length", "accept"]])
    talk.says("GET /b HTTP/1.1", *UPGRADE)
    assert talk.hears() == (200, ["GET", "/b", "", ["host"]])
    talk.says("GET /c HTTP/1.1")
    assert talk.hears()[1][1] == "/c"


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_who_offers_another_protocol_and_ends_the_connection_is_understood(talk: Talk, version: str) -> None:
    words = "close, Upgrade" if version == "1.1" else "Upgrade"
    talk.says(f"GET /pieces HTTP/{version}", f"Connection: {words}", "Upgrade: h2c")
    assert b"connection: close" in talk.hears_all()


@pytest.mark.parametrize("offer", [(), UPGRADE])
def test_only_so_many_requests_wait_and_the_rest_may_be_sent_again(
    talk: Talk, offer: tuple[str, ...]
) -> None:
    one = "\r\n".join(["GET /1 HTTP/1.1", "Host: x", *offer, "", ""]).encode()
    talk.socket.sendall(one * 700)
    heard = talk.hears_all()
    assert heard.count(b"HTTP/1.1 200 OK") == heard.count(b"HTTP/1.1 ") == MOST_WAITING + 1
    assert heard.count(b"connection: close") == 1


def test_what_was_asked_before_nonsense_is_answered(talk: Talk) -> None:
    talk.says("GET /1 HTTP/1.1", "", "GET /2 HTTP/1.1", "", "nonsense")
    assert [talk.hears()[1][1] for _ in range(2)] == ["/1", "/2"]
    assert talk.hears_all() == b""


def test_who_says_that_he_has_asked_for_everything_is_answered(talk: Talk) -> None:
    talk.says("GET /1 HTTP/1.1", "", "GET /2 HTTP/1.1")
    talk.socket.shutdown(socket.SHUT_WR)
    assert [talk.hears()[1][1] for _ in range(2)] == ["/1", "/2"]
    assert talk.hears_all() == b""


@pytest.mark.parametrize("behind", [(), ("", "GET /2 HTTP/1.1")])
def test_an_application_hears_that_its_client_left_whatever_he_asked_besides(
    talk: Talk, app: Asked, behind: tuple[str, ...]
) -> None:
    talk.says("GET /until-left HTTP/1.1", "Host: x", *behind)
    talk.socket.recv(1)
    talk.close()
    assert app.left.wait(PATIENCE_S)


@pytest.mark.parametrize(("version", "body"), [("1.1", b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"), ("1.0", b"abc")])
def test_who_does_not_know_chunks_gets_none(talk: Talk, version: str, body: bytes) -> None:
    talk.says(f"GET /pieces HTTP/{version}", "Connection: close")
    heard = talk.hears_all()
    assert heard.partition(b"\r\n\r\n")[2] == body
    assert (b"transfer-encoding" in heard) is (version == "1.1")


def test_who_was_refused_before_he_sent_a_body_begins_anew(talk: Talk) -> None:
    talk.says("POST /early HTTP/1.1", "Content-Length: 4", "Expect: 100-continue")
    assert talk.hears() == (413, None)
    assert talk.is_over()


def test_a_fault_of_the_application_is_told_once(talk: Talk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("ERROR", "uvicorn.error"):
        talk.says("GET /fails HTTP/1.1")
        assert talk.hears_all().startswith(b"HTTP/1.1 500 ")
    assert [record.getMessage() for record in caplog.records] == ["GET '/fails' failed"]
    assert "ValueError: no" in caplog.text


@pytest.mark.parametrize(
    "request_line",
    ["CONNECT a:1 HTTP/1.1", "nonsense", "GET / HTTP/9", "PRI * HTTP/2.0", "GET /\x00 HTTP/1.1"],
)
def test_what_is_no_request_is_refused(talk: Talk, request_line: str) -> None:
    talk.says(request_line)
    assert talk.hears() == (400, None)
    assert talk.is_over()


@pytest.mark.parametrize("piece", [1_000, 1_000_000])
@pytest.mark.parametrize(("size", "status"), [(MAX_HEAD_BYTES - 200, 200), (MAX_HEAD_BYTES + 1, 431)])
def test_a_head_is_refused_that_is_larger_than_it_need_be(
    talk: Talk, piece: int, size: int, status: int
) -> None:
    request = b"GET / HTTP/1.1\r\nX: " + b"x" * size + b"\r\n\r\n"
    for start in range(0, len(request), piece):
        talk.socket.sendall(request[start : start + piece])
    assert talk.hears()[0] == status


@pytest.mark.parametrize(("fields", "status"), [(MOST_FIELDS - 1, 200), (MOST_FIELDS, 431)])
def test_a_head_has_only_so_many_fields(talk: Talk, fields: int, status: int) -> None:
    talk.says("GET / HTTP/1.1", *(["a: b"] * fields))
    assert talk.hears()[0] == status


def test_fields_that_follow_a_body_are_bounded(talk: Talk) -> None:
    talk.says("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=b"2\r\nhi\r\n0\r\n")
    talk.socket.sendall(b"a: b\r\n" * (MOST_FIELDS + 1))
    assert talk.hears()[0] == 431
    assert talk.is_over()


@pytest.mark.parametrize("said", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET"])
@pytest.mark.usefixtures("short")
def test_who_does_not_say_what_he_wants_is_let_go(talk: Talk, said: bytes) -> None:
    talk.socket.sendall(said)
    assert talk.is_over()


@pytest.mark.usefixtures("short")
def test_who_stops_in_the_middle_of_a_body_is_let_go(talk: Talk, app: Asked) -> None:
    talk.says("POST / HTTP/1.1", "Content-Length: 5", body=b"hi")
    assert talk.is_over()
    assert app.left.wait(PATIENCE_S)


@pytest.mark.usefixtures("short")
def test_who_says_nothing_more_after_an_answer_that_came_early_is_let_go(talk: Talk) -> None:
    talk.says("POST /early HTTP/1.1", "Content-Length: 4", body=b"hi")
    assert talk.hears() == (413, None)
    talk.socket.sendall(b"hi")
    assert talk.is_over()


@pytest.mark.usefixtures("short")
def test_who_takes_nothing_of_what_waits_for_him_is_let_go(talk: Talk, app: Asked) -> None:
    talk.says("GET /endless HTTP/1.1")
    assert app.left.wait(PATIENCE_S)


def test_a_connection_can_be_cut_whatever_waits_to_be_sent(talk: Talk, app: Asked) -> None:
    talk.says("GET /endless?cut HTTP/1.1")
    assert app.left.wait(PATIENCE_S)
    assert talk.is_over()


def test_whoever_comes_when_there_are_too_many_is_told_to_come_back(
    talk: Talk, port: int, server: uvicorn.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.says("GET / HTTP/1.1")
    assert talk.hears()[0] == 200
    monkeypatch.setattr(server.config, "limit_concurrency", 0)
    with closing(Talk(port)) as late:
        late.says("GET / HTTP/1.1")
        status, told = late.hears()
        assert (status, told["code"]) == (503, "too_many_connections")
        assert late.is_over()
    talk.says("GET / HTTP/1.1")
    assert talk.hears()[0] == 200


class Draining(asyncio.Transport):
    """A transport whose client takes something between two looks, and at last nothing."""

    def __init__(self, waiting: list[int], of_the_system: int) -> None:
        """``of_the_system``: so many pieces are taken from it first."""
        super().__init__()
        self.waiting = waiting
        self._of_the_system, self._client = socket.socketpair()
        self._pieces = of_the_system
        for _ in range(of_the_system):
            self._of_the_system.send(b"x" * 1_000)
        self.is_cut = asyncio.Event()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._of_the_system if name == "socket" else default

    def get_write_buffer_size(self) -> int:
        if self._pieces:
            self._pieces -= 1
            self._client.recv(1_000)
            return max(self.waiting) + 1
        return self.waiting.pop(0)

    def close(self) -> None:
        """Closed as soon as everything was sent."""

    def is_closing(self) -> bool:
        return True

    def abort(self) -> None:
        self._client.close()
        self._of_the_system.close()
        self.is_cut.set()


@pytest.mark.parametrize("begin", ["pause_writing", "timeout_keep_alive_handler"])
@pytest.mark.parametrize("of_the_system", [0, 4])
@pytest.mark.usefixtures("short")
def test_a_slow_reader_is_kept_as_long_as_he_reads(begin: str, of_the_system: int) -> None:
    async def watched() -> int:
        transport = Draining([4, 3, 2, 1, 1, 0], of_the_system)
        config = uvicorn.Config(Asked(), http=Connection, log_config=None)
        connection = Connection(config, uvicorn.server.ServerState(), {}, asyncio.get_running_loop())
        connection.connection_made(transport)
        connection._patience.cancel()
        getattr(connection, begin)()
        await asyncio.wait_for(transport.is_cut.wait(), PATIENCE_S)
        return len(transport.waiting)

    assert asyncio.run(watched()) == 1
