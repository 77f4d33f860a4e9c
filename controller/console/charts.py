"""What a trigger saw, as numbers for a chart: from the readings that are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from flask import Response, jsonify

from controller.api.auth import services
from controller.console.blueprint import blueprint
from controller.console.curves import drawing_of
from controller.console.feature import FEATURE
from controller.console.words import change_word, decision_words, who
from controller.rollouts import Where, locate
from controller.store.changes import RecordedChange, changes_of
from controller.store.readings import StoredReading, readings_of
from controller.store.triggers import get_trigger
from triggers import Phase
from triggers.methods import Threshold

_MOST = 400
_SHOWN = timedelta(days=1)
_LEAST = 50
"""A chart goes back a day, or so many evaluations where they are further apart."""
_CHANGES = 200
_RELEASES = frozenset({"introduce", "adopt", "revert"})
_MARKED = _RELEASES | frozenset(
    {"promote", "demote", "resume", "widen", "narrow", "advance", "review", "disable", "hold", "stop"}
)
_PHASES: Mapping[str, str] = {Phase.FIRING: "fires", Phase.QUIET: "quiet again"}


@blueprint.get(f"{FEATURE}/triggers/<trigger>/readings.json")
def show_readings(project: str, environment: str, feature: str, trigger: str) -> Response:
    """The newest readings, oldest first, and what moved meanwhile.

    Times are seconds since 1970. A reading that told nothing has no value: a gap, never a zero. ``spans`` are the
    times that each decision looked at.
    """
    with services().database.read() as tx:
        stored = locate(tx, Where(project, environment, feature))
        item = get_trigger(tx, stored.id, trigger)
        readings = _recent(readings_of(tx, item.id, limit=_MOST), item.trigger.interval_s)
        changes = changes_of(tx, stored.project_id, feature=feature, touching=environment, limit=_CHANGES)
    method = item.trigger.method
    drawing = drawing_of(method, is_share=_is_share(item.query, readings))
    moves = _moves(changes, f"trigger:{trigger}", readings[0].evaluated_at) if readings else ()
    return jsonify(
        unit=drawing.unit,
        curves=drawing.drawn(numbers_of(reading, method) for reading in readings),
        at=[reading.evaluated_at.timestamp() for reading in readings],
        spans=[spans_of(reading, since_epoch=method.contiguous) for reading in readings],
        verdict=[reading.verdict for reading in readings],
        sentence=[reading.sentence for reading in readings],
        marks=[*_decisions(readings), *moves],
    )


def _is_share(query: Mapping[str, Any], readings: Sequence[StoredReading]) -> bool:
    """Whether what is measured is a share of answers: as it was read, or as it is asked for where nothing was read."""
    told = [reading.total is not None for reading in readings if reading.value is not None or reading.total]
    return any(told) if told else "value" not in query


def _recent(newest_first: Sequence[StoredReading], interval_s: int) -> list[StoredReading]:
    """The readings that a chart has room for, oldest first; a gap of weeks would leave none for the last hours."""
    back = max(_SHOWN, timedelta(seconds=interval_s) * _LEAST)
    since = newest_first[0].evaluated_at - back if newest_first else None
    return [each for each in reversed(newest_first) if since and each.evaluated_at >= since]


def numbers_of(reading: StoredReading, method: object) -> Mapping[str, float]:
    """What a reading was judged by; a threshold shows what was measured even where it was too little to judge."""
    if reading.numbers or not isinstance(method, Threshold):
        return reading.numbers
    measured = _measured(reading)
    return {} if measured is None else {"measured": measured}


def spans_of(reading: StoredReading, *, since_epoch: bool) -> list[tuple[float, float]]:
    """The times that an evaluation looked at, the longest first; what is added up goes back to where that began."""
    start = reading.window_start
    if since_epoch and (began := (reading.before or {}).get("epoch_at")):
        start = min(start, datetime.fromisoformat(began))
    further = (map(datetime.fromisoformat, each["window"]) for each in reading.others or ())
    found = {(start.timestamp(), reading.window_end.timestamp())}
    found |= {(first.timestamp(), end.timestamp()) for first, end in further}
    return sorted(found, key=lambda span: span[0] - span[1])


def _measured(reading: StoredReading) -> float | None:
    if reading.total:
        return (reading.bad or 0) / reading.total
    if reading.value is not None:
        return reading.value
    return None if reading.bad is None or reading.total == 0 else float(reading.bad)


def _decisions(readings: Sequence[StoredReading]) -> Iterator[dict[str, Any]]:
    """What the trigger decided: what it did, and where it began or ceased to fire."""
    phases: list[str] = [Phase.QUIET, *(reading.phase for reading in readings)]
    for reading, (before, phase) in zip(readings, pairwise(phases), strict=True):
        told = [decision_words(due) for due in reading.due]
        if not told and phase != before and phase in _PHASES and reading is not readings[0]:
            told = [_PHASES[phase]] if {before, phase} != {Phase.PENDING, Phase.QUIET} else []
        for what in told:
            yield {"at": reading.evaluated_at.timestamp(), "what": what, "kind": "decision"}


def _moves(changes: Sequence[RecordedChange], mine: str, since: datetime) -> Iterator[dict[str, Any]]:
    """What moved the feature, by whom; what this trigger did is told by its decisions."""
    for change in reversed(changes):
        if change.name in _MARKED and change.actor != mine and change.at >= since:
            release = change.after.get("candidate") or change.after.get("stable") or ""
            is_release = change.name in _RELEASES
            told = change_word(change.name) + (f": {release}" if is_release else "")
            kind = "release" if is_release else "move"
            yield {"at": change.at.timestamp(), "what": f"{told} ({who(change.actor)})", "kind": kind}
