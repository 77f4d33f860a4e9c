"""What a trigger saw, as numbers for a chart: from the readings that are kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from flask import Response, jsonify

from controller.api.auth import services
from controller.console.blueprint import blueprint
from controller.console.feature import FEATURE
from controller.console.words import change_word, who
from controller.rollouts import Where, locate
from controller.store.changes import RecordedChange, changes_of
from controller.store.readings import StoredReading, readings_of
from controller.store.triggers import get_trigger

_MOST = 400
_CHANGES = 200
_RELEASES = frozenset({"introduce", "adopt", "revert"})
_MARKED = _RELEASES | frozenset(
    {
        "promote",
        "demote",
        "resume",
        "widen",
        "narrow",
        "advance",
        "introduce",
        "adopt",
        "review",
        "revert",
        "disable",
        "hold",
        "stop",
    }
)


@blueprint.get(f"{FEATURE}/triggers/<trigger>/readings.json")
def show_readings(project: str, environment: str, feature: str, trigger: str) -> Response:
    """The newest readings, oldest first, and what moved meanwhile.

    Times are seconds since 1970. A reading that told nothing has no value: a gap, never a zero.
    """
    with services().database.read() as tx:
        stored = locate(tx, Where(project, environment, feature))
        item = get_trigger(tx, stored.id, trigger)
        readings = readings_of(tx, item.id, limit=_MOST)[::-1]
        changes = changes_of(tx, stored.project_id, feature=feature, touching=environment, limit=_CHANGES)
    limit = getattr(item.trigger.method, "limit", None)
    first = readings[0].evaluated_at if readings else None
    return jsonify(
        is_share=any(reading.total for reading in readings),
        limit=limit,
        window_s=item.trigger.window_s,
        at=[reading.evaluated_at.timestamp() for reading in readings],
        measured=[_measured(reading) for reading in readings],
        samples=[reading.total if reading.total is not None else reading.samples for reading in readings],
        verdict=[reading.verdict for reading in readings],
        phase=[reading.phase for reading in readings],
        sentence=[reading.sentence for reading in readings],
        marks=[
            *_decisions(readings),
            *(
                mark
                for mark in _moves(changes, f"trigger:{trigger}")
                if first and mark["at"] >= first.timestamp()
            ),
        ],
    )


def _measured(reading: StoredReading) -> float | None:
    if reading.total:
        return (reading.bad or 0) / reading.total
    if reading.value is not None:
        return reading.value
    return None if reading.bad is None or reading.total == 0 else float(reading.bad)


def _decisions(readings: Sequence[StoredReading]) -> Iterator[dict[str, Any]]:
    """What the trigger decided."""
    for reading in readings:
        for due in reading.due:
            told = " ".join(str(due[name]) for name in ("action", "result") if due.get(name))
            yield {"at": reading.evaluated_at.timestamp(), "what": told or "decided", "kind": "decision"}


def _moves(changes: Sequence[RecordedChange], mine: str) -> Iterator[dict[str, Any]]:
    """What moved the feature, by whom; what this trigger did is told by its decisions."""
    for change in reversed(changes):
        if change.name in _MARKED and change.actor != mine:
            release = change.after.get("candidate") or change.after.get("stable") or ""
            is_release = change.name in _RELEASES
            told = change_word(change.name) + (f": {release}" if is_release else "")
            kind = "release" if is_release else "move"
            yield {"at": change.at.timestamp(), "what": f"{told} ({who(change.actor)})", "kind": kind}
