"""The client: what product code holds on to."""

from __future__ import annotations

import atexit
import json
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from headgate import forks
from headgate.current import Current
from headgate.disk import LastKnownGood, Saver
from headgate.evaluator import Document
from headgate.lease import LeaseWatch
from headgate.outcomes import OutcomeQueue
from headgate.polling import Poller
from headgate.questions import Questions
from headgate.receipts import LONGEST_NAME, Receipts
from headgate.streaming import Streamer
from headgate.tallies import Tallies
from headgate.transport import Transport

_LONGEST_S: Final = 3600


class Client(Questions):
    """Answers from memory whether a user may have a feature, and keeps the answers current in the background.

    Daemon threads follow the stream of changes, ask for them while there is no stream, watch the lease, send
    receipts and outcomes, and keep the flags on disk if wanted. Safe to share between threads, and across a
    fork: the child's threads start with its first question. Make one per process.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        poll_interval_s: float = 5.0,
        timeout_s: float = 10.0,
        stream: bool = True,
        cache_dir: str | os.PathLike[str] | None = None,
        bootstrap: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        app: str | None = None,
        app_version: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Connect to the Headgate at ``base_url`` with a server key.

        ``poll_interval_s``: seconds between two questions for new flags while there is no stream. ``timeout_s``:
        the longest one exchange may take. ``stream``: whether to be told of changes. ``cache_dir``: a folder to
        keep the last known good flags in, for a start while Headgate is out of reach; they are confidential.
        ``bootstrap``: flags to begin with when there are none kept. ``app`` and ``app_version`` are shown beside
        this instance, of at most 100 characters each. ``monotonic`` and ``clock`` are there for tests.

        Raises ValueError when an argument cannot be right, OSError when the bootstrap file cannot be read;
        never because Headgate is out of reach.
        """
        _check_seconds(poll_interval_s=poll_interval_s, timeout_s=timeout_s)
        _check_names(app=app, app_version=app_version)
        tallies = Tallies()
        current = Current(tallies=tallies, monotonic=monotonic, clock=clock)
        super().__init__(current, clock=clock)

        def connect() -> Transport:
            return Transport(base_url, key, timeout_s=timeout_s)

        self._transports = [connect() for _ in range(4)]
        for_polls, for_stream, for_outcomes, for_receipts = self._transports
        self._streamer = Streamer(for_stream, current, tell=self._stream_changed, monotonic=monotonic)
        self._poller = Poller(
            for_polls,
            current,
            interval_s=poll_interval_s,
            is_streaming=(lambda: self._streamer.is_live) if stream else (lambda: False),
            monotonic=monotonic,
        )
        self._outcomes = OutcomeQueue(for_outcomes)
        self._receipts = Receipts(
            for_receipts, current, tallies, app=app, app_version=app_version, clock=clock, monotonic=monotonic
        )
        current.listen(lambda _revision: self._receipts.applied())
        self._lease = LeaseWatch(current)
        self._workers = [self._lease.worker, self._poller.worker, self._receipts.worker]
        if stream:
            self._workers.append(self._streamer.worker)
        kept = None if cache_dir is None else LastKnownGood(cache_dir, base_url, key, clock=clock)
        self._begin_with(kept, bootstrap)
        self._saver = None if kept is None else Saver(kept, current, clock=clock)
        if self._saver is not None:
            self._workers.append(self._saver.worker)
        self._waking = threading.Lock()
        self._is_copy = False
        self._is_asleep = False
        for worker in self._workers:
            worker.start()
        forks.watch(self)
        atexit.register(_close, weakref.ref(self))

    def wait_until_ready(self, timeout_s: float = 5.0) -> bool:
        """Wait for Headgate to say which flags are current; return whether there are flags that are valid.

        Flags that were kept on disk or came with the product are in use before that.
        """
        self._wake()
        self._current.ready.wait(timeout_s)
        return self._current.view is not None and self.status in ("ready", "stale")

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Send queued outcomes now; return whether all were delivered or given up within ``timeout_s``."""
        self._wake()
        return self._outcomes.flush(timeout_s)

    @property
    def dropped_outcomes(self) -> int:
        """How many reported outcomes were given up."""
        return self._outcomes.dropped

    def close(self, timeout_s: float = 2.0) -> None:
        """Send what is queued and stop, within about ``timeout_s``; then every flag obeys its when_lost."""
        deadline = time.monotonic() + timeout_s
        with self._waking:
            self._make_whole()
        self._outcomes.close(timeout_s)
        for worker in self._workers:
            worker.ask_to_stop()
        self._streamer.interrupt()
        self._current.end("closed")
        for worker in self._workers:
            worker.join(max(0.0, deadline - time.monotonic()))
        for transport in self._transports:
            transport.close()

    def after_fork(self) -> None:
        """In a child process: let the first question make this copy whole, and start its threads.

        Not at once: between a fork and the first question gevent may replace what locks are made of.
        """
        if self.status == "closed":
            return
        self._waking = threading.Lock()
        self._is_copy = True
        self._is_asleep = True
        self._current.hide()

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

    def _begin_with(self, kept: LastKnownGood | None, bootstrap: Any) -> None:
        found = None if kept is None else kept.load()
        if found is not None:
            self._current.seed(found.document, found.etag, found.age_s)
        elif bootstrap is not None:
            self._current.seed(read_document(bootstrap, self._clock), None, 0.0)

    def _stream_changed(self) -> None:
        self._poller.worker.wake()

    def _wake(self) -> None:
        if not self._is_asleep:
            return
        with self._waking:
            if self._is_asleep:
                self._make_whole()
                for worker in self._workers:
                    worker.start()
                self._is_asleep = False
                self._current.show()

    def _make_whole(self) -> None:
        """After a fork: no thread runs here, connections are the parent's, and locks may be held by nobody."""
        if not self._is_copy:
            return
        self._current.renew_locks()
        self._conversations.forget()
        self._poller.renew()
        self._streamer.renew()
        self._outcomes.renew()
        self._receipts.renew()
        self._lease.worker.renew()
        if self._saver is not None:
            self._saver.worker.renew()
        self._is_copy = False

    def _put(self, outcome: dict[str, Any]) -> None:
        self._wake()
        self._outcomes.put(outcome)

    def _refuse(self) -> None:
        self._outcomes.refuse()


def _check_seconds(**given: Any) -> None:
    for name, seconds in given.items():
        if not isinstance(seconds, (int, float)) or not 0 < seconds <= _LONGEST_S:
            raise ValueError(f"{name} must be a number of seconds, more than 0 and at most {_LONGEST_S}")


def _check_names(**given: Any) -> None:
    """Refuse what Headgate would not take: an instance whose receipts are refused is seen by nobody."""
    for name, text in given.items():
        if text is None or (isinstance(text, str) and len(text) <= LONGEST_NAME and text.isprintable()):
            continue
        raise ValueError(
            f"{name} must be a text of at most {LONGEST_NAME} characters, all of which can be seen"
        )


def read_document(source: Any, clock: Callable[[], float] = time.time) -> Document:
    """Return the flag document in ``source``, a mapping or the path of a file.

    Raises OSError when there is no such file, DocumentError (a ValueError) when it is no flag document.
    """
    if isinstance(source, Mapping):
        return Document.read(json.dumps(source), clock=clock)
    return Document.read(Path(source).read_bytes(), clock=clock)


def _close(client: weakref.ref[Client]) -> None:
    """At the end of the process, send what is still queued."""
    alive = client()
    if alive is not None and alive.status != "closed":
        alive.close()
