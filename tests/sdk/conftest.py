"""A real Headgate-like HTTP server for the client to talk to, and the documents it serves."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import settings

# On a machine that is busy any example may take long.
settings.register_profile("unhurried", parent=settings.default, deadline=None)
settings.load_profile("unhurried")

Answer = tuple[int, dict[str, str], bytes]
PATIENCE_S = 20.0


class StreamOfOne:
    """One client's open stream, as the server sees it."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.headers = headers
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def raw(self, data: bytes) -> None:
        self._waiting.put(data)

    def event(self, kind: str, data: Any, id: str | None = None) -> None:
        text = data if isinstance(data, str) else json.dumps(data)
        self.raw(f"event: {kind}\n{'' if id is None else f'id: {id}'}\ndata: {text}\n\n".encode())

    def put(self, document: Any) -> None:
        self.event("put", document, str(document["metadata"]["revision"]))

    def patch(self, before: int, document: Any, *keys: str, unset: Any = ()) -> None:
        metadata = document["metadata"]
        changed = {key: document["flags"][key] for key in keys}
        body = {"from": str(before), "revision": metadata["revision"], "metadata": metadata}
        self.event("patch", {**body, "set": changed, "unset": list(unset)}, str(metadata["revision"]))

    def heartbeat(self) -> None:
        self.raw(b": here\n\n")

    def end(self) -> None:
        self._waiting.put(None)

    def pieces(self) -> Iterator[bytes]:
        return iter(self._waiting.get, None)


class Server:
    """Answers flags, streams, receipts and outcomes as told; remembers what it was asked."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.stream_status = 404
        self.stream_headers: dict[str, str] = {}
        self.on_stream: Callable[[StreamOfOne], object] = lambda stream: None
        self.streams: list[StreamOfOne] = []
        self.asked_for_stream = 0
        self.receipts: list[dict[str, Any]] = []
        self.receipt_status = 204
        self.flags: Callable[[dict[str, str]], Answer] = lambda headers: (404, {}, b"")
        self.outcomes: Callable[[Any], Answer] = lambda body: (202, {}, b"{}")
        self.requests: list[dict[str, str]] = []
        self.batches: list[list[dict[str, Any]]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                headers = {name.lower(): text for name, text in self.headers.items()}
                if self.path == "/sdk/v1/stream":
                    self.stream(headers)
                    return
                with server.changed:
                    answer = server.flags(headers)
                    server.requests.append(headers)
                    server.changed.notify_all()
                self.answer(answer)

            def stream(self, headers: dict[str, str]) -> None:
                with server.changed:
                    server.asked_for_stream += 1
                    server.changed.notify_all()
                if server.stream_status != 200:
                    self.answer((server.stream_status, server.stream_headers, b""))
                    return
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                self.close_connection = True
                one = StreamOfOne(headers)
                server.on_stream(one)
                with server.changed:
                    server.streams.append(one)
                    server.changed.notify_all()
                with contextlib.suppress(OSError):
                    for piece in one.pieces():
                        self.wfile.write(piece)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path == "/sdk/v1/receipts":
                    with server.changed:
                        server.receipts.append(body)
                        server.changed.notify_all()
                    self.answer((server.receipt_status, {}, b""))
                    return
                with server.changed:
                    answer = server.outcomes(body)
                    server.batches.append(body["outcomes"])
                    server.changed.notify_all()
                self.answer(answer)

            def answer(self, answer: Answer) -> None:
                status, headers, body = answer
                self.send_response(status)
                for name, text in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, text)
                self.end_headers()
                self.wfile.write(body)
                if headers.get("Connection") == "close":
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    def serve(self, document: Any) -> None:
        """Serve ``document`` with its revision as the ETag."""
        etag = f'"{document["metadata"].get("revision")}"'

        def flags(headers: dict[str, str]) -> Answer:
            if headers.get("if-none-match") == etag:
                return 304, {"ETag": etag}, b""
            return 200, {"ETag": etag}, json.dumps(document).encode()

        with self.changed:
            self.flags = flags

    def fail(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        """Answer every question for flags like this."""
        with self.changed:
            self.flags = lambda _headers: (status, headers or {}, body)

    def wait_for(self, condition: Callable[[], Any]) -> None:
        """Wait until ``condition`` holds; it is looked at after every request."""
        with self.changed:
            assert self.changed.wait_for(condition, PATIENCE_S)

    def stream_document(self, document: Any) -> None:
        """Serve ``document``, and stream it to whoever comes."""
        self.serve(document)
        self.stream_status = 200
        self.on_stream = lambda stream: stream.put(document)

    def stop(self) -> None:
        for stream in self.streams:
            stream.end()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


def make_value(mode: str = "live", release: str | None = "r-7f3a12ab34cd", **more: Any) -> dict[str, Any]:
    return {
        "mode": mode,
        "stage": "pilot",
        "autonomy": "recommend",
        "release": None if release is None else {"id": release, "model": {"id": "m", "params": {"t": 0}}},
        "review": {
            "required": mode == "review",
            "sample_rate": 0.0,
            "below_confidence": None,
            "reviewers": [],
        },
        "fallback": "classic-search",
        "limits": {},
        **more,
    }


def make_document(
    mode: str = "live", *, revision: Any = 1, when_lost: str | None = "review", **metadata: Any
) -> dict[str, Any]:
    """A feature that is on for 25 % of the known users, with its switch."""
    values = {"off": make_value("off", None), "stable": make_value(mode)}
    about = {} if when_lost is None else {"when_lost": when_lost}
    known = {"!!": [{"var": "targetingKey"}]}
    deal = {"fractional": [{"cat": ["f:exposure:", {"var": "targetingKey"}]}, [True, 10_000], [False, 0]]}
    who = {"and": [known, deal]}
    return {
        "metadata": {"revision": revision, "valid_for_s": 300, **metadata},
        "flags": {
            "feature": {
                "state": "ENABLED",
                "variants": values,
                "defaultVariant": "off",
                "targeting": {"if": [who, "stable", "off"]},
                "metadata": about,
            },
            "feature.enabled": {
                "state": "ENABLED",
                "variants": {"on": True, "off": False},
                "defaultVariant": "off",
                "targeting": {"if": [who, "on" if mode == "live" else "off", "off"]},
            },
            "disabled": {
                "state": "DISABLED",
                "variants": {"stable": make_value()},
                "defaultVariant": "stable",
            },
            "plain": {"state": "ENABLED", "variants": {"a": "text"}, "defaultVariant": "a"},
            "broken": {"state": "ENABLED", "variants": {"a": 1}, "targeting": {"no_such_operator": []}},
        },
    }


@pytest.fixture
def document() -> Callable[..., dict[str, Any]]:
    return make_document


@pytest.fixture
def value() -> Callable[..., dict[str, Any]]:
    return make_value
