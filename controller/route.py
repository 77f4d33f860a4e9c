"""The way of one outbound call: where it may connect to, and how much time it has left."""

from __future__ import annotations

import contextlib
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Resolve = Callable[[str, int], Sequence[str]]
"""From a host name and a port to IP addresses; raises OSError when there are none."""


class OutboundError(Exception):
    """A call brought no answer. The message is safe to show: it holds no path, query, header or body."""


class Refused(OutboundError):
    """The call is not allowed, or the other side wanted to send us elsewhere."""


class TimedOut(OutboundError):
    """No whole answer came before the deadline."""


class TooLarge(OutboundError):
    """The answer is larger than the caller wants."""


class Unreachable(OutboundError):
    """Nobody answered, or the connection broke before the whole answer was there."""


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host as the machine knows them.

    Raises:
        OSError: There are none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where one call goes and until when, by ``clock``, it has to be over."""

    scheme: str
    host: str
    port: int
    until: float
    clock: Callable[[], float]
    connect_s: float
    resolve: Resolve
    why_refused: Callable[[str], str]
    """Why an address may not be connected to; nothing if it may."""

    @property
    def place(self) -> str:
        """The other side as it may be shown, without what was asked of it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def left(self) -> float:
        """The seconds left.

        Raises:
            TimedOut: There are none.
        """
        left = self.until - self.clock()
        if left <= 0:
            raise self.timed_out()
        return left

    def timed_out(self) -> TimedOut:
        """The error to raise when the time is up."""
        return TimedOut(f"{self.place} did not give its whole answer in time")

    def connect(self) -> Socket:
        """Connect to the first address of the host that may be called and answers.

        Raises:
            OutboundError: There is none.
        """
        reason = ""
        for address in self.allowed():
            outcome = self._dial(address)
            if isinstance(outcome, Socket):
                return outcome
            reason = _reason(outcome)
        raise Unreachable(f"{self.place} cannot be connected to: {reason}")

    def allowed(self) -> list[str]:
        """The addresses of the host that may be connected to, which are one at least.

        Raises:
            OutboundError: There is none.
        """
        reasons = {address: self.why_refused(address) for address in self._addresses()}
        allowed = [address for address, why in reasons.items() if not why]
        if not allowed:
            raise Refused(f"{self.place} leads to {next(iter(reasons.values()))}")
        return allowed

    def _addresses(self) -> Sequence[str]:
        """Look the name up, in a thread of its own because a look-up knows no timeout."""
        found: queue.SimpleQueue[Sequence[str]] = queue.SimpleQueue()
        threading.Thread(target=self._look_up, args=(found,), name="look-up", daemon=True).start()
        try:
            addresses = found.get(timeout=self.left())
        except queue.Empty:
            raise self.timed_out() from None
        if not addresses:
            raise Unreachable(f"the name of {self.place} is not known")
        return addresses

    def _look_up(self, found: queue.SimpleQueue[Sequence[str]]) -> None:
        try:
            found.put(self.resolve(self.host, self.port))
        except (OSError, UnicodeError):
            found.put(())

    def _dial(self, address: str) -> Socket | OSError:
        try:
            return self._opened(address)
        except OSError as error:
            return error

    def _opened(self, address: str) -> Socket:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with contextlib.ExitStack() as closed_on_failure:
            connection = closed_on_failure.enter_context(Socket(family, socket.SOCK_STREAM))
            connection.settimeout(min(self.connect_s, self.left()))
            connection.connect((address, self.port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.route = self
            connection.settimeout(self.left())
            closed_on_failure.pop_all()
            return connection


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer"
    return "connection refused" if isinstance(error, ConnectionRefusedError) else "no way to it"


class Socket(socket.socket):
    """A connection on which every single read and write has only the time that is left of the whole call."""

    route: Route | None = None

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """Receive, in the time that is left."""
        _limit(self, self.route)
        return super().recv_into(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        """Send everything, in the time that is left."""
        _limit(self, self.route)
        super().sendall(*args, **kwargs)


class TLSSocket(ssl.SSLSocket):
    """The same with TLS."""

    route: Route | None = None

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """Receive, in the time that is left."""
        _limit(self, self.route)
        return super().recv_into(*args, **kwargs)

    def send(self, *args: Any, **kwargs: Any) -> int:
        """Send a part, in the time that is left."""
        _limit(self, self.route)
        return super().send(*args, **kwargs)


def _limit(connection: socket.socket, route: Route | None) -> None:
    if route is not None:
        connection.settimeout(route.left())
