"""Takes in what instances report: the revision they run, and how often each flag was answered.

Thousands of instances report each minute, and all at once after a change. So what they say waits in memory for a
moment and is written together; what a crash loses of it, the next receipts bring again, but for a second of counts.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from controller.flags.naming import CANARY, SWITCH
from controller.flags.staleness import DEFAULT
from controller.rollouts import Clock
from controller.store.database import Database, DatabaseUnavailable, Transaction
from controller.store.features import known_features
from controller.store.flag_counts import add_counts
from controller.store.instances import (
    MAX_INSTANCES,
    forget_instances,
    forget_revisions,
    keep_instances,
)
from controller.store.plain_flags import known_flags
from controller.store.projects import current_revisions, environment_by_id

FLUSH_EVERY_S = 1.0
OTHER = "(other)"
"""In place of a variant that the flag does not have now."""

_FORGOTTEN_AFTER = timedelta(days=1)
_FORGET_EVERY = timedelta(minutes=1)
_MOST_WAITING = 200_000
_OF_FEATURES = frozenset({"off", "stable", "candidate", "on", DEFAULT})

Names = Mapping[str, frozenset[str]]
"""The flags that are counted, with the variants that are told apart."""


class Receipts:
    """Receipts on their way into the database."""

    def __init__(self, database: Database, now: Clock) -> None:
        self._database = database
        self._now = now
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._instances: dict[tuple[int, str], dict[str, Any]] = {}
        self._counts: Counter[tuple[int, str, str]] = Counter()
        self._names: dict[int, tuple[int, Names]] = {}
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
            for id in gone:
                self._names.pop(id, None)

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
            known = self._known(tx, {key: count for key, count in counts.items() if key[0] in there})
        with self._database.write() as tx:
            keep_instances(tx, instances)
            add_counts(tx, known, now.astimezone(UTC).replace(**_MIDNIGHT))
            if is_time:
                forget_instances(tx, now - _FORGOTTEN_AFTER)
                forget_revisions(tx, now - _FORGOTTEN_AFTER)
        self._forgot_at = now if is_time else self._forgot_at

    def _known(
        self, tx: Transaction, counts: Mapping[tuple[int, str, str], int]
    ) -> Counter[tuple[int, str, str]]:
        """The counts of flags that there are: whoever asks for others must not fill the table."""
        names = {id: self._names_of(tx, id) for id in {environment_id for environment_id, *_ in counts}}
        known: Counter[tuple[int, str, str]] = Counter()
        for (environment_id, flag, variant), count in counts.items():
            variants = names[environment_id].get(flag)
            if variants is not None:
                known[environment_id, flag, variant if variant in variants else OTHER] += count
        return known

    def _names_of(self, tx: Transaction, environment_id: int) -> Names:
        environment = environment_by_id(tx, environment_id)
        revision, names = self._names.get(environment_id, (0, {}))
        if revision != environment.revision:
            names = _names(tx, environment_id, environment.project_id)
            self._names[environment_id] = (environment.revision, names)
        return names


_MIDNIGHT: Mapping[str, Any] = {"hour": 0, "minute": 0, "second": 0, "microsecond": 0}


def _names(tx: Transaction, environment_id: int, project_id: int) -> dict[str, frozenset[str]]:
    """The names and variants of all flags, also of those that were deleted: it matters who still asks for them."""
    found = {
        key: frozenset({*flag.definition.get("variants", {}), DEFAULT})
        for key, flag in known_flags(tx, environment_id).items()
    }
    for feature in (*known_features(tx, project_id), CANARY):
        found |= {feature: _OF_FEATURES, f"{feature}{SWITCH}": _OF_FEATURES}
    return found
