"""Telling Headgate which flags this instance runs, and how often each was asked for."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from http import HTTPStatus
from typing import Any, Final

from headgate.backoff import Backoff, draw
from headgate.current import Current
from headgate.polling import REFUSALS
from headgate.tallies import Tallies
from headgate.transport import SDK, Transport, TransportError
from headgate.view import View
from headgate.worker import Worker

log = logging.getLogger("headgate")

RECEIPTS_PATH: Final = "/sdk/v1/receipts"
HEARTBEAT_S: Final = 60.0
COALESCE_S: Final = 0.1
LONGEST_NAME: Final = 100
"""How many characters Headgate takes of what a product calls itself."""

_USELESS: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
_REFUSALS: Final = (
    *REFUSALS,
    *_USELESS,
    HTTPStatus.METHOD_NOT_ALLOWED,
)


class Receipts:
    """Sends a receipt after each revision that was put in use, and every minute so that nobody is forgotten."""

    def __init__(
        self,
        transport: Transport,
        current: Current,
        tallies: Tallies,
        *,
        app: str | None = None,
        app_version: str | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = draw,
    ) -> None:
        """``app`` and ``app_version`` are what the product calls itself. The clocks and ``draw`` are for tests."""
        self._transport = transport
        self._current = current
        self._tallies = tallies
        self._about = {"sdk": SDK, "app": app, "app_version": app_version}
        self._clock = clock
        self._monotonic = monotonic
        self._draw = draw
        self._backoff = Backoff(1.0, draw)
        self._instance = str(uuid.uuid4())
        self._applied_at = clock()
        self._told: View | None = None
        self._due = 0.0
        self._has_complained = False
        self.worker = Worker("receipts", self.step)

    def renew(self) -> None:
        """After a fork: this is another instance, and what the parent counted is the parent's."""
        self._transport.renew()
        self.worker.renew()
        self._tallies.forget()
        self._instance = str(uuid.uuid4())
        self._told, self._due = None, 0.0

    def applied(self) -> None:
        """Note that new flags are in use; called by who brought them."""
        self._applied_at = self._clock()
        self.worker.wake()

    def step(self) -> float:
        """Send a receipt if one is due and return how many seconds to wait."""
        view, now = self._current.view, self._monotonic()
        if view is None:
            return HEARTBEAT_S
        left = self._due - now
        if view is self._told and left > 0:
            return left
        if view is not self._told:
            # Revisions that follow each other closely are told together, and instances not all at once.
            self._told, self._due = (
                view,
                max(now + COALESCE_S * self._draw(), self._due if self._is_slow else 0),
            )
            return self._due - now
        self._due = now + self._send()
        return self._due - now

    @property
    def _is_slow(self) -> bool:
        return self._backoff.is_failing

    def _send(self) -> float:
        counts, seen = self._tallies.take()
        try:
            answer = self._transport.post(RECEIPTS_PATH, self._receipt(counts))
        except TransportError as problem:
            return self._failed(str(problem), refused=problem.lasting)
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            self._tallies.settle(seen)
            self._backoff.after_success()
            return HEARTBEAT_S * (0.9 + 0.2 * self._draw())
        refused = answer.status in _REFUSALS
        if answer.status in _USELESS and not self._has_complained:
            self._has_complained = True
            log.warning("Headgate does not take receipts (%s); this instance is not seen.", answer.status)
        return self._failed(f"status {answer.status}", refused=refused, retry_after_s=answer.retry_after_s)

    def _receipt(self, counts: dict[str, dict[str, int]]) -> dict[str, Any]:
        view = self._current.view
        applied_at = datetime.fromtimestamp(self._applied_at, timezone.utc)
        return {
            "instance": self._instance,
            "revision": None if view is None else view.revision,
            "etag": self._current.etag,
            "applied_at": applied_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "evaluations": counts,
            **{name: text for name, text in self._about.items() if text is not None},
        }

    def _failed(self, trouble: str, *, refused: bool, retry_after_s: float | None = None) -> float:
        log.debug("A receipt was not delivered (%s).", trouble)
        return self._backoff.after_failure(refused=refused, retry_after_s=retry_after_s)
