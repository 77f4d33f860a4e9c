"""How long to wait until the next attempt, so that nobody is hammered and nothing is given up."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

MAX_BACKOFF_S: Final = 60.0
REFUSED_S: Final = 30.0
MAX_REFUSED_S: Final = 300.0
MAX_RETRY_AFTER_S: Final = 3600.0

# Of our own, so that a product that seeds the shared generator does not make its clients march in step.
draw: Final = random.SystemRandom().random
"""Returns a number from 0 up to 1."""


class Backoff:
    """How long to wait until the next attempt, in seconds."""

    def __init__(
        self,
        interval_s: float,
        draw: Callable[[], float] = draw,
        *,
        most_s: float = MAX_BACKOFF_S,
        spread: float = 0.5,
    ) -> None:
        """``interval_s`` is the pace when all is well, and the first wait when it is not.

        ``most_s`` is the longest wait. ``spread`` is how much of a wait chance may take off, so that clients
        that lost the same server do not come back in step.
        """
        self._interval_s = interval_s
        self._most_s = most_s
        self._spread = spread
        self._draw = draw
        self._failures = 0

    def after_success(self) -> float:
        """Return the interval, up to a tenth shorter or longer so that clients do not march in step."""
        self._failures = 0
        return self._interval_s * (0.9 + 0.2 * self._draw())

    @property
    def is_failing(self) -> bool:
        """Whether the last attempt failed."""
        return self._failures > 0

    def reset(self) -> None:
        """Begin with the first wait again."""
        self._failures = 0

    def after_failure(self, *, refused: bool = False, retry_after_s: float | None = None) -> float:
        """Return a wait that doubles with every failure.

        ``refused``: only people can change what is wrong (the key, the address, a certificate), so the pace is
        slower. ``retry_after_s`` is what the server asks for; it is never undercut, but as much again of the
        usual wait is added so that those who were told the same do not come back at once.
        """
        self._failures = min(self._failures + 1, 30)
        start, most = (REFUSED_S, MAX_REFUSED_S) if refused else (self._interval_s, self._most_s)
        start, most = max(start, self._interval_s), max(most, self._interval_s)
        usual: float = min(start * 2.0 ** (self._failures - 1), most) * (1 - self._spread * self._draw())
        asked = min(retry_after_s or 0.0, MAX_RETRY_AFTER_S)
        return max(usual, asked + self._interval_s * self._draw() if asked else 0.0)
