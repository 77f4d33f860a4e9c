"""Forget what nobody needs any more. Changes are never forgotten."""

from __future__ import annotations

from datetime import datetime, timedelta

from controller.store.database import Database
from controller.store.idempotency import forget_results
from controller.store.outbox import forget_messages
from controller.store.outcomes import forget_outcomes
from controller.store.readings import forget_readings

_RESULTS_KEPT = timedelta(days=1)


def forget_old(database: Database, now: datetime, kept: timedelta) -> None:
    """Delete readings, outcomes and delivered messages older than ``kept``.

    The results of repeatable requests are kept for a day.
    """
    with database.write() as tx:
        forget_readings(tx, now - kept)
        forget_outcomes(tx, now - kept)
        forget_messages(tx, now - kept)
        forget_results(tx, now - _RESULTS_KEPT)
