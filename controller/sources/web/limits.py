"""How often, and by how many at once, one source may be asked."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus

from controller.http import Answer, OutboundError

LONGEST_PAUSE_S = 300.0
_SECONDS = re.compile(r"[0-9]{1,6}")


class Busy(OutboundError):
    """The source is not asked now, so that it is not asked too often."""


Take = Callable[[], float]
"""Takes one request out of the budget, or tells in how many seconds there is one again; above 0 means there is none."""


@dataclass(slots=True)
class Gate:
    """The gate of one source in this process: so many at once, none while the source asked to be left alone."""

    at_once: int
    take: Take = lambda: 0.0
    clock: Callable[[], float] = time.monotonic
    quiet_until: float = 0.0
    _slots: threading.BoundedSemaphore = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Open it."""
        self._slots = threading.BoundedSemaphore(self.at_once)

    @contextlib.contextmanager
    def passed(self, left_s: float) -> Iterator[None]:
        """Make one request within the block.

        Raises:
            Busy: Not now.
        """
        if (quiet_s := self.quiet_until - self.clock()) > 0:
            raise Busy(f"the source asked to be left alone for {quiet_s:.0f} s more")
        if not self._slots.acquire(timeout=max(0.0, left_s)):
            raise Busy(f"{self.at_once} requests to the source run already, and none ended in time")
        try:
            if (wait_s := self.take()) > 0:
                raise Busy(
                    f"the requests allowed a minute are used up; the next is allowed in {wait_s:.0f} s"
                )
            yield
        finally:
            self._slots.release()

    def note(self, answer: Answer) -> None:
        """Take note of what the source says of its limits."""
        wait_s = _asked_to_wait(answer)
        if wait_s:
            self.quiet_until = self.clock() + min(wait_s, LONGEST_PAUSE_S)


def _asked_to_wait(answer: Answer) -> float:
    is_busy = answer.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
    if is_busy and answer.wait_s:
        return answer.wait_s
    if answer.headers.get("x-ratelimit-remaining") == "0":
        reset = answer.headers.get("x-ratelimit-reset", "")
        return float(reset) if _SECONDS.fullmatch(reset) else 0.0
    return 0.0
