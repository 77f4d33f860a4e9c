"""One thread keeps the memory up to date: it listens, looks for itself now and then, and starts over when cut off."""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable, Collection

from controller.delivery.memory import Memory
from controller.delivery.uses import Uses
from controller.observability import DELIVERY_AGE
from controller.rollouts import Clock
from controller.store.announcements import Listener, listening
from controller.store.database import Database, DatabaseUnavailable
from controller.store.keys import mark_used

log = logging.getLogger(__name__)

_LONGEST_WAIT_S = 0.5
"""A thread that is to stop looks up at least so often."""
_TRY_AGAIN_S = 2.0


class Refresher:
    """Calls ``on_change`` from its own thread whenever the memory may have changed."""

    def __init__(
        self,
        memory: Memory,
        database: Database,
        now: Clock,
        poll_s: float,
        uses: Uses,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """``poll_s``: how often to look although nothing was announced; word may be lost."""
        self._memory = memory
        self._database = database
        self._now = now
        self._poll_s = poll_s
        self._uses = uses
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)
        self.on_change = on_change

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Let the thread end; it does within a second."""
        self._stopped.set()

    def join(self, timeout_s: float) -> None:
        """Wait until it has ended."""
        self._thread.join(timeout_s)

    def look(self, topics: Collection[str] | None = None) -> bool:
        """Refresh what was announced, or everything; False if the database does not answer."""
        try:
            self._memory.refresh(topics)
        except DatabaseUnavailable as unavailable:
            self._memory.cut_off(str(unavailable))
            return False
        finally:
            DELIVERY_AGE.set(self._memory.age_s())
            self.on_change()
        return True

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with listening(self._database) as listener:
                    self._follow(listener)
            except DatabaseUnavailable as unavailable:
                log.warning(
                    "flags are served from memory alone: the database does not answer (%s)", unavailable
                )
            except Exception:
                log.exception("keeping flags up to date failed; it is tried again")
            # Flags may still be read where nothing can be heard.
            self.look()
            self._stopped.wait(_TRY_AGAIN_S * random.uniform(0.5, 1.0))  # noqa: S311 - spread, not secrecy
        self._note_uses()

    def _follow(self, listener: Listener) -> None:
        """Refresh what is announced, and everything whenever it is time; returns when cut off or stopped."""
        look_at = 0.0
        while not self._stopped.is_set():
            if time.monotonic() >= look_at:
                if not self.look():
                    return
                look_at = time.monotonic() + self._poll_s * random.uniform(0.8, 1.0)  # noqa: S311
                self._note_uses()
            topics = listener.wait(min(_LONGEST_WAIT_S, max(0.0, look_at - time.monotonic())))
            if topics and not self.look(topics):
                return

    def _note_uses(self) -> None:
        """Write down which keys and flags were used. That it cannot be written keeps nobody from reading."""
        used = self._memory.take_used()
        with contextlib.suppress(DatabaseUnavailable):
            self._uses.write(self._database, self._now)
            if used:
                with self._database.write() as tx:
                    for id in sorted(used):
                        mark_used(tx, id, self._now())
