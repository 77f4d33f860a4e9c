"""Rollouts and triggers as the board shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.console.words import ACTIONS, MODES, Sign, days_since, duration, holder
from controller.store.columns import Broken
from controller.store.features import Feature
from controller.store.rollouts import StoredRollout
from controller.store.triggers import StoredTrigger
from stages import EXPOSED, Mode, Stage
from triggers import Arming, Phase, Rung, Verdict

_PATIENCE = timedelta(minutes=1)
"""How late an evaluation may be before nobody can say any more how things are."""

_FIRING = Sign("firing", "alarm", "alarm")
_FIRING_IN_SHADOW = Sign("firing in shadow", "alarm", "warn")
_BROKEN = Sign("set aside", "broken", "alarm")
_BLIND = Sign("blind", "blind", "warn")
_LATE = Sign("overdue", "blind", "warn")
_PENDING = Sign("pending", "clock", "warn")
_NEVER = Sign("no evaluation yet", "never", "plain")
_TOO_LITTLE = Sign("quiet, too little data", "quiet", "plain")
_QUIET = Sign("quiet", "quiet", "good")
_ORDER = (_FIRING, _BROKEN, _FIRING_IN_SHADOW, _BLIND, _LATE, _PENDING, _NEVER, _TOO_LITTLE, _QUIET)

ARMINGS = {
    Arming.SHADOW: Sign("shadow", "shadow", "plain"),
    Arming.HOLD: Sign("hold", "hold", "plain"),
    Arming.ACT: Sign("act", "trigger", "plain"),
}
_MAY = {
    Arming.SHADOW: "only watches: it records what it would have done",
    Arming.HOLD: "may keep the feature from going up, and nothing else",
    Arming.ACT: "does what its ladder says",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerLine:
    """A trigger on a card. ``ladder`` says what it did and will do, ``since`` is when its phase began."""

    key: str
    sign: Sign
    sentence: str
    arming: Sign | None = None
    may: str = ""
    ladder: str = ""
    since: datetime | None = None
    fires: bool = False

    @property
    def alarms(self) -> bool:
        """Whether somebody should look at it."""
        return self.sign in (_FIRING, _FIRING_IN_SHADOW, _BROKEN, _BLIND, _LATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenCard:
    """A rollout that cannot be read, and why. It is served as off."""

    key: str
    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A rollout on the board. ``exposed``: users may get the feature in this stage, if it is not off."""

    key: str
    name: str
    owner: str
    tier: str
    stage: Stage
    mode: Sign
    share: int
    cohorts: tuple[str, ...]
    tasks: tuple[str, ...]
    languages: tuple[str, ...]
    stable: str | None
    candidate: str | None
    candidate_share: int
    holds: tuple[str, ...]
    since: datetime
    age: str
    fallback: str
    exposed: bool
    off: bool
    can_stop: bool
    can_resume: bool
    triggers: tuple[TriggerLine, ...]
    ended: str = ""

    @property
    def candidate_reach(self) -> int:
        """The candidate's part of all users, in basis points."""
        return self.share * self.candidate_share // 10_000


def card(
    stored: StoredRollout, feature: Feature, watching: Sequence[StoredTrigger | Broken], now: datetime
) -> Card:
    """A rollout with its triggers, the most urgent first."""
    rollout = stored.rollout
    exposed, off = rollout.stage in EXPOSED, rollout.mode is Mode.OFF
    lines = [trigger_line(item, now) for item in watching]
    return Card(
        key=rollout.feature,
        name=feature.name or feature.key,
        owner=feature.owner,
        tier=stored.tier,
        stage=rollout.stage,
        mode=MODES[rollout.mode],
        share=rollout.exposure.share,
        cohorts=tuple(sorted(rollout.exposure.cohorts)),
        tasks=tuple(sorted(rollout.exposure.tasks)),
        languages=tuple(sorted(rollout.exposure.languages)),
        stable=rollout.stable,
        candidate=rollout.candidate,
        candidate_share=rollout.candidate_share,
        holds=tuple(holder(hold) for hold in sorted(rollout.holds)),
        since=rollout.stage_since,
        age=days_since(rollout.stage_since, now),
        fallback=stored.fallback,
        exposed=exposed,
        off=off,
        can_stop=exposed and not off,
        can_resume=bool(rollout.holds) or (exposed and rollout.mode is not Mode.LIVE),
        triggers=tuple(sorted(lines, key=lambda line: _ORDER.index(line.sign))),
    )


def trigger_line(item: StoredTrigger | Broken, now: datetime) -> TriggerLine:
    """A trigger, or what is known of one that cannot be read."""
    if isinstance(item, Broken):
        return TriggerLine(key=item.key, sign=_BROKEN, sentence=f"It cannot be read: {item.why}.")
    sign = _sign(item, now)
    return TriggerLine(
        key=item.trigger.key,
        sign=sign,
        sentence="Nobody evaluated it when it was due." if sign is _LATE else item.sentence,
        arming=ARMINGS[item.trigger.arming],
        may=_MAY[item.trigger.arming],
        ladder=_ladder(item),
        since=None if item.state.phase is Phase.QUIET else item.state.since,
        fires=item.state.phase is Phase.FIRING,
    )


def _sign(item: StoredTrigger, now: datetime) -> Sign:
    """What stands out most about a trigger. Firing goes on while it sees nothing."""
    if item.state.phase is Phase.FIRING:
        return _FIRING_IN_SHADOW if item.trigger.arming is Arming.SHADOW else _FIRING
    if now - item.due_at > _PATIENCE:
        return _LATE
    if item.verdict is None:
        return _NEVER
    if Verdict(item.verdict).is_blind:
        return _BLIND
    if item.state.phase is Phase.PENDING:
        return _PENDING
    return _TOO_LITTLE if item.verdict == Verdict.INSUFFICIENT else _QUIET


def _ladder(item: StoredTrigger) -> str:
    """What a firing trigger did of its ladder, and what comes next."""
    trigger, taken = item.trigger, item.state.rungs
    if item.state.phase is not Phase.FIRING or trigger.arming is not Arming.ACT:
        return ""
    done = ", ".join(ACTIONS[rung.do] for rung in trigger.ladder[:taken])
    told = [f"Done: {done}."] if done else []
    if taken < len(trigger.ladder):
        told.append(_next(trigger.ladder[taken], trigger.ladder[taken - 1].after_s if taken else 0))
    return " ".join(told)


def _next(rung: Rung, reached: int) -> str:
    wait = rung.after_s - reached
    due = f"Next, after {duration(wait)} more" if wait else "Next"
    return f"{due}: {ACTIONS[rung.do]}."
