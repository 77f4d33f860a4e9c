"""Rollouts and triggers as the board shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.api.auth import rights
from controller.console.words import ACTIONS, MODES, Sign, days_since, duration, sentence
from controller.glances import Glance
from controller.permissions import Permission
from controller.store.columns import Broken
from controller.store.releases import StoredRelease
from controller.store.triggers import StoredTrigger
from stages import EXPOSED, WHOLE, Mode, Stage
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

_ALARMS = frozenset({_FIRING, _FIRING_IN_SHADOW, _BROKEN, _BLIND, _LATE})
_UNWATCHED = Sign("no trigger watches it", "blind", "warn")
_NOTHING = Sign("no trigger yet", "never", "plain")
_ASKED = Sign("asked for", "human", "review")
_CLEAR = Sign("clear", "quiet", "good")
_BLOCKED = Sign("blocked", "lock", "plain")

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
    """A trigger on a card. ``ladder`` says what it did and will do, ``since`` is when its phase began.

    ``told``: the sentence is not about a verdict, but about why there is none.
    """

    key: str
    sign: Sign
    sentence: str
    arming: Sign | None = None
    may: str = ""
    ladder: str = ""
    since: datetime | None = None
    fires: bool = False
    told: bool = False

    @property
    def alarms(self) -> bool:
        """Whether somebody should look at it."""
        return self.sign in _ALARMS


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenCard:
    """A rollout that cannot be read, and why. It is served as off."""

    key: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The next stage of a feature, and what stands before it: the first reason, and how many more there are."""

    stage: Stage
    sign: Sign
    text: str
    more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A rollout on the board. ``exposed``: users may get the feature in this stage, if it is not off.

    ``health`` is the sign of the trigger that stands out most, ``watch`` tells of it.
    """

    key: str
    name: str
    owner: str
    tier: str
    stage: Stage
    mode: Sign
    share: int
    candidate_reach: int
    release: StoredRelease | None
    candidate: StoredRelease | None
    held: bool
    since: datetime
    age: str
    exposed: bool
    off: bool
    can_stop: bool
    health: Sign
    watch: str
    step: Step | None
    ended: str = ""

    @property
    def troubled(self) -> bool:
        """Whether somebody should look at it."""
        return self.health in _ALARMS


def card(glance: Glance, now: datetime, ended: str = "") -> Card:
    """A rollout at a glance; ``ended`` is why it was stopped."""
    rollout, feature = glance.stored.rollout, glance.feature
    exposed, off = rollout.stage in EXPOSED, rollout.mode is Mode.OFF
    health, watch = _health([trigger_line(item, now) for item in glance.triggers], exposed=exposed)
    return Card(
        key=rollout.feature,
        name=feature.name or feature.key,
        owner=feature.owner,
        tier=glance.stored.tier,
        stage=rollout.stage,
        mode=MODES[rollout.mode],
        share=rollout.exposure.share,
        candidate_reach=rollout.exposure.share * rollout.candidate_share // WHOLE if rollout.candidate else 0,
        release=glance.stable,
        candidate=glance.candidate,
        held=bool(rollout.holds),
        since=rollout.stage_since,
        age=days_since(rollout.stage_since, now),
        exposed=exposed,
        off=off,
        can_stop=exposed and not off and rights().may(Permission.REDUCE, glance.stored.project_id),
        health=health,
        watch=watch,
        step=_step(glance),
        ended=ended,
    )


def in_order(lines: Iterable[TriggerLine]) -> list[TriggerLine]:
    """Triggers, the most urgent first."""
    return sorted(lines, key=lambda line: _ORDER.index(line.sign))


def _health(lines: list[TriggerLine], *, exposed: bool) -> tuple[Sign, str]:
    """The sign that stands out most, and which triggers show it."""
    if not lines:
        return (_UNWATCHED, "") if exposed else (_NOTHING, "")
    worst = in_order(lines)[0].sign
    same = [line.key for line in lines if line.sign is worst]
    if worst in _ALARMS:
        return worst, same[0] if len(same) == 1 else f"{same[0]} and {len(same) - 1} more"
    return worst, f"{len(lines)} trigger{'s' if len(lines) > 1 else ''}"


def _step(glance: Glance) -> Step | None:
    if glance.next is None:
        return None
    if not glance.blocked:
        if glance.asked:
            return Step(stage=glance.next, sign=_ASKED, text="asked for, waits for approval")
        return Step(stage=glance.next, sign=_CLEAR, text="nothing on record stands in the way")
    evidence = [each for each in glance.blocked if each.code.startswith("evidence_")]
    others = [each for each in glance.blocked if each not in evidence]
    told = [sentence(each.message).rstrip(".") for each in others]
    if evidence:
        count = len(evidence)
        told.append(f"{count} requirement{'s' if count > 1 else ''} of its gates not met")
    return Step(stage=glance.next, sign=_BLOCKED, text=told[0], more=len(told) - 1)


def trigger_line(item: StoredTrigger | Broken, now: datetime) -> TriggerLine:
    """A trigger, or what is known of one that cannot be read."""
    if isinstance(item, Broken):
        return TriggerLine(key=item.key, sign=_BROKEN, sentence=f"It cannot be read: {item.why}.", told=True)
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
        told=sign in (_LATE, _NEVER),
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
