"""A modest brake on guessing passwords."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime, timedelta


class Throttle:
    """Counts attempts per name in memory, for one process; the oldest names are forgotten when there are too many.

    ``limit`` attempts within ``window`` of the first are allowed; an attempt that succeeds is forgotten.
    """

    def __init__(
        self, limit: int = 10, window: timedelta = timedelta(minutes=5), most_names: int = 10_000
    ) -> None:
        self.window = window
        self._limit = limit
        self._most_names = most_names
        self._counts: OrderedDict[Hashable, tuple[datetime, int]] = OrderedDict()
        self._lock = threading.Lock()

    def admits(self, name: Hashable, now: datetime) -> bool:
        """Count an attempt before it is made, so that many at once cannot slip through; False if it is one too many."""
        with self._lock:
            began, count = self._counts.get(name, (now, 0))
            if now - began >= self.window:
                began, count = now, 0
            self._counts[name] = (began, min(count + 1, self._limit + 1))
            while len(self._counts) > self._most_names:
                self._counts.popitem(last=False)
            return count < self._limit

    def forget(self, name: Hashable) -> None:
        """The name turned out to be who it says."""
        with self._lock:
            self._counts.pop(name, None)
