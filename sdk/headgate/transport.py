"""Talking to Headgate over HTTP: with deadlines, a byte cap and no redirects. The only user of urllib3."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3

MAX_BYTES: Final = 32 * 1024 * 1024
_CHUNK: Final = 64 * 1024
_LONGEST_RETRY_AFTER: Final = 8  # digits


class TransportError(Exception):
    """No usable answer: not reachable, too slow, cut off, or too big."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of the server, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def retry_after_s(self) -> float | None:
        """The number of seconds the server asks to wait, or None. Dates are not understood."""
        text = self.headers.get("retry-after", "").strip()
        is_number = text.isascii() and text.isdecimal() and len(text) <= _LONGEST_RETRY_AFTER
        return float(text) if is_number else None


class Transport:
    """One server and one key."""

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        timeout_s: float = 10.0,
        max_bytes: int = MAX_BYTES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``timeout_s`` bounds a whole exchange. Raises ValueError for an impossible URL or key."""
        if urlsplit(base_url).scheme not in ("http", "https") or not urlsplit(base_url).netloc:
            raise ValueError("base_url must look like https://headgate.example.org")
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError("key must be a Headgate server key; it is empty or has characters no key has")
        self.timeout_s = timeout_s
        self._base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}", "User-Agent": "headgate-python"}
        self._max_bytes = max_bytes
        self._monotonic = monotonic
        self._pool = urllib3.PoolManager(num_pools=1, maxsize=2, retries=False)

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
        deadline = self._monotonic() + limit
        try:
            answer = self._pool.request(
                method,
                self._base_url + path,
                body=body,
                headers={**self._headers, **headers},
                timeout=urllib3.Timeout(connect=limit, read=limit),
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as problem:
            raise TransportError(type(problem).__name__) from problem
        return self._read(answer, deadline)

    def _read(self, answer: urllib3.BaseHTTPResponse, deadline: float) -> Response:
        try:
            body = self._read_body(answer, deadline)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as problem:
            answer.close()
            raise TransportError(type(problem).__name__) from problem
        except TransportError:
            answer.close()
            raise
        answer.release_conn()
        return Response(answer.status, {name.lower(): text for name, text in answer.headers.items()}, body)

    def _read_body(self, answer: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
        body = bytearray()
        while chunk := answer.read1(_CHUNK, decode_content=False):
            body += chunk
            if len(body) > self._max_bytes:
                raise TransportError("The answer is too big.")
            if self._monotonic() > deadline:
                raise TransportError("The answer takes too long.")
        return bytes(body)


def parse_json(body: bytes) -> Any:
    """Return the JSON value in ``body``. Raises ValueError, also for NaN, infinities and endless nesting."""
    try:
        return json.loads(body, parse_constant=_refuse, parse_float=_finite)
    except RecursionError as problem:
        raise ValueError("The JSON is nested too deep.") from problem


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON.")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)
