"""PostgreSQL from the wheel listens on a socket in the file system; here it is to be had over TCP."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import parse_qs, unquote, urlsplit


@contextlib.contextmanager
def over_tcp(server_url: str) -> Iterator[int]:
    """A port of 127.0.0.1 that leads to the server of a URL with ``?host=<folder>``."""
    folder = unquote(parse_qs(urlsplit(server_url).query)["host"][0])
    listener = socket.create_server(("127.0.0.1", 0))
    stopping = threading.Event()
    accepting = threading.Thread(
        target=_accept, args=(listener, f"{folder}/.s.PGSQL.5432", stopping), daemon=True
    )
    accepting.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        stopping.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join(10)


def _accept(listener: socket.socket, path: str, stopping: threading.Event) -> None:
    while not stopping.is_set():
        with contextlib.suppress(OSError):
            near, _ = listener.accept()
            threading.Thread(target=_relay, args=(near, path), daemon=True).start()


def _relay(near: socket.socket, path: str) -> None:
    with near, socket.socket(socket.AF_UNIX) as far, contextlib.suppress(OSError):
        far.connect(path)
        back = threading.Thread(target=_pump, args=(far, near), daemon=True)
        back.start()
        _pump(near, far)
        back.join(10)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
