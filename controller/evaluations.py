"""Evaluate triggers: the only place where a verdict is passed, and the only one that has it acted on.

Triggers that fell due together are loaded, read and judged together, and what came of the uneventful ones is written in
one transaction. Those that begin or stop firing, or have something to do, are judged once more: a few of one
environment in one transaction, or each in its own if anything is wrong with one of them.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from controller.actions import Actions, Cause, Taken
from controller.asking import Asker
from controller.errors import Conflict, VersionConflict
from controller.observability import ACTIONS, BROKEN_TRIGGERS, EVALUATIONS, SLOTS_MISSED
from controller.rollouts import Clock
from controller.store.claims import Claim, Settlement, give_back, hold, next_slot, set_aside, settle
from controller.store.database import Database, DatabaseUnavailable, Transaction
from controller.store.outbox import put_all
from controller.store.readings import NewReading, add_readings
from controller.store.rollouts import lock_rollouts
from controller.subjects import Subject, Unreadable, subjects_of
from triggers import Action, Arming, Phase, Reading, Step, is_blind, step

log = logging.getLogger(__name__)


class Result(StrEnum):
    """What became of a claim."""

    DONE = "done"
    LOST = "lost"
    """Somebody else holds the trigger now, it is gone, or what was read is about something that no longer holds."""
    BROKEN = "broken"
    """The trigger or its rollout cannot be read."""
    FAILED = "failed"
    """Something went wrong; the lease runs out and the trigger is tried again."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read for a claim."""

    claim: Claim
    subject: Subject
    readings: Sequence[Reading]
    control: Reading | None = None

    def is_about(self, releases: tuple[object, object] | None) -> bool:
        """Whether these are the stable and the candidate release it was read for."""
        return releases == self.subject.releases


@dataclass(frozen=True, slots=True)
class _Judged:
    """What was read, what came of it, and what became of the actions that fell due."""

    read: _Read
    outcome: Step
    at: datetime
    done: Sequence[Taken] = ()

    @property
    def is_eventful(self) -> bool:
        """Whether more is to be done than to write it down."""
        before, after = self.read.subject.stored.state.phase, self.outcome.state.phase
        due = bool(self.outcome.due or self.outcome.news)
        return due or (before is Phase.FIRING) is not (after is Phase.FIRING)

    @property
    def may_revert(self) -> bool:
        """Whether a candidate may be blamed for it."""
        trigger = self.read.subject.stored.trigger
        may_act = bool(self.outcome.due) and trigger.arming is Arming.ACT
        return may_act and any(rung.do is Action.REVERT for rung in trigger.ladder)

    @property
    def cause(self) -> Cause:
        """What is acted on."""
        subject = self.read.subject
        return Cause(subject.stored, subject.rollout, subject.window, self.read.control)

    @property
    def recorded(self) -> NewReading:
        """What is kept of it for good."""
        claim, subject = self.read.claim, self.read.subject
        return NewReading(
            trigger_id=claim.trigger_id,
            slot=claim.slot,
            version=subject.stored.version,
            sharing=subject.stored.trigger.sharing,
            max_staleness_s=subject.stored.trigger.max_staleness_s,
            before=subject.state,
            readings=self.read.readings,
            step=self.outcome,
            at=self.at,
            done=[taken.told() for taken in self.done],
        )

    def settlement(self, now: datetime) -> Settlement:
        """What it leaves in the trigger's row."""
        return Settlement(
            claim=self.read.claim,
            state=self.outcome.state,
            verdict=self.outcome.verdict.value,
            sentence=self.outcome.sentence,
            due_at=self.next_slot(now)[0],
            seen=not is_blind(self.read.subject.stored.rule, self.outcome.state),
        )

    def next_slot(self, now: datetime) -> tuple[datetime, int]:
        """When the trigger is due again, and how many slots were missed."""
        return next_slot(self.read.claim.slot, self.read.subject.stored.trigger.interval_s, now)


_ATTEMPTS = 3
"""How often a move is decided anew because somebody else moved the rollout at the same moment."""
_AT_ONCE = 25
"""How many evaluations that have something to do share a transaction: the first of them waits for the last."""
_PAUSE = timedelta(minutes=1)
"""How long a trigger rests when there is no rollout to judge."""


class Evaluations:
    """Carries out claims."""

    def __init__(self, database: Database, actions: Actions, asker: Asker, now: Clock) -> None:
        self._database = database
        self._actions = actions
        self._asker = asker
        self._now = now

    def evaluate(self, claim: Claim) -> Result:
        """Evaluate one trigger; see `evaluate_all`."""
        return self.evaluate_all([claim])[0]

    def evaluate_all(self, claims: Sequence[Claim]) -> list[Result]:
        """Read, judge and act once for each claim, and say what became of each, in order.

        The reading, the new state and every action of a trigger are written together or not at all. What goes wrong
        with one claim does not touch the others.

        Raises:
            DatabaseUnavailable: Nothing more can be done; the leases run out.
        """
        with self._database.read() as tx:
            subjects = subjects_of(tx, claims, self._now())
        results: dict[Claim, Result] = dict(self._pass_over(subjects))
        found = {claim: subject for claim, subject in subjects.items() if isinstance(subject, Subject)}
        readings = self._asker.ask(list(found.values()))
        read = [_Read(claim, found[claim], answers) for claim, answers in zip(found, readings, strict=True)]
        judged = list(self._judged(read))
        # What may stop a feature does not wait for what only has to be written down.
        for few in _few(self._with_controls([each for each in judged if each.is_eventful])):
            results |= self._at_once(few)
        results |= self._together([each for each in judged if not each.is_eventful])
        return [results.get(claim, Result.FAILED) for claim in claims]

    def _pass_over(
        self, subjects: Mapping[Claim, Subject | Unreadable | None]
    ) -> Iterator[tuple[Claim, Result]]:
        """See to those that cannot be evaluated."""
        for claim, subject in subjects.items():
            if isinstance(subject, Unreadable):
                yield claim, self._set_aside(claim, subject.why)
            elif subject is None:
                yield claim, self._rest(claim)

    def _judged(self, read: Iterable[_Read]) -> Iterator[_Judged]:
        now = self._now()
        for each in read:
            try:
                taken = step(each.subject.stored.rule, each.subject.state, each.readings, now)
                yield _Judged(each, taken, now)
            except Exception:
                # What no rule foresaw is wrong with this trigger alone.
                log.exception("the reading of %s could not be judged", each.claim)

    def _together(self, judged: Sequence[_Judged]) -> dict[Claim, Result]:
        """Write the uneventful ones in one go; one by one if something is wrong with one of them."""
        if not judged:
            return {}
        now = self._now()
        try:
            with self._database.write() as tx:
                releases = hold(tx, [each.read.claim for each in judged])
                current = [each for each in judged if each.read.is_about(releases.get(each.read.claim))]
                results = {each.read.claim: Result.LOST for each in judged}
                results |= {each.read.claim: Result.DONE for each in current}
                for claim in (claim for claim, result in results.items() if result is Result.LOST):
                    give_back(tx, claim, claim.slot)
                _write(tx, current, now)
        except DatabaseUnavailable:
            raise
        except Exception:
            log.exception("%s evaluations could not be written together", len(judged))
            return {each.read.claim: self._alone(each.read) for each in judged}
        _count(current, now)
        return results

    def _with_controls(self, judged: Sequence[_Judged]) -> list[_Read]:
        """What was read; if a candidate may be reverted, of the stable release besides: does it suffer, too?"""
        blaming = [each.read for each in judged if each.may_revert]
        controls = self._asker.ask_control([each.subject for each in blaming])
        control_of = {each.claim: control for each, control in zip(blaming, controls, strict=True)}
        return [replace(each.read, control=control_of.get(each.read.claim)) for each in judged]

    def _at_once(self, few: Sequence[_Read]) -> dict[Claim, Result]:
        """Judge a few triggers as they stand now, act, and write it all down; one by one if something is in the way."""
        try:
            with self._database.write() as tx:
                written, now = self._act(tx, few), self._now()
        except DatabaseUnavailable:
            raise
        except Exception as error:
            log.info("%s evaluations are acted on one by one: %s", len(few), type(error).__name__)
            return {each.claim: self._alone(each) for each in few}
        _count(written, now)
        done = {each.read.claim for each in written}
        return {each.claim: Result.DONE if each.claim in done else Result.LOST for each in few}

    def _alone(self, read: _Read) -> Result:
        """The same for one, again and again while others move its rollout."""
        for _ in range(_ATTEMPTS):
            try:
                with self._database.write() as tx:
                    written, now = self._act(tx, [read]), self._now()
            except (Conflict, VersionConflict):
                continue
            except DatabaseUnavailable:
                raise
            except Exception:
                log.exception("the evaluation of %s failed", read.claim)
                return Result.FAILED
            _count(written, now)
            return Result.DONE if written else Result.LOST
        log.error("the evaluation of %s met with other moves %s times", read.claim, _ATTEMPTS)
        return Result.FAILED

    def _act(self, tx: Transaction, few: Sequence[_Read]) -> list[_Judged]:
        """The evaluations as they were written, without those that count for nothing."""
        now = self._now()
        releases = hold(tx, [each.claim for each in few])
        held = [each for each in few if each.claim in releases]
        # All of them before the first move: whoever moves one of them locks in this order too.
        lock_rollouts(tx, *(each.subject.rollout.id for each in held))
        subjects = subjects_of(tx, [each.claim for each in held], now)
        judged: list[_Judged] = []
        for each in held:
            current = subjects[each.claim]
            if isinstance(current, Subject) and each.is_about(current.releases):
                judged.append(self._acted_on(tx, each, current, now))
            else:
                # What was read is about releases that no longer are the ones: read again, at once.
                give_back(tx, each.claim, each.claim.slot)
        _write(tx, judged, now)
        put_all(
            tx, [news for one in judged for news in self._actions.news(one.cause, one.outcome, one.done)], now
        )
        return judged

    def _acted_on(self, tx: Transaction, read: _Read, current: Subject, now: datetime) -> _Judged:
        current = replace(current, asks=read.subject.asks)
        judged = _Judged(
            replace(read, subject=current),
            step(current.stored.rule, current.state, read.readings, now),
            now,
        )
        outcome, done = self._actions.act(tx, judged.cause, judged.outcome, now)
        return replace(judged, outcome=outcome, done=done)

    def _rest(self, claim: Claim) -> Result:
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


def _few(read: Iterable[_Read]) -> Iterator[list[_Read]]:
    """Parts of what was read, in order, to be acted on together: each of one environment, and of every rollout once.

    What is done to a rollout may change what another trigger on it is about.
    """
    parts, earlier = defaultdict[tuple[int, int], list[_Read]](list), Counter[int]()
    for each in read:
        rollout = each.subject.rollout
        parts[rollout.environment_id, earlier[rollout.id]].append(each)
        earlier[rollout.id] += 1
    for part in parts.values():
        yield from (part[start : start + _AT_ONCE] for start in range(0, len(part), _AT_ONCE))


def _write(tx: Transaction, judged: Sequence[_Judged], now: datetime) -> None:
    """Record what was read and judged, and give the triggers back."""
    if not judged:
        return
    add_readings(tx, [each.recorded for each in judged])
    settle(tx, [each.settlement(now) for each in judged], now)


def _count(judged: Iterable[_Judged], now: datetime) -> None:
    for each in judged:
        EVALUATIONS.labels(each.outcome.verdict.value).inc()
        SLOTS_MISSED.inc(each.next_slot(now)[1])
        for taken in each.done:
            if not taken.only_recorded:
                ACTIONS.labels(taken.do.value, taken.result.value).inc()
