"""Cutting a connection whose reader cannot be told when to stop: a driver that waits, and keeps whatever comes."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

_LOOK_S = 0.05
"""How often it is looked how much has come."""
_RECEIVED_AT = 128
"""Where Linux' ``struct tcp_info`` has ``tcpi_bytes_received``."""


class Cutter:
    """Cuts a connection when the time is up by ``clock``, or when more than ``most`` bytes have come over it.

    ``why`` says which of them it was; empty as long as nothing was cut. How much has come is known on Linux alone.
    """

    def __init__(self, until: float, most: int, clock: Callable[[], float]) -> None:
        """Nothing is watched yet."""
        self.why = ""
        self._until = until
        self._most = most
        self._clock = clock
        self._done = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()

    def watch(self, fileno: int) -> None:
        """Watch a connection until the end of the block; its descriptor may be closed before that."""
        wire = socket.socket(fileno=os.dup(fileno))
        threading.Thread(target=self._watch, args=(wire,), name="cutter", daemon=True).start()

    def _watch(self, wire: socket.socket) -> None:
        with wire:
            while not self._done.wait(_LOOK_S):
                self.why = self._too_much(wire)
                if self.why:
                    with contextlib.suppress(OSError):
                        wire.shutdown(socket.SHUT_RDWR)
                    return

    def _too_much(self, wire: socket.socket) -> str:
        if self._clock() >= self._until:
            return "the whole answer did not come in time"
        if _received(wire) > self._most:
            return f"the answer is larger than {self._most} bytes"
        return ""


def _received(wire: socket.socket) -> int:
    """How many bytes have come over a TCP connection; 0 where the system does not tell."""
    kind = getattr(socket, "TCP_INFO", None)
    if kind is None:
        return 0
    try:
        told = wire.getsockopt(socket.IPPROTO_TCP, kind, _RECEIVED_AT + 8)
        return int(struct.unpack_from("=Q", told, _RECEIVED_AT)[0])
    except (OSError, struct.error):
        return 0
