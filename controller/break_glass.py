"""The use cases of an emergency: enter a stage without what it asks for, for a while, and answer for it afterwards."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from controller.actors import Actor, ActorKind
from controller.cases import Cases
from controller.persons import are_one
from controller.rollouts import Clock, Order, Parts, Rollouts, Where, locate, with_exposure
from controller.store.break_glass import (
    BreakGlass,
    add_break_glass,
    announcement,
    end_break_glass,
    get_break_glass,
    is_below,
    overdue,
    review_break_glass,
)
from controller.store.changes import Change, record
from controller.store.columns import Broken
from controller.store.database import Database, Transaction
from controller.store.outbox import put
from controller.store.rollouts import StoredRollout, lock_rollout, rollout_by_id
from stages import (
    EXPOSED,
    Answer,
    Mode,
    Refusal,
    Request,
    Stage,
    check_promotion,
    refuse_unless_empty,
)

log = logging.getLogger(__name__)

BREAK_GLASS = Actor("break-glass", ActorKind.SCHEDULE)
"""Who takes a feature back down when its time is over."""

END_EVERY_S = 5.0

SKIPPED = frozenset(
    {
        *(f"evidence_{answer}" for answer in Answer),
        "self_waived",
        "soaking",
        "samples_missing",
        "criterion_unmeasured",
        "criterion_missed",
        "approvals_missing",
        "triggers_missing",
        "trigger_class_missing",
        "trigger_blind",
        "model_unpinned",
        "model_retires",
    }
)
"""The reasons against a promotion that do not count in an emergency. Every other one, also one yet to come, does."""

_NOT_ASKED_AGAIN = frozenset({"approvals_missing", "soaking", "break_glass_unreviewed"})
"""The reasons against a promotion that do not count once somebody else stands in for the stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency:
    """What somebody asks for: the next stage, for so many minutes, and why. ``exposure`` as in an `Order`."""

    stage: Stage
    exposure: Parts | None
    minutes: int
    reason: str


class BreakGlassDesk:
    """Lets stages be entered in an emergency, sees that they are left again, and that somebody else looks at it."""

    def __init__(self, database: Database, cases: Cases, rollouts: Rollouts, now: Clock) -> None:
        self._database = database
        self._cases = cases
        self._rollouts = rollouts
        self._now = now

    def enter(self, where: Where, asked: Emergency, actor: Actor) -> BreakGlass:
        """Enter the next stage now. Whether the actor may do so is for the door to say.

        Raises:
            Refused: There is a reason against it that counts in an emergency too; carries all of those.
        """
        with self._database.write() as tx:
            stored, now = _alone(tx, where), self._now()
            request = with_exposure(Request(move="promote", stage=asked.stage), stored, asked.exposure)
            case = self._cases.case(tx, stored, request, actor.name, now)
            reasons = check_promotion(case, self._cases.plan_of(tx, stored), now)
            refuse_unless_empty(reason for reason in reasons if reason.code not in SKIPPED)
            glass = add_break_glass(
                tx,
                stored,
                actor=actor.name,
                reason=asked.reason,
                skipped=reasons,
                to_stage=asked.stage,
                opened_at=now,
                until=now + timedelta(minutes=asked.minutes),
            )
            self._rollouts.move_in(tx, stored, _way_in(request, glass, actor))
            put(tx, stored.project_id, "break_glass.entered", announcement(stored, glass), now)
        _say_aloud(where, glass)
        return glass

    def regularise(self, where: Where, id: int, actor: Actor, reason: str) -> BreakGlass:
        """Let the feature stay in the stage, now that it has what the stage asks for.

        Raises:
            Refused: The actor broke the glass, its time is over, or something besides time and approvals is missing.
        """
        with self._database.write() as tx:
            stored, now = _alone(tx, where), self._now()
            glass = get_break_glass(tx, stored.id, id)
            refuse_unless_empty(self._against_staying(tx, stored, glass, actor, now))
            end_break_glass(tx, stored, glass, "regularise", actor, now)
            _record(tx, stored, "break_glass.regularise", actor, reason, glass, now)
            return get_break_glass(tx, stored.id, id)

    def review(self, where: Where, id: int, actor: Actor, reason: str) -> BreakGlass:
        """Note what somebody else found who looked at it; until then the feature is not promoted.

        Raises:
            Refused: The actor broke the glass, or it was reviewed before.
        """
        with self._database.write() as tx:
            stored, now = _alone(tx, where), self._now()
            glass = get_break_glass(tx, stored.id, id)
            refuse_unless_empty(_against_review(tx, stored, glass, actor))
            review_break_glass(tx, id, actor.name, reason, now)
            _record(tx, stored, "break_glass.review", actor, reason, glass, now)
            return get_break_glass(tx, stored.id, id)

    def end_overdue(self) -> None:
        """Take down what is past its time. Any number of workers may do so at once."""
        with self._database.read() as tx:
            late = overdue(tx, self._now())
        for rollout_id, id in late:
            try:
                self._end(rollout_id, id)
            except Exception:
                # One that cannot be taken down, for whatever reason, must not keep up the others. It is tried again.
                log.exception("the break-glass %s could not be ended", id)

    def _against_staying(
        self, tx: Transaction, stored: StoredRollout, glass: BreakGlass, actor: Actor, now: datetime
    ) -> Iterator[Refusal]:
        if not glass.is_running:
            message = f"it is over since {glass.ended_at:%Y-%m-%d %H:%M} UTC"
            yield Refusal("break_glass_over", message, "ask for a promotion", "id")
            return
        if are_one(tx, stored.project_id, actor.name, glass.actor):
            yield Refusal(
                "self_approval", "you entered the stage yourself", "ask somebody else to confirm it"
            )
        earlier = _as_before(stored, glass)
        request = Request(move="promote", stage=glass.to_stage)
        case = self._cases.case(tx, earlier, request, glass.actor, now)
        reasons = check_promotion(case, self._cases.plan_of(tx, stored), now)
        yield from (reason for reason in reasons if reason.code not in _NOT_ASKED_AGAIN)

    def _end(self, rollout_id: int, id: int) -> None:
        with self._database.write() as tx:
            # Of two workers the second waits here, and then finds it ended.
            lock_rollout(tx, rollout_id)
            stored = rollout_by_id(tx, rollout_id)
            if stored is None or isinstance(stored, Broken):
                log.error("the rollout %s cannot be read, so its break-glass %s is not ended", rollout_id, id)
                return
            glass = get_break_glass(tx, rollout_id, id)
            if end_break_glass(tx, stored, glass, "expired", BREAK_GLASS, self._now()):
                self._go_back(tx, stored, glass)

    def _go_back(self, tx: Transaction, stored: StoredRollout, glass: BreakGlass) -> None:
        """Down to the stage from before, with no more exposure than before."""
        if is_below(stored.rollout.stage, glass.to_stage):
            return
        down = Order(
            request=Request(move="demote", stage=glass.from_stage),
            actor=BREAK_GLASS,
            reason=f"the time for which {glass.actor} broke the glass is over",
            evidence={"break_glass": glass.id},
        )
        after = self._rollouts.move_in(tx, stored, down)
        kept = after.exposure.at_most(glass.from_exposure)
        if after.stage in EXPOSED and kept != after.exposure:
            narrow = replace(down, request=Request(move="narrow", exposure=kept))
            self._rollouts.move_in(tx, replace(stored, rollout=after), narrow)


def _alone(tx: Transaction, where: Where) -> StoredRollout:
    """The rollout, locked, so that of two who ask at the same moment the second sees what the first has done."""
    lock_rollout(tx, locate(tx, where).id)
    return locate(tx, where)


def _way_in(request: Request, glass: BreakGlass, actor: Actor) -> Order:
    return Order(
        request=request,
        name="break_glass.enter",
        actor=actor,
        reason=glass.reason,
        evidence=_told(glass),
    )


def _as_before(stored: StoredRollout, glass: BreakGlass) -> StoredRollout:
    """The rollout as if it still stood where it was, with the release and the holds it has now."""
    rollout = replace(
        stored.rollout,
        stage=glass.from_stage,
        stage_since=glass.from_since,
        exposure=glass.from_exposure,
        mode=stored.rollout.mode if glass.from_stage in EXPOSED else Mode.OFF,
    )
    return replace(stored, rollout=rollout)


def _against_review(
    tx: Transaction, stored: StoredRollout, glass: BreakGlass, actor: Actor
) -> Iterator[Refusal]:
    if are_one(tx, stored.project_id, actor.name, glass.actor):
        yield Refusal("self_review", "you broke the glass yourself", "let somebody else review it")
    if glass.is_reviewed:
        message = f"{glass.reviewed_by} has reviewed it"
        yield Refusal("already_reviewed", message, "nothing is left for you to do")


def _record(
    tx: Transaction,
    stored: StoredRollout,
    name: str,
    actor: Actor,
    reason: str,
    glass: BreakGlass,
    now: datetime,
) -> None:
    change = Change(
        project_id=stored.project_id,
        name=name,
        actor=actor,
        at=now,
        feature=stored.rollout.feature,
        environment=stored.rollout.environment,
        reason=reason,
        evidence=_told(glass),
    )
    record(tx, change)


def _told(glass: BreakGlass) -> Mapping[str, Any]:
    skipped = [dict(each) for each in glass.skipped]
    return {"break_glass": glass.id, "until": glass.until.isoformat(), "skipped": skipped}


def _say_aloud(where: Where, glass: BreakGlass) -> None:
    codes = ", ".join(sorted({each["code"] for each in glass.skipped})) or "nothing"
    log.warning(
        "%s broke the glass: %s in %s of %s entered %s until %s, skipping %s; the reason given: %r",
        glass.actor,
        where.feature,
        where.environment,
        where.project,
        glass.to_stage,
        glass.until.isoformat(),
        codes,
        glass.reason,
    )
