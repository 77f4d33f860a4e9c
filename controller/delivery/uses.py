"""How often flags are asked for by those who do not report it themselves: by OFREP, and through flagd.

Who asks for one flag is counted. Who reads all of them at once is noted as such: which of them they use, nobody knows.
"""

from __future__ import annotations

import threading
from collections import Counter

from controller.flags.counted import CountedFlags
from controller.flags.staleness import DEFAULT
from controller.rollouts import Clock
from controller.store.database import Database, DatabaseUnavailable
from controller.store.document_reads import Reader, note_reads
from controller.store.flag_counts import add_counts, midnight
from controller.store.projects import current_revisions

_MOST_WAITING = 50_000
"""Counts of more than so many flags and variants do not wait: anybody with a key can ask for any name."""
_LONGEST_NAME = 200

Reads = set[tuple[int, str, Reader]]


class Uses:
    """Counts in memory, until they are written. Counting takes no database, and a crash loses some seconds of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[int, str, str]] = Counter()
        self._reads: Reads = set()
        self._counted = CountedFlags()

    def count(self, environment_id: int, flag: str, variant: str | None) -> None:
        """Somebody asked for a flag, be there one or not, and got a variant; None stands for their own default."""
        if len(flag) > _LONGEST_NAME:
            return
        key = (environment_id, flag, variant or DEFAULT)
        with self._lock:
            if key in self._counts or len(self._counts) < _MOST_WAITING:
                self._counts[key] += 1

    def note_read(self, environment_id: int, key_id: str, reader: Reader) -> None:
        """Somebody read all flags that they may see."""
        with self._lock:
            self._reads.add((environment_id, key_id, reader))

    def write(self, database: Database, now: Clock) -> None:
        """Write what waits. What cannot be written waits on."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            reads, self._reads = self._reads, set()
        if not (counts or reads):
            return
        try:
            with database.read() as tx:
                # What takes longest is looked up before anybody has to wait. An environment may be gone meanwhile.
                there, known = current_revisions(tx), self._counted.known(tx, counts)
            with database.write() as tx:
                add_counts(tx, known, midnight(now()))
                note_reads(tx, {read for read in reads if read[0] in there}, midnight(now()))
        except DatabaseUnavailable:
            with self._lock:
                self._counts += counts
                self._reads |= reads
            raise
