"""The readings of a trigger as a table: the same as its chart, for whoever reads rather than looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.console.charts import spans_of
from controller.console.words import Sign, decision_words, duration_of
from controller.store.database import Transaction
from controller.store.readings import StoredReading, readings_of
from controller.store.triggers import StoredTrigger
from triggers import Verdict

MOST = 30
"""How many readings the table has."""
_VERDICTS: Mapping[str, Sign] = {
    Verdict.OK: Sign("ok", "quiet", "good"),
    Verdict.BREACH: Sign("breach", "alarm", "alarm"),
    Verdict.INSUFFICIENT: Sign("too little", "never", "plain"),
    Verdict.SOURCE_ERROR: Sign("source error", "blind", "warn"),
    Verdict.STALE: Sign("too old", "clock", "warn"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingLine:
    """A reading as a row. ``looked_at`` has how long each window was, the longest first; ``done`` what it did."""

    at: datetime
    looked_at: str
    until: datetime
    verdict: Sign
    sentence: str
    done: str


def reading_lines(tx: Transaction, item: StoredTrigger) -> list[ReadingLine]:
    """The newest readings of a trigger, newest first."""
    since_epoch = item.trigger.method.contiguous
    return [_line(each, since_epoch=since_epoch) for each in readings_of(tx, item.id, limit=MOST)]


def _line(reading: StoredReading, *, since_epoch: bool) -> ReadingLine:
    spans = spans_of(reading, since_epoch=since_epoch)
    return ReadingLine(
        at=reading.evaluated_at,
        looked_at=" and ".join(duration_of(timedelta(seconds=round(end - start))) for start, end in spans),
        until=reading.window_end,
        verdict=_VERDICTS.get(reading.verdict, Sign(reading.verdict, "never", "plain")),
        sentence=reading.sentence,
        done=", ".join(map(decision_words, reading.due)),
    )
