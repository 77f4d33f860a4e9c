"""Threads that keep one who hangs from keeping others waiting."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable

log = logging.getLogger(__name__)


class Lanes:
    """Threads per source or destination: one that hangs fills its own lane and nobody else's."""

    def __init__(self, width: int, drain: Callable[[int], None]) -> None:
        """``drain`` works off what is due in one lane, and returns when nothing is left."""
        self._width = width
        self._drain = drain
        self._busy: Counter[int] = Counter()
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)

    def wake(self, id: int) -> None:
        """See to it that somebody works in a lane, unless it is full."""
        with self._lock:
            if self._busy[id] >= self._width:
                return
            self._busy[id] += 1
        threading.Thread(target=self._run, args=(id,), name=f"lane-{id}", daemon=True).start()

    def join(self, timeout_s: float) -> bool:
        """Wait until all lanes are empty; False if they are not in time."""
        with self._idle:
            return self._idle.wait_for(lambda: not any(self._busy.values()), timeout_s)

    def _run(self, id: int) -> None:
        try:
            self._drain(id)
        except Exception:
            log.exception("lane %s failed", id)
        finally:
            with self._idle:
                self._busy[id] -= 1
                self._idle.notify_all()
