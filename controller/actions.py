"""Do what the ladder of a trigger says: the only place where a verdict becomes a move."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from controller.actors import Actor, ActorKind
from controller.guards import UNTOLD, Guards
from controller.rollouts import Clock, Order, Rollouts
from controller.shared_causes import Control, Finding, SharedCauses
from controller.store.changes import Change, record
from controller.store.columns import Broken
from controller.store.database import Transaction
from controller.store.narrowings import Narrowing, find_narrowing
from controller.store.outbox import News, put
from controller.store.rollouts import StoredRollout, rollout_by_id
from controller.store.triggers import StoredTrigger
from controller.tasks import ask_for
from stages import EXPOSED, NOBODY, Exposure, Mode, Refused, Request
from triggers import Action, Arming, Phase, Reading, Rung, Severity, Step, Window, escalate

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cause:
    """What is acted on: a trigger as it stood before it was judged, its rollout, and the window it was judged over.

    ``control`` is what was read of the stable release beside a candidate that may be blamed.
    """

    stored: StoredTrigger
    rollout: StoredRollout
    window: Window
    control: Reading | None = None

    @property
    def actor(self) -> Actor:
        """The trigger, as the one who acts."""
        return Actor(f"trigger:{self.stored.trigger.key}", ActorKind.TRIGGER)

    def told(self, outcome: Step) -> dict[str, Any]:
        """What the outside is told of it."""
        return {
            "trigger": self.stored.trigger.key,
            "feature": self.rollout.rollout.feature,
            "environment": self.rollout.rollout.environment,
            "sentence": outcome.sentence,
        }

    def evidence(self, outcome: Step) -> dict[str, Any]:
        """What the record keeps of why something was done."""
        return {
            "trigger": self.stored.trigger.key,
            "trigger_version": self.stored.version,
            "verdict": outcome.verdict.value,
            "numbers": dict(outcome.numbers),
            "window": [self.window.start.isoformat(), self.window.end.isoformat()],
        }


class Result(StrEnum):
    """What became of a rung."""

    DONE = "done"
    UNNEEDED = "unneeded"
    """Nobody has the feature, or it is already at least as safe."""
    OUTDONE = "outdone"
    """A stronger move was due at the same moment."""
    IMPOSSIBLE = "impossible"
    """It cannot be done, or it would not make the feature safer; something further down is."""
    HELD = "held"
    """The release is not to blame, so the rollout is held in the stead of a revert."""
    SHADOW = "shadow"
    """Only recorded."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A rung and what became of it."""

    do: Action
    result: Result
    why: str = ""

    @property
    def only_recorded(self) -> bool:
        """Whether nothing was even tried."""
        return self.result is Result.SHADOW

    def told(self) -> dict[str, str]:
        """As it stands in a reading."""
        return {"action": self.do.value, "result": f"{self.result}: {self.why}" if self.why else self.result}


class Actions:
    """Takes the rungs of ladders, within the transaction in which the verdict is written."""

    def __init__(self, rollouts: Rollouts, guards: Guards, shared: SharedCauses, now: Clock) -> None:
        self._rollouts = rollouts
        self._guards = guards
        self._shared = shared
        self._now = now

    def act(self, tx: Transaction, cause: Cause, outcome: Step, now: datetime) -> tuple[Step, list[Taken]]:
        """Take the rungs that are due; while a move among them cannot be made, the next ones at once.

        A ladder never ends in nothing: where no move on it can be made, the feature is switched off. Gives the
        outcome with the rungs that were taken, and what became of each.

        Raises:
            VersionConflict: Somebody moved the rollout at the same moment; decide once more.
        """
        if cause.stored.is_muted(now) and outcome.due:
            return _silenced(cause, outcome)
        taken, due = self._governed(tx, cause, outcome, now)
        while due:
            taken += self._take(tx, cause, due, outcome)
            if not _wanting(taken):
                break
            state, due = escalate(cause.stored.trigger, outcome.state, now)
            outcome = replace(outcome, state=state)
        if _wanting(taken) and outcome.state.severity is Severity.CRITICAL:
            taken.append(self._move(tx, cause, Rung(Action.DISABLE), outcome))
        return outcome, taken

    @staticmethod
    def news(cause: Cause, outcome: Step, taken: Sequence[Taken]) -> Iterator[News]:
        """What is to be told: what was done, that the trigger went blind or sees again, that it fired or stopped."""
        project_id, told = cause.rollout.project_id, cause.told(outcome)
        if any(each.result in (Result.DONE, Result.HELD) for each in taken):
            yield News(project_id, "action.done", {**told, "actions": [each.told() for each in taken]})
        if outcome.news:
            yield News(project_id, f"trigger.{outcome.news}", told)
        before, after = cause.stored.state.phase, outcome.state.phase
        if before is not after and Phase.FIRING in (before, after):
            event = "trigger.fired" if after is Phase.FIRING else "trigger.cleared"
            yield News(project_id, event, told)

    def _governed(
        self, tx: Transaction, cause: Cause, outcome: Step, now: datetime
    ) -> tuple[list[Taken], tuple[Rung, ...]]:
        """What is due; once triggers have moved the rollout often enough, off in the stead of every other move."""
        moves = [rung for rung in outcome.due if rung.do.strength > Action.HOLD.strength]
        if not moves or cause.stored.trigger.arming is not Arming.ACT:
            return [], outcome.due
        why = self._guards.enough(tx, cause.rollout, now)
        if not why:
            return [], outcome.due
        outdone = [Taken(rung.do, Result.OUTDONE, why) for rung in moves if rung.do is not Action.DISABLE]
        off = self._move(tx, cause, Rung(Action.DISABLE), outcome)
        if off.result is Result.DONE:
            told = {**cause.told(outcome), "reason": why}
            put(tx, cause.rollout.project_id, "governor.tripped", told, now)
        return [*outdone, off], tuple(rung for rung in outcome.due if rung not in moves)

    def _take(self, tx: Transaction, cause: Cause, due: tuple[Rung, ...], outcome: Step) -> Iterator[Taken]:
        """Take rungs that are due together: of the moves the strongest that can be made, of the rest all."""
        arming = cause.stored.trigger.arming
        if arming is Arming.SHADOW:
            yield from (Taken(rung.do, Result.SHADOW, "not done") for rung in due)
            return
        # Moves come first: a move locks the rollout, its environment and then the record, and telling locks the
        # record alone. The other way round, two evaluations could wait for each other.
        made: Action | None = None
        for rung in sorted(_as_armed(due, arming), key=lambda rung: -rung.do.strength):
            if made and Action.HOLD.strength < rung.do.strength:
                yield Taken(rung.do, Result.OUTDONE, f"{made} is stronger")
                continue
            carry_out = self._move if rung.do.moves_traffic else self._task
            taken = carry_out(tx, cause, rung, outcome)
            if taken.result is not Result.IMPOSSIBLE and rung.do.strength > Action.HOLD.strength:
                made = rung.do
            yield taken

    def _move(self, tx: Transaction, cause: Cause, rung: Rung, outcome: Step) -> Taken:
        current = rollout_by_id(tx, cause.rollout.id)
        if current is None or isinstance(current, Broken):
            return Taken(rung.do, Result.UNNEEDED, _NOBODY)
        if why := _needless(cause, current, rung):
            return Taken(rung.do, Result.UNNEEDED, why)
        finding = self._found(tx, cause, current, outcome) if rung.do is Action.REVERT else None
        if finding is not None and not finding.escape:
            return self._held(tx, cause, current, finding, outcome)
        if why := self._guards.against(tx, current, rung, self._now()):
            return Taken(rung.do, Result.IMPOSSIBLE, why)
        taken = self._moved(tx, cause, current, rung, outcome, blame=finding is None)
        self._note(tx, cause, current, finding)
        return taken

    def _found(self, tx: Transaction, cause: Cause, current: StoredRollout, outcome: Step) -> Finding | None:
        """Why no release is to blame; what cannot be found out keeps nothing from going down."""
        since = outcome.state.since or self._now()
        try:
            control = Control(cause.control, outcome.numbers.get("limit"))
            return self._shared.find(tx, current, cause.stored, control, since)
        except UNTOLD:
            log.exception("could not find out who is to blame for %s", current.rollout.feature)
            return None

    def _held(
        self, tx: Transaction, cause: Cause, current: StoredRollout, finding: Finding, outcome: Step
    ) -> Taken:
        """In the stead of a revert: nothing goes up, and no release is blamed."""
        self._moved(tx, cause, current, Rung(Action.HOLD), outcome)
        self._note(tx, cause, current, finding)
        return Taken(Action.REVERT, Result.HELD, f"shared cause: {finding.why}")

    def _note(self, tx: Transaction, cause: Cause, current: StoredRollout, finding: Finding | None) -> None:
        if finding is not None and finding.trouble is not None:
            trigger, now = cause.stored.trigger.key, self._now()
            self._shared.note(tx, current, trigger, finding.trouble, cause.actor, now)

    def _moved(
        self,
        tx: Transaction,
        cause: Cause,
        current: StoredRollout,
        rung: Rung,
        outcome: Step,
        *,
        blame: bool = True,
    ) -> Taken:
        order = Order(
            request=_request(tx, rung, current, cause.stored.trigger.key),
            actor=cause.actor,
            reason=outcome.sentence,
            evidence=cause.evidence(outcome),
            began_at=outcome.state.since,
            blame=blame,
        )
        if order.request.exposure == current.rollout.exposure:
            return Taken(rung.do, Result.UNNEEDED, "the exposure does not go beyond it")
        try:
            self._rollouts.move_in(tx, current, order)
        except Refused as refused:
            # A move that the table does not have from here leads nowhere safer than here.
            return Taken(rung.do, Result.UNNEEDED, refused.refusals[0].message)
        return Taken(rung.do, Result.DONE)

    def _task(self, tx: Transaction, cause: Cause, rung: Rung, outcome: Step) -> Taken:
        """Tell somebody, or ask for something to be done; the record shows it like any other action."""
        change = Change(
            project_id=cause.rollout.project_id,
            name=rung.do.value,
            actor=cause.actor,
            at=self._now(),
            feature=cause.rollout.rollout.feature,
            environment=cause.rollout.rollout.environment,
            reason=outcome.sentence,
            evidence=cause.evidence(outcome),
        )
        record(tx, change)
        if rung.do is Action.NOTIFY:
            return Taken(rung.do, Result.DONE)
        try:
            id, is_new = ask_for(tx, cause.rollout, rung, cause.actor, outcome.sentence, self._now())
        except UNTOLD as error:
            # The moves that were made in this transaction must not be lost for it.
            log.exception("could not open a task about %s", cause.rollout.rollout.feature)
            return Taken(rung.do, Result.IMPOSSIBLE, type(error).__name__)
        return (
            Taken(rung.do, Result.DONE) if is_new else Taken(rung.do, Result.UNNEEDED, f"task {id} is open")
        )


_NOBODY = "nobody has the feature"


def _silenced(cause: Cause, outcome: Step) -> tuple[Step, list[Taken]]:
    """Nothing is done while a trigger is muted, and its ladder stays where it is: afterwards it goes on from there."""
    why = f"muted until {cause.stored.muted_until:%Y-%m-%d %H:%M} UTC by {cause.stored.muted_by}"
    before = cause.stored.state
    state = replace(
        outcome.state,
        rungs=outcome.state.rungs - len(outcome.due),
        rung_at=before.rung_at,
        acted_at=before.acted_at,
    )
    muted = [Taken(rung.do, Result.SHADOW, why) for rung in outcome.due]
    return replace(outcome, state=state, due=()), muted


def _wanting(taken: list[Taken]) -> bool:
    """Whether a move was impossible and nothing was done in its stead.

    In the stead of a review that nobody has time for, only what is stronger will do, and no hold: the answers stay as
    unsafe.
    """
    lacking = [each.do for each in taken if each.do.moves_traffic and each.result is Result.IMPOSSIBLE]
    unreviewed = Action.REVIEW in lacking
    least = Action.REVIEW if unreviewed else Action.HOLD
    settled = {Result.DONE, Result.UNNEEDED} | (set() if unreviewed else {Result.HELD})
    return bool(lacking) and not any(
        each.do.strength > least.strength and each.result in settled for each in taken
    )


def _needless(cause: Cause, current: StoredRollout, rung: Rung) -> str:
    """Why a move would change nothing, or would be about something else than what was judged."""
    judged, present = cause.rollout.rollout, current.rollout
    if present.stage not in EXPOSED or present.mode is Mode.OFF:
        return _NOBODY
    served = (present.stable, present.candidate)
    if rung.do is Action.REVERT and served != (judged.stable, judged.candidate):
        # Two triggers that fire over one release must not revert twice.
        return "the releases that were judged are not served any more"
    return ""


def _as_armed(due: tuple[Rung, ...], arming: Arming) -> tuple[Rung, ...]:
    """What a trigger may do of what is due: one armed to hold does nothing to traffic but hold."""
    if arming is not Arming.HOLD:
        return due
    held = (Rung(Action.HOLD),) if any(rung.do.moves_traffic for rung in due) else ()
    return held + tuple(rung for rung in due if not rung.do.moves_traffic)


def _request(tx: Transaction, rung: Rung, current: StoredRollout, trigger: str) -> Request:
    if rung.do is Action.NARROW:
        return Request(move="narrow", exposure=_narrower(tx, rung, current))
    return Request(move=rung.do.value, hold=f"trigger:{trigger}")


def _narrower(tx: Transaction, rung: Rung, current: StoredRollout) -> Exposure:
    """What of the present exposure is left by a narrowing, by a share, or by half of the present one."""
    exposure = current.rollout.exposure
    if to := rung.args.get("to"):
        narrowing = find_narrowing(tx, current.id, str(to))
        # The guards have seen to it that it is there; nobody is the narrowest of all.
        return exposure.at_most(narrowing.ceiling if isinstance(narrowing, Narrowing) else NOBODY)
    share = int(rung.args.get("share", exposure.share // 2))
    return replace(exposure, share=min(exposure.share, share))
