"""What the sources of one process remember from one reading to the next.

A source is made anew for every reading, from what is stored of it. What it learned, such as a token that is still good,
is kept here, under a key that names its settings, so that it is forgotten when they change.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

MOST = 2000
"""How many things are kept; the one that was not used for longest goes first."""

_T = TypeVar("_T")


class Memory:
    """Things by their keys, for all threads of the process."""

    def __init__(self, most: int = MOST) -> None:
        """``most`` is how many things are kept."""
        self._most = most
        self._kept: OrderedDict[Hashable, object] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """The thing under this key; the first who asks has it made."""
        with self._lock:
            if key not in self._kept:
                self._kept[key] = make()
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
            return cast("_T", self._kept[key])


def digest(text: str) -> str:
    """A short name for a text that may hold what should not be kept."""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:32]
