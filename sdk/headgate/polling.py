"""Keeping the flags current: one daemon thread that asks Headgate again and again."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, Literal

from headgate.evaluator import Document, DocumentError
from headgate.transport import Response, Transport, TransportError, parse_json
from headgate.view import View

log = logging.getLogger("headgate")

Status = Literal["starting", "ready", "lost", "closed"]
"""No flags yet; flags that are current; out of reach for longer than the flags are valid; closed."""

Listener = Callable[["int | None"], object]

FLAGS_PATH: Final = "/sdk/v1/flags"
MAX_BACKOFF_S: Final = 60.0
REFUSED_S: Final = 30.0
MAX_REFUSED_S: Final = 300.0
MAX_RETRY_AFTER_S: Final = 3600.0
_MIN_TIMEOUT_S: Final = 0.25

# Of our own, so that a product that seeds the shared generator does not make its clients march in step.
_draw = random.SystemRandom().random


class Backoff:
    """How long to wait until the next attempt, in seconds."""

    def __init__(self, interval_s: float, draw: Callable[[], float] = _draw) -> None:
        """``interval_s`` is the pace when all is well; ``draw`` returns numbers from 0 up to 1."""
        self._interval_s = interval_s
        self._draw = draw
        self._failures = 0

    def after_success(self) -> float:
        """Return the interval, up to a tenth shorter or longer so that clients do not march in step."""
        self._failures = 0
        return self._interval_s * (0.9 + 0.2 * self._draw())

    def after_failure(self, *, refused: bool = False, retry_after_s: float | None = None) -> float:
        """Return a wait that doubles with every failure, less up to half of it.

        ``refused``: the key is not accepted, which only people can change, so the pace is slower.
        ``retry_after_s`` is what the server asks for; it is never undercut.
        """
        self._failures = min(self._failures + 1, 30)
        start, most = (REFUSED_S, MAX_REFUSED_S) if refused else (self._interval_s, MAX_BACKOFF_S)
        start, most = max(start, self._interval_s), max(most, self._interval_s)
        wait: float = min(start * 2.0 ** (self._failures - 1), most) * (1 - 0.5 * self._draw())
        return max(wait, min(retry_after_s or 0.0, MAX_RETRY_AFTER_S))


class BadAnswerError(Exception):
    """The server answered something that is of no use; the message says what."""

    def __init__(self, message: str, *, refused: bool = False, retry_after_s: float | None = None) -> None:
        """See ``Backoff.after_failure``."""
        super().__init__(message)
        self.refused = refused
        self.retry_after_s = retry_after_s


def _call(listener: Listener, revision: int | None) -> None:
    try:
        listener(revision)
    except Exception:  # A product's mistake must not stop the flags.
        log.exception("A listener failed.")


class Poller:
    """Holds the current view and replaces it whole."""

    def __init__(
        self,
        transport: Transport,
        *,
        interval_s: float,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
        draw: Callable[[], float] = _draw,
    ) -> None:
        """``interval_s``: time between two questions. The clocks and ``draw`` are there for tests."""
        self.view: View | None = None
        self.ready = threading.Event()
        self._transport = transport
        self._backoff = Backoff(interval_s, draw)
        self._monotonic = monotonic
        self._clock = clock
        self._etag: str | None = None
        self._contact = 0.0
        self._trouble: str | None = None
        self._listeners: list[Listener] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="headgate-poller", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Stop asking and wait at most ``timeout_s`` for the thread. From now on the view is lost."""
        self._stopped.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout_s)
        self.view = self.view.lost() if self.view else None

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` with the revision after each new one, in the poller's thread."""
        self._listeners.append(listener)

    @property
    def status(self) -> Status:
        """Where we stand."""
        view = self.view
        if self._stopped.is_set():
            return "closed"
        if view is None:
            return "starting"
        return "lost" if view.is_lost else "ready"

    def _run(self) -> None:
        while not self._stopped.is_set():
            wait_until = self._monotonic() + self.turn()
            while (left := wait_until - self._monotonic()) > 0:
                if self._stopped.wait(min(left, self._lease_left_s() or left)):
                    return
                self.check_lease()

    def turn(self) -> float:
        """Ask once, check the lease, and return how many seconds to wait."""
        try:
            self._ask()
            self._recovered()
            return self._backoff.after_success()
        except TransportError as problem:
            self._complain(f"no answer ({problem})")
            return self._backoff.after_failure()
        except BadAnswerError as problem:
            self._complain(str(problem))
            wait_s = problem.retry_after_s
            return self._backoff.after_failure(refused=problem.refused, retry_after_s=wait_s)
        except Exception:  # The thread must outlive anything, or the flags would silently stand still.
            log.exception("Asking for flags failed unexpectedly.")
            return self._backoff.after_failure()
        finally:
            self.check_lease()

    def check_lease(self) -> None:
        """Switch to the lost view when the last contact is too long ago."""
        if self.view is not None and self._lease_left_s() == 0:
            self.view = self.view.lost()
            log.warning("Headgate is out of reach: every flag now obeys its when_lost.")

    def _lease_left_s(self) -> float | None:
        """Return how long the flags are still valid; None when that does not matter."""
        view = self.view
        if view is None or view.is_lost or view.valid_for_s is None:
            return None
        return max(0.0, self._contact + view.valid_for_s - self._monotonic())

    def _ask(self) -> None:
        # A slow answer must not keep the flags alive beyond their lease.
        left = self._lease_left_s()
        timeout_s = None if left is None else max(left, _MIN_TIMEOUT_S)
        asked = self._monotonic()
        answer = self._transport.get(FLAGS_PATH, self._etag, timeout_s)
        if answer.status == HTTPStatus.OK:
            self._apply(answer, asked)
        elif answer.status == HTTPStatus.NOT_MODIFIED and self.view is not None and self._etag is not None:
            self._renew(asked)
        else:
            refused = answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
            wait_s = answer.retry_after_s
            raise BadAnswerError(f"status {answer.status}", refused=refused, retry_after_s=wait_s)

    def _renew(self, asked: float) -> None:
        self._contact = asked
        if self.view is not None and self.view.is_lost:
            self._show(self.view.found())

    def _apply(self, answer: Response, asked: float) -> None:
        view = View(self._parse(answer.body))
        before = self.view
        self._contact = asked
        self._etag = answer.headers.get("etag")
        self._show(view)
        self.ready.set()
        if before is None or before.revision != view.revision or view.revision is None:
            self._tell(view.revision)

    def _show(self, view: View) -> None:
        # After close() nobody keeps the flags current any more, so a late answer is of no use.
        if not self._stopped.is_set():
            self.view = view

    def _parse(self, body: bytes) -> Document:
        try:
            return Document.parse(parse_json(body), clock=self._clock)
        except (DocumentError, ValueError) as problem:
            raise BadAnswerError(f"no flag document ({type(problem).__name__}: {problem})") from problem

    def _tell(self, revision: int | None) -> None:
        for listener in tuple(self._listeners):
            _call(listener, revision)

    def _complain(self, trouble: str) -> None:
        # Said once for each kind of trouble, not once for each attempt.
        if trouble != self._trouble:
            log.warning("Headgate gave no flags: %s. The current ones stay in use.", trouble[:200])
        self._trouble = trouble

    def _recovered(self) -> None:
        if self._trouble is not None:
            log.info("Headgate gives flags again.")
        self._trouble = None
