"""Evaluate one trigger once: the only place where a verdict is passed, and the only one that has it acted on."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from controller.actions import Actions, Cause
from controller.errors import VersionConflict
from controller.observability import BROKEN_TRIGGERS, EVALUATIONS, SLOTS_MISSED
from controller.rollouts import Clock
from controller.sources import SOURCES, BadConfiguration
from controller.sources.access import Access
from controller.store.claims import Claim, give_back, is_mine, next_slot, set_aside, settle
from controller.store.columns import Broken
from controller.store.database import Database, Transaction
from controller.store.projects import project_keys
from controller.store.readings import add_reading
from controller.store.rollouts import StoredRollout, rollout_by_id
from controller.store.triggers import StoredTrigger, trigger_by_id
from stages import digest
from triggers import (
    Reading,
    Scope,
    State,
    Status,
    Window,
    enter_epoch,
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
        self, database: Database, actions: Actions, access: Access, now: Clock, read_deadline_s: float
    ) -> None:
        self._database = database
        self._actions = actions
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
        cause = Cause(subject.stored, subject.rollout, subject.window)
        outcome, done = self._actions.act(tx, cause, outcome, now)
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
        self._actions.tell(tx, cause, outcome, now)
        EVALUATIONS.labels(outcome.verdict.value).inc()
        SLOTS_MISSED.inc(missed)
        return Result.DONE

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
