"""The way out for mail, beside `controller.http`: one letter in one session with one mail server.

It takes the same `Route` as every call to the outside: where it may connect to is decided on the address at the moment
of connecting, and everything together ends in time, whatever the other side does.
"""

from __future__ import annotations

import contextlib
import io
import re
import smtplib
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import BinaryIO, Final, cast
from urllib.parse import urlsplit

from controller.route import OutboundError, Route, TLSSocket, TooLarge, Unreachable

PORTS: Final[Mapping[str, int]] = {"smtps": 465, "smtp": 587, "smtp+plain": 25}
"""The ways to a mail server with their usual ports: TLS from the beginning, STARTTLS, and no TLS at all."""
PLAIN: Final = "smtp+plain"
"""Only to this machine itself, and without a login."""

_MOST_BYTES = 1 << 16
"""What a server may say in one session."""
_URL = re.compile(r"[a-z+]+://[A-Za-z0-9._:\[\]-]+")
_ENHANCED = re.compile(rb"[245]\.[0-9]{1,3}\.[0-9]{1,3}\b")


class Declined(OutboundError):
    """The mail server said no to something, for now or for good; the message has its codes, and none of its words."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who mails."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent, from whom and to whom: addresses of plain ASCII, and the bytes of a message."""

    sender: str
    recipients: Sequence[str]
    message: bytes


@dataclass(frozen=True, slots=True)
class Declines:
    """Who did not get a letter, each with the codes that the server gave: for good, or for now."""

    for_good: Mapping[str, str]
    for_now: Mapping[str, str]


def taken_apart(url: str) -> tuple[str, str, int]:
    """The scheme, host and port of a mail server's address.

    Raises:
        ValueError: It is none; says why.
    """
    if not _URL.fullmatch(url):
        raise ValueError("it is not written as smtps://host, smtp://host or smtp+plain://host")
    parts = urlsplit(url)
    if parts.scheme not in PORTS:
        raise ValueError(f"it begins with none of {', '.join(f'{scheme}://' for scheme in PORTS)}")
    if not parts.hostname or parts.port == 0:
        raise ValueError("it names no host, or port 0")
    return parts.scheme, parts.hostname, parts.port or PORTS[parts.scheme]


def deliver(route: Route, letter: Letter, login: Login | None, trust: ssl.SSLContext) -> Declines:
    """Hand a letter to a mail server; who of its recipients was declined. It is sent if one was not.

    The scheme of the route says how it is encrypted. Without TLS it goes to loopback addresses alone.

    Raises:
        Declined: The server took neither the sender nor the login nor the message.
        OutboundError: It could not be reached in time, or may not be.
    """
    trust.sslsocket_class = TLSSocket
    try:
        with contextlib.closing(_Session(_guarded(route), trust)) as session:
            session.begin(login)
            return session.carry(letter)
    except OutboundError:
        raise
    except smtplib.SMTPResponseException as no:
        raise Declined(f"{route.place} answered {_codes(no.smtp_code, no.smtp_error)}") from None
    except smtplib.SMTPNotSupportedError:
        missing = "STARTTLS, or no login that is known here"
        raise Unreachable(f"{route.place} offers no {missing}") from None
    except ssl.SSLError:
        raise Unreachable(f"{route.place} has no certificate that is accepted here, or no TLS") from None
    except TimeoutError:
        raise route.timed_out() from None
    except (smtplib.SMTPException, OSError, UnicodeError):
        route.left()
        raise Unreachable(f"{route.place} broke off, or does not speak SMTP") from None


def _guarded(route: Route) -> Route:
    """The route, which without TLS leads to this machine alone."""
    if route.scheme != PLAIN:
        return route

    def why_refused(address: str) -> str:
        if not ip_address(address.partition("%")[0]).is_loopback:
            return "another machine, to which nothing is mailed without TLS; use smtp:// or smtps://"
        return route.why_refused(address)

    return replace(route, why_refused=why_refused)


class _Session(smtplib.SMTP):
    """A conversation on a connection of ours; the library's own would look names up and wait as it likes."""

    def __init__(self, route: Route, trust: ssl.SSLContext) -> None:
        self._route = route
        self._trust = trust
        self._heard = _Heard(route)
        self._own_address = ""
        try:
            super().__init__(route.host, route.port, local_hostname="[127.0.0.1]")
        except BaseException:
            self.close()
            raise

    def begin(self, login: Login | None) -> None:
        """Greet, encrypt what is to be encrypted, and say who mails."""
        self.local_hostname = self._own_address
        self.ehlo_or_helo_if_needed()
        if self._route.scheme == "smtp":
            self.starttls(context=self._trust)
            cast("TLSSocket", self.sock).route = self._route
            self.ehlo_or_helo_if_needed()
        if login is not None:
            self.login(login.user, login.password)

    def carry(self, letter: Letter) -> Declines:
        """Send a letter to whom the server takes it for."""
        _accepted(self.mail(letter.sender))
        said = {each: self.rcpt(each) for each in letter.recipients}
        declined = {each: answer for each, answer in said.items() if not _is_yes(answer[0])}
        if len(declined) < len(said):
            _accepted(self.data(letter.message))
        with contextlib.suppress(OutboundError, smtplib.SMTPException, OSError):
            self.quit()
        return _sorted(declined)

    def getreply(self) -> tuple[int, bytes]:
        """Read an answer, and no more than so many bytes of all answers."""
        if self.file is None and self.sock is not None:
            self.file = self._heard.on(self.sock)
        return super().getreply()

    def _get_socket(self, _host: str, _port: int, _timeout: float) -> socket.socket:
        connection = self._route.connect()
        self._own_address = _literal(connection.getsockname()[0])
        if self._route.scheme != "smtps":
            return connection
        wrapped = cast("TLSSocket", self._trust.wrap_socket(connection, server_hostname=self._route.host))
        wrapped.route = self._route
        return wrapped


class _Heard:
    """What a server said on its connections, line by line, with an end to it."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._left = _MOST_BYTES
        self._file: BinaryIO = io.BytesIO()

    def on(self, connection: socket.socket) -> _Heard:
        """Go on with another connection."""
        self._file = connection.makefile("rb")
        return self

    def readline(self, size: int) -> bytes:
        """The next line."""
        line = self._file.readline(size)
        self._left -= len(line)
        if self._left < 0:
            raise TooLarge(f"{self._route.place} answered with more than {_MOST_BYTES} bytes")
        return line

    def close(self) -> None:
        """Let the connection go."""
        self._file.close()


def _sorted(declined: Mapping[str, tuple[int, bytes]]) -> Declines:
    for_good = {each: _codes(*answer) for each, answer in declined.items() if _is_final(answer[0])}
    for_now = {each: _codes(*answer) for each, answer in declined.items() if not _is_final(answer[0])}
    return Declines(for_good, for_now)


def _accepted(answer: tuple[int, bytes]) -> None:
    if not _is_yes(answer[0]):
        raise smtplib.SMTPResponseException(*answer)


def _is_yes(code: int) -> bool:
    return 200 <= code < 300  # noqa: PLR2004 - RFC 5321, 4.2.1


def _is_final(code: int) -> bool:
    return code >= 500  # noqa: PLR2004 - RFC 5321, 4.2.1


def _codes(code: int, said: bytes | str) -> str:
    """The code of an answer, and the finer one of RFC 3463. The words beside them are the server's, and stay out."""
    finer = _ENHANCED.match(said if isinstance(said, bytes) else said.encode())
    return f"{code} {finer[0].decode()}" if finer else f"{code}"


def _literal(address: str) -> str:
    """How we greet: by our address, because our name is for others to know (RFC 5321, 4.1.3)."""
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
