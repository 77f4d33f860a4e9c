"""All that is needed to answer: living keys and current flags, kept up to date by `controller.delivery.refreshing`.

If the database is gone, what was read last goes on being served; it never expires.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping

from controller.delivery.served import Served
from controller.flags.snapshots import Snapshots
from controller.rollouts import Clock
from controller.store.announcements import KEYS, flags_of
from controller.store.database import Database, DatabaseUnavailable
from controller.store.keys import Lock, locks, parts_of
from controller.store.projects import current_revisions

log = logging.getLogger(__name__)

_FRESH_S = 30
"""What was confirmed within so many seconds is not called old."""


class Memory:
    """Read by the event loop, written by whoever refreshes; each part is swapped whole, so reading takes no lock."""

    def __init__(
        self,
        database: Database,
        snapshots: Snapshots,
        pepper: str,
        now: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._snapshots = snapshots
        self._pepper = pepper
        self._now = now
        self._monotonic = monotonic
        self._refreshing = threading.Lock()
        self._locks: Mapping[str, Lock] = {}
        self._opened: dict[str, Lock] = {}
        self._served: Mapping[int, Served] = {}
        self._is_loaded = False
        self._trouble = ""
        self._looked_at = monotonic()
        self._used: set[str] = set()

    def key(self, text: str) -> Lock | None:
        """The living key with this text; None if it is malformed, unknown, wrong or revoked."""
        # Taken before the locks are looked at: what older ones let in is forgotten with them.
        opened = self._opened
        lock = opened.get(text)
        if lock is None:
            lock = self._opened_by(text)
            if lock is None:
                return None
            opened[text] = lock
        self._used.add(lock.id)
        return lock

    def _opened_by(self, text: str) -> Lock | None:
        parts = parts_of(text)
        if parts is None:
            return None
        kind, id, secret = parts
        lock = self._locks.get(id)
        return lock if lock is not None and lock.opens(kind, secret, self._pepper) else None

    def lives(self, key_id: str) -> Lock | None:
        """The key with this id, if it has neither been revoked nor run out."""
        lock = self._locks.get(key_id)
        return None if lock is None or lock.has_expired(self._now()) else lock

    def served(self, environment_id: int) -> Served | None:
        """What is served of an environment; None if nothing could be read of it yet."""
        return self._served.get(environment_id)

    @property
    def is_loaded(self) -> bool:
        """Whether everything has been read at least once."""
        return self._is_loaded

    @property
    def trouble(self) -> str:
        """Why the database could not be read at the last attempt; empty if it could."""
        return self._trouble

    @property
    def failed(self) -> int:
        """How many environments are served older flags, or none, because the newest cannot be built."""
        return len(self._snapshots.failed)

    def age_s(self) -> float:
        """Seconds since the memory was last known to agree with the database."""
        return self._monotonic() - self._looked_at

    @property
    def told_age_s(self) -> int:
        """The same as clients are told it, in whole seconds; 0 if it is not worth a word."""
        age_s = int(self.age_s())
        return age_s if age_s > _FRESH_S else 0

    def take_used(self) -> set[str]:
        """The ids of the keys that were used since the last call."""
        used, self._used = self._used, set()
        return used

    def cut_off(self, why: str) -> None:
        """Note that the database cannot be read."""
        self._trouble = why

    def refresh(self, topics: Collection[str] | None = None) -> None:
        """Read anew what was announced; None: whatever has changed.

        Raises:
            DatabaseUnavailable: The database does not answer; all stays as it is.
        """
        with self._refreshing:
            started_at = self._monotonic()
            is_whole = topics is None or not self._is_loaded
            if is_whole or KEYS in (topics or ()):
                with self._database.read() as tx:
                    self._locks = locks(tx)
                # In this order: whoever sees the empty one sees the new locks.
                self._opened = {}
            for environment_id in sorted(self._stale() if is_whole else self._named(topics or ())):
                self._renew(environment_id)
            self._served = {id: self._served[id] for id in self._wanted() if id in self._served}
            if is_whole:
                self._is_loaded, self._looked_at = True, started_at
            self._trouble = ""

    def _wanted(self) -> set[int]:
        """The environments somebody has a key for."""
        return {lock.environment_id for lock in self._locks.values() if lock.environment_id is not None}

    def _named(self, topics: Collection[str]) -> set[int]:
        return {id for id in self._wanted() if id not in self._served or flags_of(id) in topics}

    def _stale(self) -> set[int]:
        """The environments whose revision is another one, be it lower: the database may have been restored."""
        with self._database.read() as tx:
            newest = current_revisions(tx)
        known = {id: served.snapshot.revision for id, served in self._served.items()}
        return {id for id in self._wanted() if id in newest and known.get(id) != newest[id]}

    def _renew(self, environment_id: int) -> None:
        """Serve the newest snapshot that can be built; whatever is wrong with one environment harms no other."""
        before = self._served.get(environment_id)
        try:
            newest = self._snapshots.current(environment_id)
        except DatabaseUnavailable:
            raise
        except Exception:
            log.exception("the flags of environment %s cannot be built", environment_id)
            return
        if before is None or before.snapshot is not newest:
            served = Served(newest, int(self._now().timestamp()), before)
            self._served = {**self._served, environment_id: served}
