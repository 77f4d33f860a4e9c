"""Do what the ladder of a trigger says: the only place where a verdict becomes a move."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from controller.actors import Actor, ActorKind
from controller.observability import ACTIONS
from controller.rollouts import Clock, Order, Rollouts
from controller.store.changes import Change, record
from controller.store.columns import Broken
from controller.store.database import Transaction
from controller.store.outbox import put
from controller.store.rollouts import StoredRollout, rollout_by_id
from controller.store.triggers import StoredTrigger
from stages import EXPOSED, Refused, Request
from triggers import Action, Arming, Phase, Rung, Step, Window, escalate


@dataclass(frozen=True, slots=True)
class Cause:
    """What is acted on: a trigger as it stood before it was judged, its rollout, and the window it was judged over."""

    stored: StoredTrigger
    rollout: StoredRollout
    window: Window

    @property
    def actor(self) -> Actor:
        """The trigger, as the one who acts."""
        return Actor(f"trigger:{self.stored.trigger.key}", ActorKind.TRIGGER)

    def evidence(self, outcome: Step) -> dict[str, Any]:
        """What the record keeps of why something was done."""
        return {
            "trigger": self.stored.trigger.key,
            "trigger_version": self.stored.version,
            "verdict": outcome.verdict.value,
            "numbers": dict(outcome.numbers),
            "window": [self.window.start.isoformat(), self.window.end.isoformat()],
        }


class Actions:
    """Takes the rungs of ladders, within the transaction in which the verdict is written."""

    def __init__(self, rollouts: Rollouts, now: Clock) -> None:
        self._rollouts = rollouts
        self._now = now

    def act(
        self, tx: Transaction, cause: Cause, outcome: Step, now: datetime
    ) -> tuple[Step, list[dict[str, str]]]:
        """Take the rungs that are due; where none of them can be carried out, the next ones at once.

        Gives the outcome with the rungs that were taken, and what became of each.

        Raises:
            VersionConflict: Somebody moved the rollout at the same moment; decide once more.
        """
        done: list[dict[str, str]] = []
        due = outcome.due
        while due:
            # Moves come first: a move locks the rollout, its environment and then the record, and telling locks the
            # record alone. The other way round, two evaluations could wait for each other.
            rungs = sorted(due, key=lambda rung: not rung.do.moves_traffic)
            results = [
                self._take(tx, cause, rung, outcome)
                for rung in _as_armed(tuple(rungs), cause.stored.trigger.arming)
            ]
            done += [{"action": action.value, "result": result} for action, result in results]
            if not all(result.startswith("impossible") for _, result in results):
                break
            state, due = escalate(cause.stored.trigger, outcome.state, now)
            outcome = replace(outcome, state=state)
        return outcome, done

    def tell(self, tx: Transaction, cause: Cause, outcome: Step, now: datetime) -> None:
        """Put into the outbox that the trigger began to fire, or stopped."""
        before, after = cause.stored.state.phase, outcome.state.phase
        if before is after or Phase.FIRING not in (before, after):
            return
        event = "trigger.fired" if after is Phase.FIRING else "trigger.cleared"
        told = {
            "trigger": cause.stored.trigger.key,
            "feature": cause.rollout.rollout.feature,
            "environment": cause.rollout.rollout.environment,
            "sentence": outcome.sentence,
        }
        put(tx, cause.rollout.project_id, event, told, now)

    def _take(self, tx: Transaction, cause: Cause, rung: Rung, outcome: Step) -> tuple[Action, str]:
        if cause.stored.trigger.arming is Arming.SHADOW:
            return rung.do, "shadow: not done"
        carry_out = self._move if rung.do.moves_traffic else self._task
        result = carry_out(tx, cause, rung, outcome)
        ACTIONS.labels(rung.do.value, result.split(":", 1)[0]).inc()
        return rung.do, result

    def _move(self, tx: Transaction, cause: Cause, rung: Rung, outcome: Step) -> str:
        current = rollout_by_id(tx, cause.rollout.id)
        if current is None or isinstance(current, Broken) or current.rollout.stage not in EXPOSED:
            return "unneeded: nobody has the feature"
        order = Order(
            request=_request(rung, current, cause.stored.trigger.key),
            actor=cause.actor,
            reason=outcome.sentence,
            evidence=cause.evidence(outcome),
            began_at=outcome.state.since,
        )
        try:
            self._rollouts.move_in(tx, current, order)
        except Refused as refused:
            codes = {refusal.code for refusal in refused.refusals}
            kind = "impossible" if "nothing_to_revert" in codes else "unneeded"
            return f"{kind}: {refused.refusals[0].message}"
        return "done"

    def _task(self, tx: Transaction, cause: Cause, rung: Rung, outcome: Step) -> str:
        """Tell somebody; the record shows it like any other action."""
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
        return "done"


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
