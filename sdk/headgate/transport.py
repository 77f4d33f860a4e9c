"""Talking to Headgate over HTTP: with deadlines, a byte cap and no redirects. The only user of urllib3."""

from __future__ import annotations

import contextlib
import json
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timezone
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3

from headgate.punctual import connections, due_of


def _version() -> str:
    try:
        return version("headgate")
    except PackageNotFoundError:  # It was copied into a product without being installed.
        return "0"


SDK: Final = f"headgate-python/{_version()}"
"""What this SDK calls itself."""

MAX_BYTES: Final = 32 * 1024 * 1024
_CHUNK: Final = 64 * 1024
_LONGEST_TIMEOUT_S: Final = 3600.0
_MOST_S: Final = 999_999_999
_LONGEST_DATE: Final = 64  # characters


class TransportError(Exception):
    """No usable answer: not reachable, too slow, cut off, or too big.

    ``lasting`` says that only people can change it: the certificate is not trusted, or there is no TLS.
    """

    def __init__(self, message: str, *, lasting: bool = False) -> None:
        """``message`` says what went wrong."""
        super().__init__(message)
        self.lasting = lasting


def _trouble(problem: Exception) -> TransportError:
    cause = problem.args[0] if isinstance(problem, urllib3.exceptions.SSLError) and problem.args else None
    lasting = isinstance(cause, ssl.SSLError) and not isinstance(cause, _CUT_OFF)
    return TransportError(type(problem).__name__, lasting=lasting)


_CUT_OFF: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
"""What TLS calls the end of a connection, as of a server that is just being replaced."""

_TROUBLES: Final = (urllib3.exceptions.HTTPError, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of the server, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def retry_after_s(self) -> float | None:
        """How many seconds the server asks to wait, which it says as a number or as a date; None: it does not."""
        return retry_after_s(self.headers)

    @property
    def age_s(self) -> float:
        """How long ago what is answered was last known to be current, in seconds."""
        return _seconds(self.headers.get("age", "")) or 0.0


class Stream:
    """An answer that goes on and on, read piece by piece."""

    def __init__(self, answer: urllib3.BaseHTTPResponse, silence_s: float) -> None:
        """``answer`` is open and not read yet. After ``silence_s`` in which nothing of it arrives it is dead."""
        self._answer = answer
        self._due = due_of(answer)
        self._silence_s = silence_s
        self.status = answer.status
        self.headers = {name.lower(): text for name, text in answer.headers.items()}

    @property
    def retry_after_s(self) -> float | None:
        """See ``Response``."""
        return retry_after_s(self.headers)

    def pieces(self) -> Iterator[bytes]:
        """Yield what arrives, as it arrives, until the server ends it. Raises TransportError."""
        try:
            while piece := self._next():
                yield piece
        except _TROUBLES as problem:
            raise _trouble(problem) from problem

    def _next(self) -> bytes:
        self._due.within(self._silence_s)
        return self._answer.read1(_CHUNK, decode_content=False)

    def close(self) -> None:
        """Drop the connection; to be called by who reads it."""
        self._answer.close()

    def interrupt(self) -> None:
        """Let the thread that reads it find its end; may be called by another thread."""
        with contextlib.suppress(*_TROUBLES, RuntimeError):
            self._answer.shutdown()


def retry_after_s(headers: Mapping[str, str], clock: Callable[[], float] = time.time) -> float | None:
    """Return how many seconds ``Retry-After`` asks to wait (RFC 9110, 10.2.3); None where it makes no sense.

    What is over already is 0; what is far away is no more than a number of nine digits. ``headers`` have names in
    lower case. ``clock`` gives the seconds since the epoch where the server does not say what its own clock shows.
    """
    text = headers.get("retry-after", "")
    until = _moment(text)
    if until is None:
        return _seconds(text)
    # By the clock of who said it, so that neither has to be right.
    said_at = _moment(headers.get("date", ""))
    return min(max(0.0, until - (clock() if said_at is None else said_at)), float(_MOST_S))


def _seconds(text: str) -> float | None:
    digits = text.strip()
    if not digits.isascii() or not digits.isdecimal():
        return None
    digits = digits.lstrip("0") or "0"
    return float(min(int(digits[:10]), _MOST_S))


def _moment(text: str) -> float | None:
    """Return the seconds since the epoch of a date of HTTP, in any of its three formats; all of them are in GMT."""
    if len(text) > _LONGEST_DATE:
        return None
    try:
        moment = parsedate_to_datetime(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def _is_address(url: Any) -> bool:
    """Return whether paths can be put behind ``url``, and something may answer there."""
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and parts.port != 0
    except (ValueError, TypeError, AttributeError):  # It is no text, or its port no number.
        return False
    is_clean = isinstance(url, str) and not re.search(r"[\s?#]", url)
    return is_whole and is_clean and parts.scheme in ("http", "https")


class Transport:
    """One server and one key."""

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        timeout_s: float = 10.0,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """``timeout_s`` bounds a whole exchange; an hour does at most.

        Raises ValueError for an impossible URL or key.
        """
        if not _is_address(base_url):
            raise ValueError("base_url must look like https://headgate.example.org")
        if not isinstance(key, str) or not key or not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError("key must be a Headgate server key; it is empty or has characters no key has")
        self.timeout_s = min(timeout_s, _LONGEST_TIMEOUT_S)
        self._base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}", "User-Agent": SDK}
        self._max_bytes = max_bytes
        self.renew()

    def renew(self) -> None:
        """Begin without connections: after a fork those are shared with the parent, and not ours to use."""
        self._pool = connections(2)

    def get(self, path: str, etag: str | None, timeout_s: float | None = None) -> Response:
        """Fetch ``path``; with ``etag`` the answer may be 304. Raises TransportError."""
        headers = {"Accept": "application/json"}
        if etag is not None:
            headers["If-None-Match"] = etag
        return self._exchange("GET", path, headers, None, timeout_s)

    def post(self, path: str, body: Any) -> Response:
        """Send ``body`` as JSON. Raises TransportError."""
        raw = json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
        return self._exchange("POST", path, {"Content-Type": "application/json"}, raw, None)

    def close(self) -> None:
        """Drop idle connections."""
        self._pool.clear()

    def _exchange(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None, timeout_s: float | None
    ) -> Response:
        limit = self.timeout_s if timeout_s is None else min(timeout_s, self.timeout_s)
        return self._read(self._open(method, path, headers, body, urllib3.Timeout(total=limit)))

    def stream(self, path: str, resume_after: str | None, silence_s: float) -> Stream:
        """Open the event stream at ``path``; ``resume_after`` is the id of the last event seen.

        Raises TransportError; so does reading it once nothing arrives for ``silence_s``.
        """
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if resume_after is not None:
            headers["Last-Event-ID"] = resume_after
        timeout = urllib3.Timeout(connect=self.timeout_s, read=silence_s)
        return Stream(self._open("GET", path, headers, None, timeout), silence_s)

    def _open(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None, timeout: urllib3.Timeout
    ) -> urllib3.BaseHTTPResponse:
        try:
            return self._pool.request(
                method,
                self._base_url + path,
                body=body,
                headers={**self._headers, **headers},
                timeout=timeout,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        except _TROUBLES as problem:
            raise _trouble(problem) from problem

    def _read(self, answer: urllib3.BaseHTTPResponse) -> Response:
        try:
            body = self._read_body(answer)
        except _TROUBLES as problem:
            answer.close()
            raise _trouble(problem) from problem
        except TransportError:
            answer.close()
            raise
        answer.release_conn()
        return Response(answer.status, {name.lower(): text for name, text in answer.headers.items()}, body)

    def _read_body(self, answer: urllib3.BaseHTTPResponse) -> bytes:
        due = due_of(answer)
        body = bytearray()
        while chunk := answer.read1(_CHUNK, decode_content=False):
            body += chunk
            if len(body) > self._max_bytes:
                raise TransportError("The answer is too big.")
            due.left_s()  # Buffered pieces are read without waiting.
        return bytes(body)
