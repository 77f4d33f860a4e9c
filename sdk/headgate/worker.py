"""A daemon thread that does one thing again and again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from headgate.backoff import draw

log = logging.getLogger("headgate")

_AFTER_A_CRASH_S: Final = 5.0
_LONGEST_S: Final = 366 * 86_400.0
"""Locks cannot wait for ever when they are given a time."""


class Worker:
    """Calls ``step`` again and again, each time after the seconds the last call returned.

    ``wake`` shortens the wait, ``stop`` ends it for good. What ``step`` raises is logged and survived: a dead
    thread would let the flags stand still in silence.
    """

    def __init__(self, name: str, step: Callable[[], float]) -> None:
        """Nothing runs until ``start``."""
        self._name = name
        self._step = step
        self._running: threading.Thread | None = None
        self.stopped = False
        self.renew()

    def renew(self) -> None:
        """Forget the thread: after a fork it runs in the parent only, and its lock may be held for ever."""
        self._changed = threading.Condition()
        self._woken = False
        self._running = None

    def start(self) -> None:
        """Start the thread, unless it runs or was stopped. Raises RuntimeError when there can be no more threads."""
        with self._changed:
            if self._running is None and not self.stopped:
                thread = threading.Thread(target=self._run, name=f"headgate-{self._name}", daemon=True)
                thread.start()
                self._running = thread

    def wake(self) -> None:
        """Let the next step come now."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def ask_to_stop(self) -> None:
        """Begin no further step."""
        with self._changed:
            self.stopped = True
            self._changed.notify_all()

    def join(self, timeout_s: float) -> None:
        """Wait at most ``timeout_s`` for the thread to end."""
        thread = self._running
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)

    def _run(self) -> None:
        wait_s = 0.0
        while self._pause(wait_s):
            wait_s = self._survive()

    def _survive(self) -> float:
        try:
            return self._step()
        except BaseException:  # Not every cancellation is an Exception. The next step may do better.
            log.exception("The thread %s failed unexpectedly; it goes on.", self._name)
            # Spread, because what made it fail may have come to many at once.
            return _AFTER_A_CRASH_S * (0.5 + draw())

    def _pause(self, wait_s: float) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._woken or self.stopped, min(wait_s, _LONGEST_S))
            self._woken = False
            return not self.stopped
