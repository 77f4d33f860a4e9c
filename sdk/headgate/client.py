"""The client: what product code holds on to."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any

from headgate.context import make_context
from headgate.decision import Decision, Mode, without_value
from headgate.outcomes import OutcomeQueue, make_outcome
from headgate.polling import Listener, Poller, Status
from headgate.transport import Transport

log = logging.getLogger("headgate")


class Client:
    """Answers from memory whether a user may have a feature, and keeps the answers current in the background.

    One daemon thread fetches the flags; a second one starts with the first reported outcome. Safe to share
    between threads. Make one per process, after forking.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        poll_interval_s: float = 5.0,
        timeout_s: float = 10.0,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Connect to the Headgate at ``base_url`` with a server key.

        ``poll_interval_s``: seconds between two questions for new flags. ``timeout_s``: the longest one
        exchange may take. ``monotonic`` and ``clock`` are there for tests. Raises ValueError when an argument
        cannot be right; never because Headgate is out of reach.
        """
        if not poll_interval_s > 0 or not timeout_s > 0:
            raise ValueError("poll_interval_s and timeout_s must be more than 0")
        self._clock = clock
        self._transport = Transport(base_url, key, timeout_s=timeout_s)
        self._poller = Poller(self._transport, interval_s=poll_interval_s, monotonic=monotonic, clock=clock)
        self._outcomes = OutcomeQueue(self._transport)
        self._poller.start()

    def wait_until_ready(self, timeout_s: float = 5.0) -> bool:
        """Wait for the first flags; return whether they are there."""
        return self._poller.ready.wait(timeout_s)

    def decide(
        self,
        feature: str,
        user: object = None,
        *,
        task: str | None = None,
        cohorts: Iterable[str] | None = None,
        attributes: Mapping[str, Any] | None = None,
        default: Decision | Mode | None = None,
    ) -> Decision:
        """Return what ``user`` may have of ``feature``. Never raises, takes no lock, does no I/O.

        Without a user (None or "") the question is anonymous: outside any percentage. ``default`` is returned
        when there are no flags yet or none for the feature; without it the mode is "off".
        """
        view = self._poller.view
        try:
            if view is None:
                return without_value(feature, default, "ERROR", "PROVIDER_NOT_READY")
            return view.decide(feature, make_context(user, task, cohorts, attributes), default)
        except Exception:  # Whatever was passed in, the product goes on.
            log.debug("A decision could not be made.", exc_info=True)
            return _last_resort(feature, default)

    def enabled(
        self,
        feature: str,
        user: object = None,
        *,
        task: str | None = None,
        cohorts: Iterable[str] | None = None,
        attributes: Mapping[str, Any] | None = None,
        default: bool = False,
    ) -> bool:
        """Return whether ``user`` may have ``feature`` without a human in between; see ``decide``."""
        view = self._poller.view
        try:
            if view is None:
                return default
            return view.is_on(feature, make_context(user, task, cohorts, attributes), default)
        except Exception:  # Whatever was passed in, the product goes on.
            log.debug("A switch could not be read.", exc_info=True)
            return default

    def report(
        self,
        decision: Decision,
        *,
        task: str | None = None,
        latency_ms: float | None = None,
        cost_usd: float | None = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        grounded: bool | None = None,
        citations_valid: bool | None = None,
        sensitive_data: bool | None = None,
        review: str | None = None,
        abandoned: bool | None = None,
        escalated: bool | None = None,
        error: bool | None = None,
    ) -> None:
        """Queue what became of an answer. Never raises, never waits.

        None means "not judged" and never counts as good. ``review`` is "accepted" or "rejected".
        """
        said = {
            "task": task,
            "latency_ms": latency_ms,
            "cost_usd": cost_usd,
            "input_tokens": input_tokens,
            "output_tokens": output_tokens,
            "grounded": grounded,
            "citations_valid": citations_valid,
            "sensitive_data": sensitive_data,
            "review": review,
            "abandoned": abandoned,
            "escalated": escalated,
            "error": error,
        }
        try:
            self._outcomes.put(make_outcome(decision, said, self._clock()))
        except Exception:  # Whatever was passed in, the product goes on.
            log.debug("An outcome could not be queued.", exc_info=True)
            self._outcomes.refuse()

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Send queued outcomes now; return whether all were delivered or given up within ``timeout_s``."""
        return self._outcomes.flush(timeout_s)

    def on_change(self, listener: Listener) -> None:
        """Call ``listener`` with the revision after each new one was applied, in the background thread."""
        self._poller.listen(listener)

    @property
    def revision(self) -> int | None:
        """The revision of the flags in use; None before the first ones."""
        view = self._poller.view
        return None if view is None else view.revision

    @property
    def status(self) -> Status:
        """One of "starting", "ready", "lost" and "closed"."""
        return self._poller.status

    @property
    def dropped_outcomes(self) -> int:
        """How many reported outcomes were given up."""
        return self._outcomes.dropped

    def close(self, timeout_s: float = 2.0) -> None:
        """Send what is queued and stop, within about ``timeout_s``; then every flag obeys its when_lost."""
        deadline = time.monotonic() + timeout_s
        self._outcomes.close(timeout_s)
        self._poller.stop(max(0.0, deadline - time.monotonic()))
        self._transport.close()

    def __enter__(self) -> Client:
        """Return the client itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the client."""
        self.close()


def _last_resort(feature: object, default: Decision | Mode | None) -> Decision:
    if isinstance(default, Decision):
        return default
    mode: Mode | None = default if isinstance(default, str) else None
    name = feature if isinstance(feature, str) else ""
    return without_value(name, mode, "ERROR", "GENERAL")
