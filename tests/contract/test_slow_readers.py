"""A client whose socket takes nothing any more is let go within bounds, and the others get everything."""

from __future__ import annotations

import re
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.contract.headgate_process import Headgate, eventually

FLAGS = "/projects/acme/environments/staging/flags"
LARGE = 90_000
"""How many characters each change brings twice: the buffers between two sockets hold megabytes."""
MOST_CHANGES = 300


class Unread:
    """A stream that was opened and is never read."""

    def __init__(self, headgate: Headgate) -> None:
        address = urlsplit(headgate.url)
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect((address.hostname, address.port))
        asked = [
            "GET /sdk/v1/stream HTTP/1.1",
            f"Host: {address.netloc}",
            f"Authorization: Bearer {headgate.server_key}",
            "Accept: text/event-stream",
        ]
        self.socket.sendall(("\r\n".join(asked) + "\r\n\r\n").encode())


class Reader(threading.Thread):
    """A stream that is read; knows the last revision that came."""

    def __init__(self, headgate: Headgate) -> None:
        super().__init__(daemon=True)
        headers = {"Authorization": f"Bearer {headgate.server_key}", "Accept": "text/event-stream"}
        url = f"{headgate.url}/sdk/v1/stream"
        self._answer = requests.get(url, headers=headers, stream=True, timeout=60)
        self.revision = 0

    def run(self) -> None:
        for line in self._answer.iter_lines(chunk_size=65_536):
            if line.startswith(b"id: "):
                self.revision = int(line[4:].partition(b"-")[0])


def metric(headgate: Headgate, name: str) -> float:
    text = requests.get(f"{headgate.url}/metrics", timeout=30).text
    return sum(map(float, re.findall(rf"^{re.escape(name)}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)))


def change(headgate: Headgate, number: int) -> None:
    variants = {"a": f"{number:06}" + "x" * LARGE, "b": "y" * LARGE}
    content: dict[str, Any] = {"state": "ENABLED", "variants": variants, "defaultVariant": "a"}
    headgate.ok("PUT", f"{FLAGS}/large", content)


@pytest.mark.timeout(300)
def test_a_socket_that_is_not_read_is_let_go_while_others_go_on(headgate: Headgate) -> None:
    unread, reader = Unread(headgate), Reader(headgate)
    reader.start()
    eventually(lambda: metric(headgate, "headgate_streams") == 2)
    number = 0
    while metric(headgate, "headgate_streams") == 2:
        assert number < MOST_CHANGES, "it was not let go"
        change(headgate, number)
        number += 1
    assert metric(headgate, 'headgate_streams_ended_total{reason="slow"}') == 1
    newest = headgate.ok("GET", "/projects/acme/environments")["items"][0]["revision"]
    eventually(lambda: reader.revision == newest)
    assert metric(headgate, "headgate_streams") == 1
    unread.socket.close()
