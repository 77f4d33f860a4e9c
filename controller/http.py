"""Everything the controller sends to the outside goes through here.

One call is one request on one new connection: no redirect is followed, no proxy, cookie or password file of
the machine is used, and it ends in time whatever the other side does. Where it may go is decided on the
address that the name was resolved to, at the moment of connecting, so that neither a name nor a second
look-up can lead elsewhere.
"""

from __future__ import annotations

import contextlib
import math
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from controller.egress import ANYWHERE, NEVER_CALLED, PrivateHosts, is_address, name_is_refused
from controller.route import (
    OutboundError,
    Refused,
    Resolve,
    Route,
    TimedOut,
    TLSSocket,
    TooLarge,
    Unreachable,
    resolve,
)

__all__ = ["Answer", "Outbound", "OutboundError", "Refused", "TimedOut", "TooLarge", "Unreachable"]

DEFAULT_MAX_BYTES = 1 << 20
_CHUNK = 1 << 14
_URL = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[!-~]?|[!-~][ -~]*[!-~]")
_REDIRECTS = range(300, 400)
_LONGEST_WAIT_S = 366 * 86_400
_LONGEST_DATE = 64  # characters
_PORTS = {"http": 80, "https": 443}
_DEFAULT_HEADERS = {"User-Agent": "headgate", "Accept": "application/json", "Accept-Encoding": "gzip"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, with any status but a redirect, and when. The names of ``headers`` are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    at: datetime

    @property
    def wait_s(self) -> int | None:
        """For how many seconds the other side asks to be left alone (``Retry-After``, RFC 9110, 10.2.3).

        None where it does not say, or says something else than a number or a date. What is over already is 0, and
        what is longer than a year counts as one; how long a caller obeys is its own decision.
        """
        said = self.headers.get("retry-after", "").strip()
        if said.isascii() and said.isdecimal():
            digits = said.lstrip("0") or "0"
            return min(int(digits[:9]), _LONGEST_WAIT_S)
        until = _http_date(said)
        if until is None:
            return None
        # By the clock of who said it, so that neither side's has to be right.
        since = _http_date(self.headers.get("date", "").strip()) or self.at
        return min(max(0, math.ceil((until - since).total_seconds())), _LONGEST_WAIT_S)

    @property
    def wait_told(self) -> str:
        """The same for the end of a message: in brackets, after a space; nothing where there is nothing to tell."""
        return f" (asks to wait {self.wait_s} s)" if self.wait_s else ""


class Outbound:
    """The way out.

    ``private`` are the loopback and private addresses that may be called, where operators have their metric
    servers; link-local, metadata, multicast and unspecified addresses are refused in any case. ``ca_file`` replaces
    the public certificate authorities. ``connect_s`` limits the wait for one address of a host.
    """

    def __init__(
        self,
        *,
        private: PrivateHosts = ANYWHERE,
        ca_file: str | None = None,
        connect_s: float = 5.0,
        resolve: Resolve = resolve,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Nothing is opened yet; ``resolve``, ``clock`` and ``now`` are the machine's own unless given."""
        self._private = private
        self._ca_file = ca_file
        self._connect_s = connect_s
        self._resolve = resolve
        self._clock = clock
        self._now = now

    def check(self, url: str) -> None:
        """Find out without calling whether a URL could be called; its name is not resolved.

        Raises:
            Refused: It is not http(s), holds a user name or password, or names an address never called.
        """
        self._route(url, until=0.0)

    def addresses(self, host: str, port: int, deadline_s: float) -> list[str]:
        """The addresses of a host that may be called, for what speaks another protocol than HTTP.

        Raises:
            Refused: There are only others.
            TimedOut: Its name was not looked up in time.
            Unreachable: Its name is not known.
        """
        route = self._to("tcp", host, port, until=self._clock() + deadline_s)
        return route.allowed()

    def check_leads(self, url: str, deadline_s: float = 2.0) -> None:
        """`check`, and look the name up: where it leads now has to be allowed too. An unknown name may become one.

        Raises:
            Refused: It could not be called.
        """
        scheme, host, port = _taken_apart(url)
        self.check_host(host, port, deadline_s, scheme)

    def check_host(self, host: str, port: int, deadline_s: float = 2.0, scheme: str = "tcp") -> None:
        """The same for a host and a port.

        Raises:
            Refused: It could not be called.
        """
        route = self._to(scheme, host, port, until=self._clock() + deadline_s)
        with contextlib.suppress(TimedOut, Unreachable):
            route.allowed()

    def send(
        self,
        method: str,
        url: str,
        *,
        deadline_s: float,
        data: Mapping[str, str] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = DEFAULT_MAX_BYTES,
        ca: str = "",
    ) -> Answer:
        """Make one request; a mapping as ``data`` is sent as a form.

        ``ca`` are certificates in PEM of the authorities to trust instead of the public ones. It ends within
        ``deadline_s`` seconds, name look-up and body included, and keeps no more than ``max_bytes`` bytes of body,
        counted after decompression.

        Raises:
            Refused: The URL, the address or a header is not allowed, or the answer is a redirect.
            TimedOut: The answer was not complete in time.
            TooLarge: The body is longer than ``max_bytes``.
            Unreachable: Connecting failed, or the connection broke.
        """
        route = self._route(url, until=self._clock() + deadline_s)
        request = _prepared(method, url, data, headers or {})
        with _Adapter(route, ca) as adapter:
            status, headers, body = _exchange(
                adapter, request, route, verify=self._ca_file or True, max_bytes=max_bytes
            )
        return Answer(status, body, headers, self._now())

    def route(self, scheme: str, host: str, port: int, deadline_s: float) -> Route:
        """The way to a host for what speaks another protocol than HTTP; nothing is connected yet.

        Raises:
            Refused: The host is one that is never called.
        """
        return self._to(scheme, host, port, until=self._clock() + deadline_s)

    def trust(self) -> ssl.SSLContext:
        """Whose certificates are accepted there: of the public authorities, and of those that the machine knows."""
        context = ssl.create_default_context(cafile=self._ca_file)
        if self._ca_file is None:
            context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
        return context

    @staticmethod
    def can_trust(ca: str) -> bool:
        """Whether a text is certificates in PEM, one at least."""
        context = create_urllib3_context()
        try:
            context.load_verify_locations(cadata=ca)
        except (ssl.SSLError, ValueError):
            return False
        return bool(context.cert_store_stats()["x509"])

    def _route(self, url: str, until: float) -> Route:
        scheme, host, port = _taken_apart(url)
        return self._to(scheme, host, port, until)

    def _to(self, scheme: str, host: str, port: int, until: float) -> Route:
        route = Route(
            scheme=scheme,
            host=host,
            port=port,
            until=until,
            clock=self._clock,
            connect_s=self._connect_s,
            resolve=self._resolve,
            why_refused=lambda address: self._private.why_refused(host, port, address),
        )
        why = NEVER_CALLED if name_is_refused(host) else ""
        if is_address(host):
            why = route.why_refused(host)
        if why:
            raise Refused(f"{route.place} is {why}")
        return route


def header_is_sendable(name: str, value: str) -> bool:
    """Whether a header is one header and no more: a token, and printable ASCII without space around it."""
    return bool(_HEADER_NAME.fullmatch(name)) and bool(_HEADER_VALUE.fullmatch(value))


def _http_date(text: str) -> datetime | None:
    """The moment that a date of HTTP names, in any of its three formats; all of them are in GMT, said or not."""
    if len(text) > _LONGEST_DATE:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _taken_apart(url: str) -> tuple[str, str, int]:
    """The scheme, host and port of a URL that may be called."""
    if not _URL.fullmatch(url):
        raise Refused("the URL has a character that URLs do not have, or none")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused("the URL cannot be read") from None
    if parts.scheme not in _PORTS:
        raise Refused("the URL is neither http nor https")
    if "@" in parts.netloc:
        raise Refused("the URL holds a user name or a password")
    if not parts.hostname or port == 0:
        raise Refused("the URL names no host, or port 0")
    return parts.scheme, parts.hostname, port or _PORTS[parts.scheme]


def _prepared(
    method: str, url: str, data: Mapping[str, str] | bytes | None, headers: Mapping[str, str]
) -> requests.PreparedRequest:
    if not all(header_is_sendable(name, value) for name, value in headers.items()):
        raise Refused("the request has a header that cannot be sent")
    try:
        # Prepared without a session, because a session adds what it finds on the machine, such as a .netrc.
        return requests.Request(method, url, headers={**_DEFAULT_HEADERS, **headers}, data=data).prepare()
    except (requests.RequestException, ValueError):
        raise Refused("the request has a URL or a form that cannot be sent") from None


def _exchange(
    adapter: _Adapter, request: requests.PreparedRequest, route: Route, *, verify: str | bool, max_bytes: int
) -> tuple[int, dict[str, str], bytes]:
    try:
        # Not through a session: even when it follows no redirect, it reads the whole body of one.
        with adapter.send(request, stream=True, timeout=route.left(), verify=verify) as response:
            return _received(response, route, max_bytes)
    except OutboundError:
        raise
    except (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError):
        raise route.timed_out() from None
    except requests.exceptions.SSLError:
        raise Unreachable(f"{route.place} has no certificate that is accepted here, or no TLS") from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError):
        raise Unreachable(f"{route.place} did not give a whole HTTP answer") from None


def _received(response: requests.Response, route: Route, max_bytes: int) -> tuple[int, dict[str, str], bytes]:
    status = response.status_code
    if status in _REDIRECTS:
        raise Refused(f"{route.place} answered with a redirect ({status}), which is not followed")
    headers = {name.lower(): value for name, value in response.headers.items()}
    too_large = TooLarge(f"{route.place} answered with more than {max_bytes} bytes")
    announced = headers.get("content-length", "")
    if re.fullmatch(r"[0-9]{1,18}", announced) and int(announced) > max_bytes:
        raise too_large
    body = bytearray()
    for chunk in response.raw.stream(_CHUNK, decode_content=True):
        body += chunk
        if len(body) > max_bytes:
            raise too_large
        route.left()
    return status, headers, bytes(body)


class _Connection(HTTPConnection):
    def __init__(self, *args: Any, route: Route, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._route = route

    def _new_conn(self) -> socket.socket:
        return self._route.connect()


class _TLSConnection(HTTPSConnection):
    def __init__(self, *args: Any, route: Route, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._route = route

    def _new_conn(self) -> socket.socket:
        return self._route.connect()

    def connect(self) -> None:
        super().connect()
        if isinstance(self.sock, TLSSocket):
            self.sock.route = self._route


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class _Adapter(HTTPAdapter):
    """The transport of one call."""

    def __init__(self, route: Route, ca: str) -> None:
        self._route = route
        self._ca = ca
        super().__init__(pool_connections=1, pool_maxsize=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        context = create_urllib3_context()
        context.sslsocket_class = TLSSocket
        if self._ca:
            context.load_verify_locations(cadata=self._ca)
        super().init_poolmanager(*args, ssl_context=context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.conn_kw["route"] = self._route
        return pool

    def cert_verify(self, conn: Any, *args: Any, **kwargs: Any) -> None:
        super().cert_verify(conn, *args, **kwargs)  # type: ignore[no-untyped-call]
        if self._ca:
            conn.ca_certs = None  # The context has them, and no others.
