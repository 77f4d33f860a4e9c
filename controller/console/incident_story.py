"""An incident told in the order it happened, with its times, and what it spared users."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.console.words import Sign, change_word, duration_of, exact_time, sentence, who
from controller.flags.spread import Spread, spread
from controller.store.changes import RecordedChange, changes_of
from controller.store.columns import Broken, typed
from controller.store.database import Transaction
from controller.store.features import feature_names
from controller.store.incidents import Event, Incident, events_of
from controller.store.instances import instances_in, revision_times
from controller.store.outcomes import count_answers
from controller.store.pointer_moves import StoredMove, moves_of
from controller.store.readings import StoredReading, readings_until
from controller.store.triggers import StoredTrigger, triggers_of
from controller.verifications import Verifications
from stages import WHOLE
from triggers import Scope, Verdict

_READINGS = 1000
_CHANGES = 200
_BEFORE = timedelta(hours=1)
_AFTER = timedelta(hours=1)
_COUNTED_ON = timedelta(days=7)
"""For longer than that nobody would have let it go on."""

_READING = Sign("reading", "quiet", "plain")
_BREACH = Sign("reading in breach", "alarm", "alarm")
_BLIND = Sign("reading without sight", "blind", "warn")
_MOVE = Sign("change", "trigger", "warn")
_DONE = Sign("done", "tick", "good")
_OTHER = Sign("not done", "cross", "alarm")
_ARRIVED = Sign("receipts", "people", "good")


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened."""

    at: datetime
    sign: Sign
    text: str
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spared:
    """How many bad answers users were spared, and from what that was reckoned.

    ``share`` of answers was bad at the last reading in breach. ``since`` answers were given after it was contained, of
    which the part ``theirs`` would have been of the release that was read; where there were none, ``an_hour`` answers
    that were read came before, and ``hours`` it has been contained.
    """

    share: float
    since: int
    an_hour: float
    hours: float
    theirs: float = 1.0

    @property
    def answers(self) -> float:
        """The share × the answers since that were theirs; without any, the share × the answers an hour × the hours."""
        return self.share * (self.since * self.theirs or self.an_hour * self.hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """All that is told of an incident. Times are in seconds; None: not yet, or it cannot be told."""

    incident: Incident
    name: str
    moments: tuple[Moment, ...]
    moves: tuple[StoredMove, ...]
    detect_s: int | None
    contain_s: int
    verify_s: int | None
    spared: Spared | None
    proof: str
    reached: Spread

    @property
    def left(self) -> tuple[StoredMove, ...]:
        """The pointer moves that wait for somebody."""
        return tuple(move for move in self.moves if not move.status.is_settled)

    def handover(self, address: str) -> str:
        """What the next shift has to know, as text."""
        return "\n".join(self._handed_over(address))

    def _handed_over(self, address: str) -> Iterator[str]:
        incident = self.incident
        yield f"Incident {incident.id}: {self.name} in {incident.environment}, {incident.status}"
        yield f"Why: {sentence(incident.reason)}"
        yield f"Since: {exact_time(incident.began_at)}; users out of it {exact_time(incident.opened_at)}"
        back = incident.release_to or "nothing"
        yield f"Done: {incident.release_from} went, {back} came back, by {who(incident.opened_by)}"
        yield f"Reached: {self.reached.sentence}"
        yield f"Shown: {self.proof}"
        for move in self.left:
            yield f"Waits: pointer {move.move.place} is {move.status}. {move.message}".strip()
        if incident.closed_at is None:
            yield "Next: settle what waits, name a follow-up, and close it. It is not promoted before that."
        else:
            yield f"Follow-up: {incident.follow_up.replace('_', ' ')}. {incident.resolution}"
        yield address


def story(tx: Transaction, incident: Incident, verifications: Verifications, now: datetime) -> Story:
    """Tell an incident."""
    cause = _cause(tx, incident)
    readings = readings_until(tx, cause.id, incident.opened_at + _AFTER, _READINGS) if cause else []
    events = events_of(tx, incident.id)
    changes = changes_of(
        tx,
        incident.project_id,
        feature=incident.feature,
        touching=incident.environment,
        until=_end(incident),
        limit=_CHANGES,
    )
    theirs = _share_of(incident, changes) if cause and cause.trigger.scope is Scope.CANDIDATE else 1.0
    said = [event.message for event in events if event.what == "verified"]
    found = spread(
        instances_in(tx, incident.environment_id),
        revision_times(tx, incident.environment_id),
        incident.revision,
        now,
    )
    moments = [
        *_of_readings(readings, incident),
        *_of_changes(changes, incident),
        *_of_events(events),
        *_arrival(found),
    ]
    names = feature_names(tx, incident.project_id, [incident.feature])
    return Story(
        incident=incident,
        name=names.get(incident.feature, incident.feature),
        moments=tuple(sorted(moments, key=lambda moment: moment.at)),
        moves=tuple(moves_of(tx, incident.id)),
        detect_s=_detected_s(readings, incident),
        contain_s=_seconds(incident.began_at, incident.opened_at),
        verify_s=_seconds(incident.began_at, incident.verified_at) if incident.verified_at else None,
        spared=_spared(tx, readings, incident, theirs, now),
        proof=said[-1] if said else verifications.proof(tx, incident).sentence,
        reached=found,
    )


def _end(incident: Incident) -> datetime:
    """Until when what happened is told as a part of it."""
    return incident.closed_at or incident.opened_at + _COUNTED_ON


def _seconds(start: datetime, end: datetime) -> int:
    return max(0, int((end - start).total_seconds()))


def _cause(tx: Transaction, incident: Incident) -> StoredTrigger | None:
    """The trigger that began it; None where a person did, or where it is gone."""
    kind, _, key = incident.opened_by.partition(":")
    for item in triggers_of(tx, incident.rollout_id) if kind == "trigger" else ():
        if not isinstance(item, Broken) and isinstance(item, StoredTrigger) and item.trigger.key == key:
            return item
    return None


def _share_of(incident: Incident, changes: Sequence[RecordedChange]) -> float:
    """The part of users who got the candidate that went; all of them where there was none, or it cannot be told."""
    for change in changes:
        if incident.was_candidate and change.at == incident.opened_at and "candidate_share" in change.before:
            return typed(int, change.before["candidate_share"]) / WHOLE
    return 1.0


def _streak(readings: Sequence[StoredReading], incident: Incident) -> list[StoredReading]:
    """The readings in breach that led to it, without a break, oldest first."""
    streak: list[StoredReading] = []
    for reading in reversed([each for each in readings if each.evaluated_at <= incident.opened_at]):
        if reading.verdict != Verdict.BREACH:
            break
        streak.insert(0, reading)
    return streak


def _detected_s(readings: Sequence[StoredReading], incident: Incident) -> int | None:
    """From the first reading in breach until the trigger fired: the time it took to be sure."""
    streak = _streak(readings, incident)
    return _seconds(streak[0].evaluated_at, incident.began_at) if streak else None


def _spared(
    tx: Transaction, readings: Sequence[StoredReading], incident: Incident, theirs: float, now: datetime
) -> Spared | None:
    """What would have gone on as it was at the last reading in breach; None where nothing was counted."""
    streak = _streak(readings, incident)
    last = streak[-1] if streak else None
    if last is None or not last.total or last.bad is None:
        return None
    window_h = (last.window_end - last.window_start) / timedelta(hours=1)
    until = min(incident.closed_at or now, incident.opened_at + _COUNTED_ON)
    hours = max(timedelta(0), until - incident.opened_at) / timedelta(hours=1)
    if window_h <= 0:
        return None
    return Spared(
        share=last.bad / last.total,
        since=_answers_until(tx, incident, until),
        an_hour=last.total / window_h,
        hours=hours,
        theirs=theirs,
    )


def _answers_until(tx: Transaction, incident: Incident, until: datetime) -> int:
    """How many answers were given between when it was contained and an instant."""
    place = (incident.environment_id, incident.feature)
    return count_answers(tx, *place, incident.opened_at) - count_answers(tx, *place, until)


def _of_readings(readings: Sequence[StoredReading], incident: Incident) -> Iterator[Moment]:
    """Those around it; of many that say the same, the first."""
    before = ""
    for reading in readings:
        is_near = incident.began_at - _BEFORE <= reading.evaluated_at <= incident.opened_at + _AFTER
        if is_near and reading.verdict != before:
            sign = _BREACH if reading.verdict == Verdict.BREACH else _READING
            if reading.verdict in (Verdict.STALE, Verdict.SOURCE_ERROR):
                sign = _BLIND
            yield Moment(reading.evaluated_at, sign, reading.sentence)
        before = reading.verdict if is_near else before


def _of_changes(changes: Sequence[RecordedChange], incident: Incident) -> Iterator[Moment]:
    for change in changes:
        if incident.began_at - _BEFORE <= change.at <= _end(incident) and not change.name.startswith(
            "incident."
        ):
            reason = f": {change.reason}" if change.reason else ""
            yield Moment(change.at, _MOVE, f"{_begun(change_word(change.name))}{reason}", who(change.actor))


def _of_events(events: Sequence[Event]) -> Iterator[Moment]:
    for event in events:
        sign = _DONE if event.result in ("done", "moved", "already_there") else _OTHER
        number = f" {event.number}" if event.number is not None else ""
        told = f": {event.message}" if event.message else ""
        yield Moment(
            event.at,
            sign,
            f"{_begun(event.what.replace('_', ' '))}{number}, {event.result.replace('_', ' ')}{told}",
            who(event.actor),
        )


def _arrival(found: Spread) -> Iterator[Moment]:
    """When the last instance had it."""
    if found.made_at is not None and found.after is not None and found.is_everywhere:
        yield Moment(
            found.made_at + found.after, _ARRIVED, f"{found.sentence}; it took {duration_of(found.after)}"
        )


def _begun(text: str) -> str:
    return text[:1].upper() + text[1:]
