"""The use cases of ramps: start, pause, approve; and the pass that lets them take their steps by themselves."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from controller.actors import Actor, ActorKind
from controller.cases import Cases, watch_of
from controller.errors import Conflict, Problem
from controller.persons import ONE, are_one
from controller.rollouts import Clock, Order, Rollouts, Where, locate, not_a_person
from controller.servings import Servings
from controller.store.changes import Change, record
from controller.store.columns import Broken
from controller.store.database import Database, DatabaseUnavailable, Transaction
from controller.store.outcomes import count_answers
from controller.store.ramps import keep_ramp, ramp_of, rollouts_on_probation, running_ramps
from controller.store.rollouts import StoredRollout, lock_rollout, rollout_by_id
from controller.store.triggers import triggers_of
from stages import (
    CHANGED_SINCE_SEEN,
    EXPOSED,
    Case,
    Footing,
    Plan,
    Ramp,
    RampState,
    Refusal,
    Refused,
    Request,
    Rollout,
    Step,
    advance_to,
    approve_step,
    count_on,
    look,
    next_step,
    no_step_left,
    start_ramp,
    step_seen,
)
from triggers import Arming

log = logging.getLogger(__name__)

EVERY_S = 5.0
"""How often a ramp is looked at."""
LONGEST_GAP = timedelta(seconds=3 * EVERY_S)
"""How much of a time without looks counts at most."""
RAMP = Actor("ramp", ActorKind.SCHEDULE)
_REST = timedelta(seconds=EVERY_S / 2)
"""Whoever comes so soon after another worker has nothing to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RampStanding:
    """Where the ramp of a rollout stands.

    ``why`` are the reasons why it does not go on, or what it waits for. ``next`` is None at the top, and then there is
    no ``step`` either. ``next_at`` is the earliest time at which the next step can be taken, None if that depends on
    more than time. ``agreed`` are the people who approved the next step as it is now, ``seen`` is the digest that
    binds them.
    """

    state: RampState
    why: tuple[Refusal, ...] = ()
    started_by: str = ""
    share: int
    step: Step | None = None
    next: Step | None = None
    step_since: datetime | None = None
    credited_s: int = 0
    answers: int = 0
    next_at: datetime | None = None
    agreed: frozenset[str] = frozenset()
    seen: str = ""


@dataclass(frozen=True, slots=True)
class _Subject:
    """What one look at a ramp is about, as it stands at one moment."""

    ramp: Ramp
    case: Case
    plan: Plan
    answers: int


class Ramps:
    """Lets exposure grow within a stage, as people agreed to it."""

    def __init__(self, database: Database, cases: Cases, rollouts: Rollouts, now: Clock) -> None:
        self._database = database
        self._cases = cases
        self._rollouts = rollouts
        self._now = now
        self._servings = Servings(database, cases, now, LONGEST_GAP)

    def run(self) -> None:
        """One pass: each ramp that runs takes at most one step, and each release on probation is counted on.

        Any number of workers may do it at once.
        """
        with self._database.read() as tx:
            running, on_probation = running_ramps(tx), rollouts_on_probation(tx)
        _each(running, self._climb)
        _each(on_probation, self._servings.count)

    def start(self, where: Where, actor: Actor, reason: str) -> RampStanding:
        """Start a ramp from the present share, or go on with one that was paused.

        Raises:
            Refused: There is no further step, or the actor is no person.
            Conflict: It is running already.
        """
        _refuse_unless_person(actor)
        with self._database.write() as tx:
            stored, ramp = self._alone(tx, where)
            if self._next_step(tx, stored) is None:
                raise Refused([no_step_left(stored.rollout)])
            if ramp and ramp.state is RampState.RUNNING:
                message = "the ramp is running already"
                raise Conflict("ramp_running", message, Problem("ramp", message, "look at why it waits"))
            is_paused = ramp is not None and ramp.state is RampState.PAUSED
            started = (
                ramp.resumed() if ramp and is_paused else start_ramp(stored.rollout, actor.name, self._now())
            )
            keep_ramp(tx, stored.id, started)
            self._record(tx, stored, "ramp.start", actor, reason, started)
            return self.standing(tx, stored)

    def pause(self, where: Where, actor: Actor, reason: str) -> RampStanding:
        """Let a ramp wait until a person lets it go on; what it has earned stays.

        Raises:
            Conflict: It does not run.
        """
        with self._database.write() as tx:
            stored, ramp = self._alone(tx, where)
            if ramp is None or ramp.state is not RampState.RUNNING:
                message = "the ramp does not run; there is nothing to pause"
                raise Conflict("ramp_not_running", message, Problem("ramp", message, "start it first"))
            paused = ramp.paused(f"paused by {actor.name}: {reason}")
            keep_ramp(tx, stored.id, paused)
            self._record(tx, stored, "ramp.pause", actor, reason, paused)
            return self.standing(tx, stored)

    def approve(self, where: Where, actor: Actor, seen: str | None = None) -> RampStanding:
        """Agree to the next step as it is now; ``seen``: the digest of what was looked at, if it is to be that.

        Raises:
            Refused: There is none, the actor may not approve it, or it is no longer what was looked at.
            Conflict: The ramp is off.
        """
        _refuse_unless_person(actor)
        with self._database.write() as tx:
            stored, ramp = self._alone(tx, where)
            if self._next_step(tx, stored) is None:
                raise Refused([no_step_left(stored.rollout)])
            if ramp is None or ramp.state not in (RampState.RUNNING, RampState.PAUSED):
                message = "the ramp is off; start it before anybody approves a step"
                raise Conflict("ramp_not_running", message, Problem("ramp", message, "start it first"))
            subject = self._subject(tx, stored, ramp, self._now())
            _refuse_the_same_person(tx, stored, subject.ramp, actor)
            if seen not in (None, _seen(subject)):
                raise Refused([CHANGED_SINCE_SEEN])
            approved = approve_step(
                subject.ramp, subject.case, subject.plan[stored.rollout.stage], actor.name
            )
            keep_ramp(tx, stored.id, approved)
            self._record(tx, stored, "ramp.approve", actor, "", approved)
            return self.standing(tx, stored)

    def standing(self, tx: Transaction, stored: StoredRollout) -> RampStanding:
        """Where the ramp of a rollout stands at this moment."""
        now, ramp, share = self._now(), ramp_of(tx, stored.id), stored.rollout.exposure.share
        if self._next_step(tx, stored) is None:
            return _at_the_top(ramp, stored.rollout)
        if ramp is None:
            return RampStanding(state=RampState.OFF, why=(_off("nobody started it"),), share=share)
        subject = self._subject(tx, stored, ramp, now)
        footing = look(subject.ramp, subject.case, subject.plan, subject.answers, now)
        state, why = _told(ramp, footing)
        return RampStanding(
            state=state,
            why=why,
            started_by=ramp.started_by,
            share=share,
            step=footing.step,
            next=footing.next,
            step_since=subject.ramp.step_since,
            credited_s=int(subject.ramp.credit.earned.total_seconds()),
            answers=subject.answers,
            next_at=_earliest(subject.ramp, footing, now) if state is RampState.RUNNING else None,
            agreed=footing.agreed,
            seen=_seen(subject),
        )

    def _climb(self, rollout_id: int) -> None:
        """Look without keeping anybody waiting; then write what was earned, or take the step after a second look."""
        with self._database.read() as tx:
            before = self._running(tx, rollout_id)
            if before is None:
                return
            counted, is_due = self._counted(tx, *before)
        with self._database.write() as tx:
            lock_rollout(tx, rollout_id)
            current = self._running(tx, rollout_id)
            if current is None or current != before:
                # Somebody has moved the feature or counted meanwhile; the next pass sees to the rest.
                return
            after = self._taken(tx, *current) if is_due else counted
            if after != current[1]:
                keep_ramp(tx, rollout_id, after)

    def _running(self, tx: Transaction, rollout_id: int) -> tuple[StoredRollout, Ramp] | None:
        """A rollout and its ramp, if it is to be looked at now."""
        stored, ramp = rollout_by_id(tx, rollout_id), ramp_of(tx, rollout_id)
        if stored is None or isinstance(stored, Broken) or ramp is None or not _is_due(ramp, self._now()):
            return None
        return stored, ramp

    def _counted(self, tx: Transaction, stored: StoredRollout, ramp: Ramp) -> tuple[Ramp, bool]:
        """The ramp with what it has earned, and whether its next step is to be taken."""
        if self._next_step(tx, stored) is None:
            return replace(ramp, state=RampState.FINISHED), False
        counted, footing = self._count_on(self._subject(tx, stored, ramp, self._now()))
        return counted, footing.is_due

    def _taken(self, tx: Transaction, stored: StoredRollout, ramp: Ramp) -> Ramp:
        """The ramp at its next step, if nothing has come up since the look before."""
        now = self._now()
        subject = self._subject(tx, stored, ramp, now)
        counted, footing = self._count_on(subject)
        if not footing.is_due:
            return counted
        after = self._rollouts.move_in(tx, stored, _step_order(replace(subject, ramp=counted), footing))
        is_last = next_step(subject.plan[after.stage].ramp, after.exposure.share) is None
        return replace(
            counted.anew(after.stable, now), state=RampState.FINISHED if is_last else RampState.RUNNING
        )

    def _count_on(self, subject: _Subject) -> tuple[Ramp, Footing]:
        return count_on(subject.ramp, subject.case, subject.plan, subject.answers, self._now(), LONGEST_GAP)

    def _next_step(self, tx: Transaction, stored: StoredRollout) -> Step | None:
        rollout = stored.rollout
        if rollout.stage not in EXPOSED:
            return None
        return next_step(self._cases.plan_of(tx, stored)[rollout.stage].ramp, rollout.exposure.share)

    def _subject(self, tx: Transaction, stored: StoredRollout, ramp: Ramp, now: datetime) -> _Subject:
        ramp = ramp.of(stored.rollout, now)
        case = self._cases.case(tx, stored, Request(move="advance"), ramp.started_by, now)
        case = replace(case, matters=(*case.matters, *_blind_holders(tx, stored, now)))
        answers = count_answers(tx, stored.environment_id, stored.rollout.feature, ramp.step_since)
        return _Subject(ramp, case, self._cases.plan_of(tx, stored), answers)

    def _alone(self, tx: Transaction, where: Where) -> tuple[StoredRollout, Ramp | None]:
        """The rollout and its ramp, locked: nobody moves it or counts on meanwhile."""
        lock_rollout(tx, locate(tx, where).id)
        stored = locate(tx, where)
        return stored, ramp_of(tx, stored.id)

    def _record(
        self, tx: Transaction, stored: StoredRollout, name: str, actor: Actor, reason: str, ramp: Ramp
    ) -> None:
        record(tx, _change(stored, name, actor, reason, ramp, self._now()))


def begin_ramp(
    tx: Transaction, stored: StoredRollout, arrived: Rollout, plan: Plan, by: str, now: datetime
) -> None:
    """Start the ramp of a stage that was just entered, if it has more steps; ``by`` is who asked for the promotion."""
    steps = plan[arrived.stage].ramp
    if len(steps) == 1 or next_step(steps, arrived.exposure.share) is None:
        return
    ramp = start_ramp(arrived, by, now)
    keep_ramp(tx, stored.id, ramp)
    record(tx, _change(stored, "ramp.start", Actor(by), f"promoted to {arrived.stage}", ramp, now))


def _change(stored: StoredRollout, name: str, actor: Actor, reason: str, ramp: Ramp, now: datetime) -> Change:
    return Change(
        project_id=stored.project_id,
        name=name,
        actor=actor,
        at=now,
        feature=stored.rollout.feature,
        environment=stored.rollout.environment,
        reason=reason,
        evidence={"ramp": ramp.state.value, "started_by": ramp.started_by, "credited_s": _earned_s(ramp)},
    )


def _each(ids: Iterable[int], do: Callable[[int], None]) -> None:
    """Do something for each rollout; what goes wrong with one does not keep the others waiting."""
    for id in ids:
        try:
            do(id)
        except DatabaseUnavailable:
            raise
        except Exception:
            log.exception("the pass over rollout %s failed", id)


def _seen(subject: _Subject) -> str:
    """The digest of what is shown to whoever approves the next step, of which there is one."""
    rollout = subject.case.rollout
    stage = subject.plan[rollout.stage]
    following = next_step(stage.ramp, rollout.exposure.share)
    return step_seen(subject.ramp, subject.case, stage, following) if following else ""


def _is_due(ramp: Ramp, now: datetime) -> bool:
    return ramp.state is RampState.RUNNING and abs(now - ramp.credit.counted_at) >= _REST


def _step_order(subject: _Subject, footing: Footing) -> Order:
    rollout, earned_s = subject.case.rollout, _earned_s(subject.ramp)
    evidence: dict[str, Any] = {
        "from_share": rollout.exposure.share,
        "to_share": footing.next.share,
        "credited_s": earned_s,
        "answers": subject.answers,
        "started_by": subject.ramp.started_by,
        "approved_by": sorted(footing.agreed),
    }
    reason = (
        f"from {rollout.exposure.share} to {footing.next.share} basis points after {earned_s} good seconds "
        f"and {subject.answers} answers"
    )
    return Order(request=advance_to(rollout, footing.next), actor=RAMP, reason=reason, evidence=evidence)


def _earned_s(ramp: Ramp) -> int:
    return int(ramp.credit.earned.total_seconds())


def _blind_holders(tx: Transaction, stored: StoredRollout, now: datetime) -> Iterable[Refusal]:
    """A trigger that may hold the feature and sees nothing; of those that may act, every case tells by itself."""
    for item in triggers_of(tx, stored.id):
        if isinstance(item, Broken) or item.trigger.arming is not Arming.HOLD:
            continue
        if watch_of(item, now, stored.rollout).blind:
            message = f"the trigger {item.trigger.key} sees nothing at the moment"
            yield Refusal("trigger_blind", message, "mend its source first", item.trigger.key)


def _told(ramp: Ramp, footing: Footing) -> tuple[RampState, tuple[Refusal, ...]]:
    """The state as people see it, and why: a ramp that earns nothing is paused, whatever it would like to do."""
    if ramp.state is RampState.RUNNING and not footing.pauses:
        return RampState.RUNNING, footing.waits
    if ramp.state is RampState.RUNNING:
        return RampState.PAUSED, footing.pauses
    if ramp.state is RampState.PAUSED:
        remedy = "let it go on"
        return RampState.PAUSED, (Refusal("ramp_paused", ramp.why, remedy, "ramp"), *footing.pauses)
    # Finished, but the plan has got a further step since: nothing goes on by itself.
    return RampState.OFF, (_off(ramp.why or "it had taken its last step"),)


def _off(why: str) -> Refusal:
    return Refusal(
        "ramp_off", f"the ramp is off: {why}", "start it, if it shall go on from the present share", "ramp"
    )


def _at_the_top(ramp: Ramp | None, rollout: Rollout) -> RampStanding:
    """A ramp without a further step: it came to its end, or there never was one."""
    share = rollout.exposure.share
    if ramp is not None and ramp.state in (RampState.RUNNING, RampState.FINISHED):
        return RampStanding(state=RampState.FINISHED, started_by=ramp.started_by, share=share)
    why = _off(ramp.why) if ramp else no_step_left(rollout)
    return RampStanding(state=RampState.OFF, why=(why,), share=share)


def _earliest(ramp: Ramp, footing: Footing, now: datetime) -> datetime | None:
    """When the next step can be taken at the earliest; None while answers or people are missing."""
    if {refusal.code for refusal in footing.waits} - {"step_holding"}:
        return None
    return now + max(timedelta(0), timedelta(seconds=footing.step.hold_s) - ramp.credit.earned)


def _refuse_the_same_person(tx: Transaction, stored: StoredRollout, ramp: Ramp, actor: Actor) -> None:
    """Two actors are two people only if they did not come from each other."""
    for other in (ramp.started_by, *(approval.actor for approval in ramp.approvals)):
        if other != actor.name and are_one(tx, stored.project_id, other, actor.name):
            message = f"{other} and you count as one: {ONE}"
            raise Refused([Refusal("self_approval", message, "ask somebody else to approve its step")])


def _refuse_unless_person(actor: Actor) -> None:
    if actor.kind is not ActorKind.HUMAN:
        raise Refused([not_a_person(actor)])
