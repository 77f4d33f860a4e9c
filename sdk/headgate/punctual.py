"""Connections on which what is waited for has to be there in time, however slowly it drips.

The time-outs of sockets begin anew with every byte. A server that sends a header a byte at a time, or one header
after the other without end, would keep its caller for ever.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Any, Final

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection


class Due:
    """Until when something has to be there; reading ends with a TimeoutError after that."""

    def __init__(self) -> None:
        """It is over until ``within``."""
        self._until = 0.0

    def within(self, seconds: float) -> None:
        """Begin to wait: it has to be there in so many seconds."""
        self._until = time.monotonic() + seconds

    def left_s(self) -> float:
        """Return how many seconds are left. Raises TimeoutError when there are none."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("it was not there in time")
        return left


class _Reader(io.RawIOBase):
    """Reads a socket for as long as there is time."""

    def __init__(self, sock: socket.socket, due: Due) -> None:
        self._sock = sock
        self._due = due
        self._raw: Any = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int | None:
        self._sock.settimeout(self._due.left_s())
        return self._raw.readinto(into)  # type: ignore[no-any-return] # the file of a socket

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Readable:
    """A socket of which an answer is read, and nothing else done with it."""

    def __init__(self, sock: socket.socket, due: Due) -> None:
        self._sock = sock
        self._due = due

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._sock, self._due))


class _Punctual(HTTPConnection):
    """One that gives the head of an answer all of the time-out for reading, and no more."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.due = Due()

    def getresponse(self) -> Any:
        self.due.within(float(self.timeout or 0.0))
        return super().getresponse()

    def response_class(self, sock: Any, *given: Any, **named: Any) -> http.client.HTTPResponse:  # type: ignore[override] # a class there
        return http.client.HTTPResponse(_Readable(sock, self.due), *given, **named)  # type: ignore[arg-type] # it needs no more of a socket


class _PunctualTLS(_Punctual, HTTPSConnection):
    """The same with TLS."""


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Punctual


class _TLSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _PunctualTLS


def connections(at_once: int) -> urllib3.PoolManager:
    """Return connections to one server, of which so many are kept."""
    pool = urllib3.PoolManager(num_pools=1, maxsize=at_once, retries=False)
    pool.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
    return pool


def due_of(answer: urllib3.BaseHTTPResponse) -> Due:
    """Return until when the rest of an answer has to be there."""
    connection: Final = answer.connection
    if not isinstance(connection, _Punctual):
        raise TypeError("The answer is not of a connection made here, or was read already.")
    return connection.due
