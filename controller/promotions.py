"""The use cases of going up a stage: ask, approve, withdraw."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from controller.actors import Actor, ActorKind
from controller.cases import Cases
from controller.errors import Conflict
from controller.forecasts import Forecasts
from controller.persons import ONE, are_one
from controller.ramps import begin_ramp
from controller.rollouts import Clock, Order, Parts, Rollouts, Where, locate, not_a_person, with_exposure
from controller.store.changes import Change, record
from controller.store.database import Database, Transaction
from controller.store.groups import memberships
from controller.store.promotions import (
    Promotion,
    Status,
    add_approval,
    get_promotion,
    open_promotion,
    promotions_of,
    settle_promotion,
)
from controller.store.rollouts import StoredRollout, lock_rollout
from stages import (
    CHANGED_SINCE_SEEN,
    Approval,
    Case,
    Plan,
    Refusal,
    Refused,
    Request,
    Stage,
    approve,
    awaits_only_approval,
    check_promotion,
    make,
    seen_for,
)


@dataclass(frozen=True, slots=True)
class Standing:
    """A promotion with what still stands against it, and what its triggers would notice: see `Forecast.sentences`.

    ``seen`` is the digest of everything an approval of it would be bound to now; empty once it is settled.
    """

    promotion: Promotion
    refusals: tuple[Refusal, ...]
    forecast: tuple[str, ...] = ()
    seen: str = ""

    @property
    def approved_by(self) -> tuple[str, ...]:
        """Who agreed to it as it is shown now; once it is settled, to what was shown last."""
        given = self.promotion.approvals
        shown = self.seen or next((each.seen for each in reversed(given)), "")
        return _bound_to(shown, given)


class Promotions:
    """Takes features up: every reason against it at once, approvals bound to what was seen, all checked again."""

    def __init__(
        self, database: Database, cases: Cases, rollouts: Rollouts, forecasts: Forecasts, now: Clock
    ) -> None:
        self._database = database
        self._cases = cases
        self._rollouts = rollouts
        self._forecasts = forecasts
        self._now = now

    def ask(self, where: Where, to: Stage, exposure: Parts | None, actor: Actor, reason: str) -> Standing:
        """Ask for the next stage. It is entered at once, or as soon as the last missing approval is given.

        Raises:
            Refused: Something other than approvals is missing; carries every reason, and nothing is recorded.
        """
        _refuse_unless_person(actor)
        with self._database.write() as tx:
            stored = self._alone(tx, where)
            if any(promotion.status is Status.OPEN for promotion in promotions_of(tx, stored.id)):
                raise Conflict(
                    "promotion_open", "a promotion is being decided already; approve or withdraw it first"
                )
            now = self._now()
            request = with_exposure(Request(move="promote", stage=to), stored, exposure)
            case = self._cases.case(tx, stored, request, actor.name, now)
            refusals = check_promotion(case, self._cases.plan_of(tx, stored), now)
            if refusals and not awaits_only_approval(refusals):
                raise Refused(refusals)
            # Who approves is shown the exposure that will be, also when nobody named one.
            arrived = make(stored.rollout, case.request, self._cases.plan_of(tx, stored), now)
            promotion = open_promotion(tx, stored.id, to, arrived.exposure, actor.name, reason, now)
            self._record(tx, stored, "promotion.ask", actor, reason, promotion)
            return self._settle(tx, stored, promotion, actor)

    def approve(self, where: Where, id: int, actor: Actor, seen: str | None = None) -> Standing:
        """Agree to a promotion as it stands now; the last approval applies it.

        Whoever has agreed already may do so again once nothing is missing any more: that applies a promotion which had
        its approvals, and was kept waiting by something that has gone since, such as a trigger that fired.

        ``seen`` is the digest of what the approver looked at, if that is to be made sure of.

        Raises:
            Refused: The actor may not approve it, or it is no longer what was looked at.
        """
        _refuse_unless_person(actor)
        with self._database.write() as tx:
            stored, promotion = self._open(tx, where, id)
            plan, groups = self._cases.plan_of(tx, stored), memberships(tx, stored.project_id, actor.name)
            _refuse_the_same_person(tx, stored, promotion, actor)
            case = self._case_of(tx, stored, promotion)
            if seen not in (None, seen_for(case, plan)):
                raise Refused([CHANGED_SINCE_SEEN])
            if _has_agreed(case, plan, actor) and not check_promotion(case, plan, self._now()):
                return self._settle(tx, stored, promotion, actor)
            approval = approve(case, plan, actor.name, groups)
            add_approval(tx, promotion, approval, self._now())
            self._record(tx, stored, "promotion.approve", actor, promotion.reason, promotion)
            return self._settle(tx, stored, get_promotion(tx, stored.id, id), actor)

    def withdraw(self, where: Where, id: int, actor: Actor) -> Standing:
        """Take a promotion back; anybody who may ask for one may do so."""
        with self._database.write() as tx:
            stored, promotion = self._open(tx, where, id)
            settle_promotion(tx, promotion, Status.WITHDRAWN, self._now())
            self._record(tx, stored, "promotion.withdraw", actor, promotion.reason, promotion)
            return Standing(get_promotion(tx, stored.id, id), ())

    def standing(self, tx: Transaction, stored: StoredRollout, promotion: Promotion) -> Standing:
        """What stands against a promotion at this moment."""
        if promotion.status is not Status.OPEN:
            return Standing(promotion, ())
        case, plan = self._case_of(tx, stored, promotion), self._cases.plan_of(tx, stored)
        refusals = check_promotion(case, plan, self._now())
        forecast = self._forecasts.sentences_for(tx, stored, promotion)
        return Standing(promotion, refusals, forecast, seen_for(case, plan))

    def awaits(self, tx: Transaction, stored: StoredRollout, promotion: Promotion, actor: Actor) -> bool:
        """Whether it would bring a promotion on if a person agreed to it now: they may, and their word is missing.

        Where nothing is missing any more, anybody's word applies it.
        """
        agreed = [each.actor for each in promotion.approvals if each.actor != actor.name]
        others = [promotion.requester, *agreed]
        if any(are_one(tx, stored.project_id, each, actor.name) for each in others):
            return False
        case, plan, now = self._case_of(tx, stored, promotion), self._cases.plan_of(tx, stored), self._now()
        groups = memberships(tx, stored.project_id, actor.name)
        word = Approval(actor.name, seen_for(case, plan), groups)
        before = check_promotion(case, plan, now)
        after = check_promotion(replace(case, approvals=(*case.approvals, word)), plan, now)
        return not before or after != before

    def _record(
        self,
        tx: Transaction,
        stored: StoredRollout,
        name: str,
        actor: Actor,
        reason: str,
        promotion: Promotion,
    ) -> None:
        asked = {
            "promotion": promotion.id,
            "to_stage": promotion.to_stage.value,
            "requested_by": promotion.requester,
        }
        change = Change(
            project_id=stored.project_id,
            name=name,
            actor=actor,
            at=self._now(),
            feature=stored.rollout.feature,
            environment=stored.rollout.environment,
            reason=reason,
            evidence=asked,
        )
        record(tx, change)

    def _settle(self, tx: Transaction, stored: StoredRollout, promotion: Promotion, actor: Actor) -> Standing:
        """Apply the promotion if nothing stands against it any more."""
        case, plan = self._case_of(tx, stored, promotion), self._cases.plan_of(tx, stored)
        refusals = check_promotion(case, plan, self._now())
        if refusals:
            forecast = self._forecasts.sentences_for(tx, stored, promotion)
            return Standing(promotion, refusals, forecast, seen_for(case, plan))
        # Whoever agreed to something else, before it was changed, did not agree to this.
        agreed = _bound_to(seen_for(case, plan), case.approvals)
        evidence: dict[str, Any] = {"promotion": promotion.id, "requested_by": promotion.requester}
        evidence |= {"approved_by": list(agreed)}
        evidence |= {"evidence": [item.id for item in case.evidence]}
        order = Order(request=case.request, actor=actor, reason=promotion.reason, evidence=evidence)
        arrived = self._rollouts.move_in(tx, stored, order)
        begin_ramp(tx, stored, arrived, self._cases.plan_of(tx, stored), promotion.requester, self._now())
        settle_promotion(tx, promotion, Status.APPLIED, self._now())
        return Standing(get_promotion(tx, stored.id, promotion.id), ())

    def _open(self, tx: Transaction, where: Where, id: int) -> tuple[StoredRollout, Promotion]:
        stored = self._alone(tx, where)
        promotion = get_promotion(tx, stored.id, id)
        if promotion.status is not Status.OPEN:
            raise Conflict(
                "promotion_settled", f"the promotion is {promotion.status} already; ask for a new one"
            )
        return stored, promotion

    def _alone(self, tx: Transaction, where: Where) -> StoredRollout:
        """The rollout, locked: of two approvals at the same moment, the second must see the first."""
        lock_rollout(tx, locate(tx, where).id)
        return locate(tx, where)

    def _case_of(self, tx: Transaction, stored: StoredRollout, promotion: Promotion) -> Case:
        return self._cases.case_of(tx, stored, promotion, self._now())


def _bound_to(shown: str, given: Iterable[Approval]) -> tuple[str, ...]:
    """Who gave the approvals that are bound to what is shown."""
    return tuple(dict.fromkeys(approval.actor for approval in given if approval.seen == shown))


def _has_agreed(case: Case, plan: Plan, actor: Actor) -> bool:
    """Whether somebody has agreed to a promotion as it is shown now."""
    shown = seen_for(case, plan)
    return any((given.actor, given.seen) == (actor.name, shown) for given in case.approvals)


def _refuse_the_same_person(
    tx: Transaction, stored: StoredRollout, promotion: Promotion, actor: Actor
) -> None:
    """Two actors are two people only if they did not come from each other."""
    others = [promotion.requester, *(approval.actor for approval in promotion.approvals)]
    for other in others:
        if other != actor.name and are_one(tx, stored.project_id, other, actor.name):
            message = f"{other} and you count as one: {ONE}"
            raise Refused([Refusal("self_approval", message, "ask somebody else to approve it")])


def _refuse_unless_person(actor: Actor) -> None:
    if actor.kind is not ActorKind.HUMAN:
        raise Refused([not_a_person(actor)])
