"""A server on this machine that does to its callers what servers in the world do."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

Behaviour = Callable[["Call"], None]
"""What to do with one call, after its request has been read."""


@dataclass
class Call:
    """One request that came in, and the means to answer it in whatever way."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: socket.socket
    endpoint: Endpoint

    @property
    def form(self) -> dict[str, str]:
        """The fields of a form that was posted."""
        fields = parse_qs(self.body.decode(), keep_blank_values=True)
        return {name: values[-1] for name, values in fields.items()}

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.connection.sendall(data)
        self.endpoint.bytes_sent += len(data)

    def reply(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """Send a whole answer."""
        lines = [f"HTTP/1.1 {status} -", f"Content-Length: {len(body)}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.write("\r\n".join([*lines, "", ""]).encode() + body)

    def pause(self, seconds: float) -> bool:
        """Wait; tells whether the server is being stopped."""
        return self.endpoint.stopping.wait(seconds)


@dataclass
class Endpoint:
    """An HTTP server with one behaviour at a time; ``calls`` are the requests so far."""

    behaviour: Behaviour
    listener: socket.socket
    scheme: str = "http"
    wrap: Callable[[socket.socket], socket.socket] = lambda connection: connection
    read_request: bool = True
    """Without it the server does not wait to be asked over HTTP: for callers that speak something else."""
    calls: list[Call] = field(default_factory=list)
    bytes_sent: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.listener.getsockname()[1])

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def serve(self) -> None:
        """Take connections until stopped, each in a thread of its own."""
        while not self.stopping.is_set():
            with contextlib.suppress(OSError):
                connection, _ = self.listener.accept()
                thread = threading.Thread(target=self._one, args=(connection,), daemon=True)
                self.threads.append(thread)
                thread.start()

    def _one(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), self.wrap(connection) as wrapped:
            wrapped.settimeout(30)
            call = self._read(wrapped) if self.read_request else Call("", "", {}, b"", wrapped, self)
            self.calls.append(call)
            self.behaviour(call)

    def _read(self, connection: socket.socket) -> Call:
        with connection.makefile("rb") as lines:
            method, path, _ = lines.readline().decode().split(" ")
            headers = {}
            while (line := lines.readline().decode().strip()) != "":
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            body = lines.read(int(headers.get("content-length", "0")))
        return Call(method, path, headers, body, connection, self)

    def stop(self) -> None:
        """Let go of every caller and wait for the threads.

        Raises:
            RuntimeError: A caller is still there, although nobody wants anything of it any more.
        """
        self.stopping.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(10)
        if any(thread.is_alive() for thread in self.threads):
            raise RuntimeError("a caller did not close its connection")


@contextlib.contextmanager
def serving(
    behaviour: Behaviour,
    *,
    scheme: str = "http",
    wrap: Callable[[socket.socket], socket.socket] = lambda connection: connection,
    read_request: bool = True,
) -> Iterator[Endpoint]:
    """A server on a free port of 127.0.0.1 for the length of a with block."""
    listener = socket.create_server(("127.0.0.1", 0))
    endpoint = Endpoint(behaviour, listener, scheme, wrap, read_request=read_request)
    thread = threading.Thread(target=endpoint.serve, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.stop()
        thread.join(10)


def closed_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def replying(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Behaviour:
    """Answer in one go."""
    return lambda call: call.reply(status, body, headers)


def hanging(call: Call) -> None:
    """Take the request and say nothing."""
    call.pause(60)


def dripping(head: bytes, drop: bytes) -> Behaviour:
    """Say something, then a little more every now and then: never silent for long, never done."""

    def drip(call: Call) -> None:
        call.write(head)
        while not call.pause(0.02):
            call.write(drop)

    return drip


SLOW_BODY = dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" ")
SLOW_HEADER = dripping(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x")
SLOW_CHUNKS = dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n")


def flooding(size: int, *, announced: bool = False) -> Behaviour:
    """Send a body of that many bytes, unless the caller hangs up first."""

    def flood(call: Call) -> None:
        length = f"Content-Length: {size}\r\n" if announced else ""
        call.write(f"HTTP/1.1 200 OK\r\n{length}Connection: close\r\n\r\n".encode())
        block = b" " * (1 << 16)
        for _ in range(size // len(block)):
            call.write(block)

    return flood
