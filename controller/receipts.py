"""Takes in what instances report: the revision they run, and how often each flag was answered.

Thousands of instances report each minute, and all at once after a change. So what they say waits in memory for a
moment and is written together; what a crash loses of it, the next receipts bring again, but for a second of counts.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from controller.flags.counted import CountedFlags
from controller.rollouts import Clock
from controller.store.database import Database, DatabaseUnavailable
from controller.store.flag_counts import add_counts, midnight
from controller.store.instances import (
    MAX_INSTANCES,
    forget_instances,
    forget_revisions,
    keep_instances,
)
from controller.store.projects import current_revisions

FLUSH_EVERY_S = 1.0
_FORGOTTEN_AFTER = timedelta(days=1)
_FORGET_EVERY = timedelta(minutes=1)
_MOST_WAITING = 200_000


class Receipts:
    """Receipts on their way into the database."""

    def __init__(self, database: Database, now: Clock) -> None:
        self._database = database
        self._now = now
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._instances: dict[tuple[int, str], dict[str, Any]] = {}
        self._counts: Counter[tuple[int, str, str]] = Counter()
        self._counted = CountedFlags()
        self._forgot_at: datetime | None = None

    def take(self, environment_id: int, receipt: Mapping[str, Any]) -> None:
        """Take a receipt in; it is written shortly."""
        counts = receipt["evaluations"]
        with self._lock:
            self._note_instance(environment_id, receipt, self._now())
            for flag, variants in counts.items():
                for variant, count in variants.items():
                    key = (environment_id, flag, variant)
                    if key in self._counts or len(self._counts) < _MOST_WAITING:
                        self._counts[key] += count

    def flush(self) -> None:
        """Write what waits. What cannot be written waits on."""
        with self._writing:
            with self._lock:
                instances, self._instances = self._instances, {}
                counts, self._counts = self._counts, Counter()
            try:
                self._write(list(instances.values()), counts)
            except Exception:
                with self._lock:
                    self._instances = instances | self._instances
                    self._counts += counts
                raise

    def flush_if_possible(self) -> None:
        """Write what waits, so that it can be shown; while nothing can be written, what is written is shown."""
        with contextlib.suppress(DatabaseUnavailable):
            self.flush()

    def forget(self, environment_ids: Iterable[int]) -> None:
        """Drop what is kept of environments that are gone: SQLite gives their ids to others."""
        gone = frozenset(environment_ids)
        with self._lock:
            self._instances = {key: row for key, row in self._instances.items() if key[0] not in gone}
            self._counts = Counter({key: count for key, count in self._counts.items() if key[0] not in gone})
            self._counted.forget(gone)

    def _note_instance(self, environment_id: int, receipt: Mapping[str, Any], now: datetime) -> None:
        key = (environment_id, receipt["instance"])
        if key not in self._instances and len(self._instances) >= MAX_INSTANCES:
            return
        row = {name: value for name, value in receipt.items() if name != "evaluations"}
        row |= {"environment_id": environment_id, "told_at": now, "first_seen_at": now, "seen_at": now}
        waiting = self._instances.get(key, row)
        if (waiting["revision"], waiting["etag"]) == (row["revision"], row["etag"]):
            row |= {name: waiting[name] for name in ("applied_at", "told_at")}
        self._instances[key] = row | {"first_seen_at": waiting["first_seen_at"]}

    def _write(self, instances: list[dict[str, Any]], counts: Mapping[tuple[int, str, str], int]) -> None:
        now = self._now()
        is_time = self._forgot_at is None or now - self._forgot_at >= _FORGET_EVERY
        if not (instances or counts or is_time):
            return
        with self._database.read() as tx:
            # What takes longest is looked up before anybody has to wait. An environment may be gone meanwhile, and
            # what is left of it must not keep the others' receipts from being written.
            there = current_revisions(tx)
            instances = [row for row in instances if row["environment_id"] in there]
            known = self._counted.known(tx, counts)
        with self._database.write() as tx:
            keep_instances(tx, instances)
            add_counts(tx, known, midnight(now))
            if is_time:
                forget_instances(tx, now - _FORGOTTEN_AFTER)
                forget_revisions(tx, now - _FORGOTTEN_AFTER)
        self._forgot_at = now if is_time else self._forgot_at
