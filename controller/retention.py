"""Forget what nobody needs any more. Changes are never forgotten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.store.database import Database, Transaction
from controller.store.document_reads import forget_reads
from controller.store.flag_counts import forget_counts
from controller.store.idempotency import forget_results
from controller.store.inbound import forget_events
from controller.store.outbox import forget_messages
from controller.store.outcomes import forget_outcomes
from controller.store.readings import forget_quiet_readings, forget_telling_readings

EVERY_S = 60.0
"""How often what is old is forgotten: little at a time, so that nobody waits for it."""
_AT_A_TIME = 5000
_RESULTS_KEPT = timedelta(days=1)
COUNTS_KEPT = timedelta(days=400)
"""For how long it is known how often a flag was asked for; some are asked for once a year."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept: readings in which nothing was wrong for ``quiet``, other records for ``kept``.

    The results of repeatable requests are kept for a day, how often flags were asked for for longer.
    """

    database: Database
    now: Callable[[], datetime]
    quiet: timedelta
    kept: timedelta

    def forget_old(self) -> None:
        """Delete what is older, in many short transactions. Any number of workers may do it at once."""
        now = self.now()
        self._forget(forget_quiet_readings, now - min(self.quiet, self.kept))
        self._forget(forget_telling_readings, now - self.kept)
        with self.database.write() as tx:
            forget_outcomes(tx, now - self.kept)
            forget_messages(tx, now - self.kept)
            forget_results(tx, now - _RESULTS_KEPT)
            forget_events(tx, now - self.kept)
            forget_counts(tx, now - COUNTS_KEPT)
            forget_reads(tx, now - COUNTS_KEPT)

    def _forget(self, forget: Callable[[Transaction, datetime, int], int], before: datetime) -> None:
        gone = _AT_A_TIME
        while gone == _AT_A_TIME:
            with self.database.write() as tx:
                gone = forget(tx, before, _AT_A_TIME)
