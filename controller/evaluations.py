"""Evaluate one trigger once, and act on the verdict: the only place where a verdict becomes a move."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from controller.actors import Actor, ActorKind
from controller.errors import VersionConflict
from controller.observability import ACTIONS, BROKEN_TRIGGERS, EVALUATIONS, SLOTS_MISSED
from controller.rollouts import Clock, Order, Rollouts
from controller.sources import SOURCES, BadConfiguration
from controller.sources.access import Access
from controller.store.changes import Change, record
from controller.store.claims import Claim, give_back, is_mine, next_slot, set_aside, settle
from controller.store.columns import Broken
from controller.store.database import Database, Transaction
from controller.store.outbox import put
from controller.store.projects import project_keys
from controller.store.readings import add_reading
from controller.store.rollouts import StoredRollout, rollout_by_id
from controller.store.triggers import StoredTrigger, trigger_by_id
from stages import EXPOSED, Refused, Request, digest
from triggers import (
    Action,
    Arming,
    Phase,
    Reading,
    Rung,
    Scope,
    State,
    Status,
    Step,
    Window,
    enter_epoch,
    escalate,
    step,
    window,
)

log = logging.getLogger(__name__)


class Result(StrEnum):
    """What became of a claim."""

    DONE = "done"
    LOST = "lost"
    """Somebody else holds the trigger now, it is gone, or what was read is about something that no longer holds."""
    BROKEN = "broken"
    """The trigger or its rollout cannot be read."""


@dataclass(frozen=True, slots=True)
class _Subject:
    """All that one evaluation is about, as it stood at one moment."""

    project: str
    stored: StoredTrigger
    rollout: StoredRollout
    state: State
    window: Window

    def continues(self, earlier: _Subject) -> bool:
        """Whether a reading taken for the earlier subject may be judged now: same epoch, and nobody acknowledged."""
        return self.state.epoch == earlier.state.epoch and self.stored.state == earlier.stored.state


class _Unreadable(Exception):
    """The trigger's row does not hold a trigger."""


_ATTEMPTS = 3
"""How often a move is decided anew because somebody else moved the rollout at the same moment."""
_PAUSE = timedelta(minutes=1)
"""How long a trigger rests when there is no rollout to judge."""


class Evaluations:
    """Carries out claims."""

    def __init__(
        self, database: Database, rollouts: Rollouts, access: Access, now: Clock, read_deadline_s: float
    ) -> None:
        self._database = database
        self._rollouts = rollouts
        self._access = access
        self._now = now
        self._deadline_s = read_deadline_s

    def evaluate(self, claim: Claim) -> Result:
        """Read, judge and act once; the reading, the new state and every action are written together or not at all."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._evaluate(claim)
            except _Unreadable as unreadable:
                return self._set_aside(claim, str(unreadable))
            except VersionConflict:
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("every attempt returns or raises")

    def _evaluate(self, claim: Claim) -> Result:
        with self._database.read() as tx:
            subject = self._subject(tx, claim)
        if subject is None:
            return self._skip(claim)
        reading = self._read(subject)
        with self._database.write() as tx:
            if not is_mine(tx, claim):
                return Result.LOST
            current = self._subject(tx, claim)
            if current is None or not current.continues(subject):
                # What was read is about releases, a rule or a count that no longer hold: read again, at once.
                give_back(tx, claim, claim.slot)
                return Result.LOST
            return self._write(tx, claim, replace(current, window=subject.window), reading)

    def _subject(self, tx: Transaction, claim: Claim) -> _Subject | None:
        stored = trigger_by_id(tx, claim.trigger_id)
        if stored is None:
            return None
        if isinstance(stored, Broken):
            raise _Unreadable(stored.why)
        rollout = rollout_by_id(tx, stored.rollout_id)
        if rollout is None or isinstance(rollout, Broken):
            return None
        now = self._now()
        state = enter_epoch(stored.state, _epoch(stored, rollout), now)
        project = project_keys(tx)[rollout.project_id]
        settled = now - timedelta(seconds=_lag_s(stored))
        return _Subject(project, stored, rollout, state, window(stored.trigger, state, settled))

    def _read(self, subject: _Subject) -> Reading:
        stored = subject.stored
        if not subject.window.length:
            return Reading.missing(Status.NO_DATA, subject.window, "the window is empty")
        if stored.source_kind not in SOURCES:
            message = f"the source cannot be used: {stored.source_kind!r} is not a kind of source"
            return Reading.missing(Status.ERROR, subject.window, message)
        try:
            source = SOURCES[stored.source_kind].from_settings(stored.source_settings, self._access)
            return source.read(stored.query, _variables(subject), subject.window, self._deadline_s)
        except BadConfiguration as error:
            return Reading.missing(Status.ERROR, subject.window, f"the source cannot be used: {error}")
        except Exception as error:
            # A source promises not to raise. One that does must not be able to stop its trigger for good.
            log.exception("source %s failed", stored.source_key)
            return Reading.missing(Status.ERROR, subject.window, f"the source failed: {type(error).__name__}")

    def _write(self, tx: Transaction, claim: Claim, subject: _Subject, reading: Reading) -> Result:
        now, trigger = self._now(), subject.stored.trigger
        outcome = step(trigger, subject.state, reading, now)
        outcome, done = self._act(tx, subject, outcome, now)
        add_reading(tx, claim.trigger_id, claim.slot, reading, outcome, done, now)
        due_at, missed = next_slot(claim.slot, trigger.interval_s, now)
        settle(
            tx,
            claim,
            state=outcome.state,
            verdict=outcome.verdict.value,
            sentence=outcome.sentence,
            now=now,
            due_at=due_at,
        )
        self._tell(tx, subject, outcome, now)
        EVALUATIONS.labels(outcome.verdict.value).inc()
        SLOTS_MISSED.inc(missed)
        return Result.DONE

    def _act(
        self, tx: Transaction, subject: _Subject, outcome: Step, now: datetime
    ) -> tuple[Step, list[dict[str, str]]]:
        """Take the rungs that are due; where none of them can be carried out, the next ones at once."""
        done: list[dict[str, str]] = []
        due = outcome.due
        while due:
            # Moves come first: a move locks the rollout, its environment and then the record, and telling locks the
            # record alone. The other way round, two evaluations could wait for each other.
            rungs = sorted(due, key=lambda rung: not rung.do.moves_traffic)
            results = [
                self._take(tx, subject, rung, outcome)
                for rung in _as_armed(tuple(rungs), subject.stored.trigger.arming)
            ]
            done += [{"action": action.value, "result": result} for action, result in results]
            if not all(result.startswith("impossible") for _, result in results):
                break
            state, due = escalate(subject.stored.trigger, outcome.state, now)
            outcome = replace(outcome, state=state)
        return outcome, done

    def _take(self, tx: Transaction, subject: _Subject, rung: Rung, outcome: Step) -> tuple[Action, str]:
        trigger = subject.stored.trigger
        if trigger.arming is Arming.SHADOW:
            return rung.do, "shadow: not done"
        result = (
            self._move(tx, subject, rung, outcome)
            if rung.do.moves_traffic
            else self._task(tx, subject, rung, outcome)
        )
        ACTIONS.labels(rung.do.value, result.split(":", 1)[0]).inc()
        return rung.do, result

    def _move(self, tx: Transaction, subject: _Subject, rung: Rung, outcome: Step) -> str:
        current = rollout_by_id(tx, subject.rollout.id)
        if current is None or isinstance(current, Broken) or current.rollout.stage not in EXPOSED:
            return "unneeded: nobody has the feature"
        order = Order(
            request=_request(rung, current, subject.stored.trigger.key),
            actor=_actor(subject),
            reason=outcome.sentence,
            evidence=_evidence(subject, outcome),
            began_at=outcome.state.since,
        )
        try:
            self._rollouts.move_in(tx, current, order)
        except Refused as refused:
            codes = {refusal.code for refusal in refused.refusals}
            kind = "impossible" if "nothing_to_revert" in codes else "unneeded"
            return f"{kind}: {refused.refusals[0].message}"
        return "done"

    def _task(self, tx: Transaction, subject: _Subject, rung: Rung, outcome: Step) -> str:
        """Tell somebody; the record shows it like any other action."""
        change = Change(
            project_id=subject.rollout.project_id,
            name=rung.do.value,
            actor=_actor(subject),
            at=self._now(),
            feature=subject.rollout.rollout.feature,
            environment=subject.rollout.rollout.environment,
            reason=outcome.sentence,
            evidence=_evidence(subject, outcome),
        )
        record(tx, change)
        return "done"

    def _tell(self, tx: Transaction, subject: _Subject, outcome: Step, now: datetime) -> None:
        before, after = subject.stored.state.phase, outcome.state.phase
        if before is after or Phase.FIRING not in (before, after):
            return
        event = "trigger.fired" if after is Phase.FIRING else "trigger.cleared"
        told = {
            "trigger": subject.stored.trigger.key,
            "feature": subject.rollout.rollout.feature,
            "environment": subject.rollout.rollout.environment,
            "sentence": outcome.sentence,
        }
        put(tx, subject.rollout.project_id, event, told, now)

    def _skip(self, claim: Claim) -> Result:
        """Pass over a trigger whose rollout is gone or cannot be read; the latter is served as off meanwhile."""
        with self._database.write() as tx:
            give_back(tx, claim, self._now() + _PAUSE)
        return Result.BROKEN

    def _set_aside(self, claim: Claim, why: str) -> Result:
        log.error("trigger %s is set aside: %s", claim.trigger_id, why)
        with self._database.write() as tx:
            set_aside(tx, claim, why)
        BROKEN_TRIGGERS.inc()
        return Result.BROKEN


def _lag_s(stored: StoredTrigger) -> float:
    source = SOURCES.get(stored.source_kind)
    return source.lag_s if source else 0.0


def _epoch(stored: StoredTrigger, rollout: StoredRollout) -> str:
    """What is being judged: the rule in its version, and the releases it is about."""
    return digest([stored.version, rollout.rollout.stable, rollout.rollout.candidate])[:16]


def _variables(subject: _Subject) -> Mapping[str, str]:
    rollout = subject.rollout.rollout
    variables = {
        "project": subject.project,
        "environment": rollout.environment,
        "feature": rollout.feature,
        "stage": rollout.stage.value,
    }
    release = rollout.candidate or rollout.stable
    if subject.stored.trigger.scope is Scope.CANDIDATE and release:
        variables["release"] = release
    return variables


def _as_armed(due: tuple[Rung, ...], arming: Arming) -> tuple[Rung, ...]:
    """What a trigger may do of what is due: one armed to hold does nothing to traffic but hold."""
    if arming is not Arming.HOLD:
        return due
    held = (Rung(Action.HOLD),) if any(rung.do.moves_traffic for rung in due) else ()
    return held + tuple(rung for rung in due if not rung.do.moves_traffic)


def _request(rung: Rung, current: StoredRollout, trigger: str) -> Request:
    if rung.do is not Action.NARROW:
        return Request(move=rung.do.value, hold=f"trigger:{trigger}")
    exposure = current.rollout.exposure
    share = min(exposure.share, rung.args.get("share", exposure.share // 2))
    return Request(move="narrow", exposure=replace(exposure, share=share))


def _actor(subject: _Subject) -> Actor:
    return Actor(f"trigger:{subject.stored.trigger.key}", ActorKind.TRIGGER)


def _evidence(subject: _Subject, outcome: Step) -> dict[str, Any]:
    return {
        "trigger": subject.stored.trigger.key,
        "trigger_version": subject.stored.version,
        "verdict": outcome.verdict.value,
        "numbers": dict(outcome.numbers),
        "window": [subject.window.start.isoformat(), subject.window.end.isoformat()],
    }
