"""How many requests one controller answers, beside the least that Flask can do on its fastest server, Granian."""

from __future__ import annotations

import json
import os
import selectors
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from bench import shapes
from bench.installation import Controller, free_port, running, running_controller
from bench.measuring import Effort, Table, percentile, take_turns

_CONNECTIONS = 8
_FEATURES = 50
_THREADS = "8"
"""As many as the controller has by default."""


def run(effort: Effort) -> list[Table]:
    """Measure polls, an OFREP evaluation and a minimal Flask route, turn by turn."""
    columns = ("8 connections, 1 process", "requests/s", "p50 ms", "p99 ms", "of the floor")
    table = Table(f"headgate serve on SQLite, {_FEATURES} rollouts", columns)
    port = free_port()
    floor = [sys.executable, "-m", "granian", "--interface", "wsgi", "bench.floor:app", "--no-ws"]
    floor += ["--port", str(port), "--workers", "1", "--blocking-threads", _THREADS]
    with tempfile.TemporaryDirectory() as folder, running_controller(Path(folder)) as controller:
        key = controller.begin()
        for number in range(_FEATURES):
            controller.launch(f"feature-{number}")
        with running(floor, f"http://127.0.0.1:{port}/", os.environ) as (floor_url, _):
            loads = _loads(controller, key, floor_url)
            rates = take_turns({load.name: _rate(load, effort.seconds) for load in loads}, effort.big_rounds)
    for load in loads:
        waits = [wait * 1000 for wait in load.waits_s]
        share = median(rate / of for rate, of in zip(rates[load.name], rates[loads[0].name], strict=True))
        table.add(
            load.name,
            f"{median(rates[load.name]):,.0f}",
            f"{percentile(waits, 50):.1f}",
            f"{percentile(waits, 99):.1f}",
            f"{share:.0%}",
        )
    return [table]


@dataclass(slots=True)
class _Load:
    """One request to be sent again and again; ``waits_s`` are the times until each answer."""

    name: str
    url: str
    request: bytes
    status: int
    waits_s: list[float] = field(default_factory=list)


def _loads(controller: Controller, key: str, floor_url: str) -> list[_Load]:
    known = {"Authorization": f"Bearer {key}"}
    etag = _etag(controller, key)
    question = json.dumps({"context": shapes.attributes("user-1")})
    return [
        _Load("floor: a JSON route of Flask", floor_url, _request("GET", "/", {}), 200),
        _Load(
            "GET /sdk/v1/flags, unchanged (304)",
            controller.url,
            _request("GET", "/sdk/v1/flags", known | {"If-None-Match": etag}),
            304,
        ),
        _Load("GET /sdk/v1/flags, whole", controller.url, _request("GET", "/sdk/v1/flags", known), 200),
        _Load(
            "OFREP, one flag",
            controller.url,
            _request(
                "POST",
                "/ofrep/v1/evaluate/flags/feature-7",
                known | {"Content-Type": "application/json"},
                question,
            ),
            200,
        ),
    ]


def _etag(controller: Controller, key: str) -> str:
    answer = controller.session.get(
        f"{controller.url}/sdk/v1/flags", headers={"Authorization": f"Bearer {key}"}, timeout=30
    )
    return str(answer.headers["ETag"])


def _request(method: str, path: str, headers: dict[str, str], body: str = "") -> bytes:
    told = {"Host": "127.0.0.1", "Content-Length": str(len(body.encode())), **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {text}" for name, text in told.items())]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def _rate(load: _Load, seconds: float) -> Callable[[], float]:
    return lambda: _hammer(load, seconds)


class _Connection:
    """A connection with one request under way at a time."""

    def __init__(self, load: _Load) -> None:
        parts = urlsplit(load.url)
        self.socket = socket.create_connection((parts.hostname or "", parts.port or 0), 30)
        self._load = load
        self._received = b""
        self._sent_at = 0.0

    def send(self) -> None:
        """Ask."""
        self._received = b""
        self._sent_at = time.perf_counter()
        self.socket.sendall(self._load.request)

    def receive(self) -> bool:
        """Take what has come; return whether the answer is whole.

        Raises:
            ValueError: The answer is not the expected one.
        """
        self._received += self.socket.recv(1 << 18)
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end or len(body) < _length(head):
            return False
        self._load.waits_s.append(time.perf_counter() - self._sent_at)
        if int(head.split(b" ", 2)[1]) != self._load.status:
            raise ValueError(f"{self._load.name}: {self._received[:500]!r}")
        return True


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.split(b"\r\n", 1)[0]) if found and b" 304 " not in head[:20] else 0


def _hammer(load: _Load, seconds: float) -> float:
    """Keep every connection busy for a time; return answers per second."""
    connections = [_Connection(load) for _ in range(_CONNECTIONS)]
    answers, until = 0, time.perf_counter() + seconds
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send()
        while time.perf_counter() < until:
            for ready, _ in selector.select(1):
                if ready.data.receive():
                    answers += 1
                    ready.data.send()
    for connection in connections:
        connection.socket.close()
    return answers / seconds
