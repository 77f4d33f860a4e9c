"""Asking for the flags again and again: how a client begins, and what it falls back on without a stream."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from headgate.backoff import Backoff, draw
from headgate.current import BadAnswerError, Current
from headgate.transport import Transport, TransportError
from headgate.worker import Worker

log = logging.getLogger("headgate")

FLAGS_PATH: Final = "/sdk/v1/flags"
_MIN_TIMEOUT_S: Final = 0.25
_STREAM_FIRST_S: Final = 1.0
_IDLE_S: Final = 60.0
_DOUBTED_AFTER: Final = 2 / 3
"""A stream that is silent for so much of the lease is asked after: it may be dead, and nobody has said so."""

REFUSALS: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
"""What only people can change: the key, or the address."""


class Poller:
    """Asks for the flags when no stream brings them, or when one that is silent leaves the lease to end."""

    def __init__(
        self,
        transport: Transport,
        current: Current,
        *,
        interval_s: float,
        is_streaming: Callable[[], bool | None] = lambda: False,
        monotonic: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = draw,
    ) -> None:
        """``interval_s``: time between two questions.

        ``is_streaming`` says whether a stream brings the flags; None: that is not known yet. ``monotonic`` and
        ``draw`` are there for tests.
        """
        self._transport = transport
        self._current = current
        self._interval_s = interval_s
        self._backoff = Backoff(interval_s, draw)
        self._is_streaming = is_streaming
        self._monotonic = monotonic
        self._draw = draw
        self._trouble: str | None = None
        self._was_streaming = False
        self._left_alone_until = float("-inf")
        self._next: float = monotonic()
        self._stream_first_until = self._next + _STREAM_FIRST_S
        self.worker = Worker("poller", self.step)

    def renew(self) -> None:
        """After a fork: begin as a new client does, with what is known."""
        self._transport.renew()
        self.worker.renew()
        self._was_streaming = False
        self._next = max(self._monotonic(), self._left_alone_until)
        self._stream_first_until = self._next + _STREAM_FIRST_S

    def step(self) -> float:
        """Ask if it is time to, and return how many seconds to wait."""
        wait_s = self._wait_s()
        if wait_s <= 0:
            self._next = self._monotonic() + self.turn()
            wait_s = self._next - self._monotonic()
        return wait_s

    def _wait_s(self) -> float:
        """Return how long there is nothing to ask: for long with a stream, a part of the interval after one."""
        streaming, now = self._is_streaming(), self._monotonic()
        if streaming:
            self._was_streaming = True
            return max(self._next - now, self._until_doubt_s())
        if streaming is None and now < self._stream_first_until:
            return self._stream_first_until - now
        if self._was_streaming:
            # Many clients lose their stream at once. Most have a new one before this time is over.
            self._was_streaming = False
            self._recovered()
            self._next = max(now + self._interval_s * self._draw(), self._left_alone_until)
        return self._next - now

    def _until_doubt_s(self) -> float:
        left, whole = self._current.lease_left_s(), self._current.lease_s()
        if whole is None:
            return _IDLE_S
        return min(_IDLE_S, (left or 0.0) - whole * (1 - _DOUBTED_AFTER))

    def turn(self) -> float:
        """Ask once, check the lease, and return how many seconds to wait until asking again."""
        try:
            self._ask()
            self._recovered()
            return self._backoff.after_success()
        except TransportError as problem:
            self._complain(f"no answer ({problem})")
            return self._backoff.after_failure(refused=problem.lasting)
        except BadAnswerError as problem:
            self._complain(str(problem))
            asked_s = problem.retry_after_s
            wait_s = self._backoff.after_failure(refused=problem.refused, retry_after_s=asked_s)
            if asked_s:
                self._left_alone_until = self._monotonic() + wait_s
            return wait_s
        finally:
            self._current.check_lease()

    def _ask(self) -> None:
        # A slow answer must not keep the flags alive beyond their lease.
        left = self._current.lease_left_s()
        fetch(
            self._transport,
            self._current,
            self._monotonic,
            None if left is None else max(left, _MIN_TIMEOUT_S),
        )

    def _complain(self, trouble: str) -> None:
        # Said once for each kind of trouble, not once for each attempt.
        self._current.trouble()
        if trouble != self._trouble:
            log.warning("Headgate gave no flags: %s. The current ones stay in use.", trouble[:200])
        self._trouble = trouble

    def _recovered(self) -> None:
        if self._trouble is not None:
            log.info("Headgate gives flags again.")
        self._trouble = None


def fetch(
    transport: Transport, current: Current, monotonic: Callable[[], float], timeout_s: float | None = None
) -> None:
    """Bring the flags in use up to date. Raises TransportError and BadAnswerError.

    A server that lost its own database goes on answering and says how old its answer is; the lease counts that.
    """
    asked, etag = monotonic(), current.etag
    answer = transport.get(FLAGS_PATH, None if etag is None else f'"{etag}"', timeout_s)
    if answer.status == HTTPStatus.OK:
        current.replace(answer.body, bare(answer.headers.get("etag")), asked - answer.age_s)
    elif answer.status == HTTPStatus.NOT_MODIFIED and etag is not None:
        current.renew(asked - answer.age_s)
    else:
        raise refusal(answer.status, answer.retry_after_s)


def refusal(status: int, retry_after_s: float | None) -> BadAnswerError:
    """Return what to raise for a status that brings no flags."""
    return BadAnswerError(f"status {status}", refused=status in REFUSALS, retry_after_s=retry_after_s)


def bare(etag: str | None) -> str | None:
    """Return an ETag without its quotes, as the events of a stream are called."""
    return None if etag is None else etag.removeprefix("W/").strip('"') or None
