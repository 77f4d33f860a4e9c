"""The use cases that move a rollout. The API, the console and the triggers all come through here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from controller.actors import Actor, ActorKind
from controller.errors import Conflict, VersionConflict
from controller.plans import Plans
from controller.store.changes import Change, record
from controller.store.columns import Broken
from controller.store.database import Database, Transaction
from controller.store.evidence import evidence_of
from controller.store.idempotency import Once, earlier_result, keep_result
from controller.store.projects import Environment, get_environment, get_project
from controller.store.promotions import (
    Promotion,
    Status,
    add_approval,
    get_promotion,
    open_promotion,
    promotions_of,
    settle_promotion,
)
from controller.store.releases import get_release, judge_release
from controller.store.rollouts import RolloutChange, StoredRollout, apply, get_rollout, lock_rollout
from controller.store.triggers import StoredTrigger, triggers_of
from stages import (
    EXPOSED,
    UP,
    Case,
    Goodness,
    Plan,
    Refusal,
    Refused,
    Request,
    Rollout,
    Stage,
    Watch,
    approve,
    awaits_only_approval,
    check_promotion,
    firing,
    make,
    refuse_unless_empty,
    unproven,
)
from triggers import Arming, Phase, Verdict

Clock = Callable[[], datetime]
Parts = Mapping[str, Any]
"""The parts of an exposure that somebody asks for, by their names; the others stay as they are."""


@dataclass(frozen=True, slots=True)
class Where:
    """A rollout's address: project, environment and feature keys."""

    project: str
    environment: str
    feature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A move that somebody asks for, with the reason.

    ``exposure`` names the parts of the exposure that shall change. ``expected_version`` is the version the asker has
    seen, if it matters; ``once`` lets a request be sent again.
    """

    request: Request
    exposure: Parts | None = None
    actor: Actor
    reason: str
    expected_version: int | None = None
    once: Once | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """A promotion with what still stands against it."""

    promotion: Promotion
    refusals: tuple[Refusal, ...]


class Rollouts:
    """Moves rollouts: each move is checked by `stages` and written with its record in one transaction."""

    def __init__(self, database: Database, plans: Plans, now: Clock) -> None:
        self._database = database
        self._plans = plans
        self._now = now

    def move(self, where: Where, order: Order) -> int:
        """Make a move and return the rollout's version after it.

        Raises:
            NotFound: There is no such rollout or release.
            Refused: The move is not allowed; carries every reason.
            VersionConflict: The rollout is not at the expected version.
        """
        if order.request.move == "promote":
            raise Refused([_PROMOTE_IS_ASKED_FOR])
        with self._database.write() as tx:
            if order.once and (earlier := earlier_result(tx, order.once)):
                return int(earlier["version"])
            stored = locate(tx, where)
            _check_version(stored, order.expected_version)
            version = self.move_in(tx, stored, order).version
            if order.once:
                keep_result(tx, order.once, {"version": version}, self._now())
            return version

    def move_in(self, tx: Transaction, stored: StoredRollout, order: Order) -> Rollout:
        """Make a move within a transaction that is already open."""
        now = self._now()
        request = _with_exposure(order.request, stored, order.exposure)
        after = self._allowed(tx, stored, replace(order, request=request), now)
        if request.move == "revert":
            _blame(tx, stored, order.reason)
        change = RolloutChange(
            stored=stored,
            after=after,
            name=request.move,
            actor=order.actor,
            reason=order.reason,
            at=now,
            evidence=order.evidence,
        )
        apply(tx, change)
        return after

    def ask_promotion(
        self, where: Where, to: Stage, exposure: Parts | None, actor: Actor, reason: str
    ) -> Standing:
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
            request = _with_exposure(Request(move="promote", stage=to), stored, exposure)
            case = self._case(tx, stored, request, actor.name)
            refusals = check_promotion(case, self._plan(stored), now)
            if refusals and not awaits_only_approval(refusals):
                raise Refused(refusals)
            # Who approves is shown the exposure that will be, also when nobody named one.
            arrived = make(stored.rollout, case.request, self._plan(stored), now)
            promotion = open_promotion(tx, stored.id, to, arrived.exposure, actor.name, reason, now)
            self._record(tx, stored, "promotion.ask", actor, reason, promotion)
            return self._settle(tx, stored, promotion, actor)

    def approve_promotion(self, where: Where, id: int, actor: Actor) -> Standing:
        """Agree to a promotion as it stands now; the last approval applies it.

        Raises:
            Refused: The actor may not approve it.
        """
        _refuse_unless_person(actor)
        with self._database.write() as tx:
            stored, promotion = self._open(tx, where, id)
            approval = approve(self._case_of(tx, stored, promotion), actor.name)
            add_approval(tx, promotion, approval, self._now())
            self._record(tx, stored, "promotion.approve", actor, promotion.reason, promotion)
            return self._settle(tx, stored, get_promotion(tx, stored.id, id), actor)

    def withdraw_promotion(self, where: Where, id: int, actor: Actor) -> Standing:
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
        case = self._case_of(tx, stored, promotion)
        return Standing(promotion, check_promotion(case, self._plan(stored), self._now()))

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

    def _allowed(self, tx: Transaction, stored: StoredRollout, order: Order, now: datetime) -> Rollout:
        """The rollout after the move; refused with the reasons of the stages and those found in the store together."""
        request, refusals = order.request, list[Refusal]()
        if request.move in UP:
            refusals += _for_going_up(tx, stored, order, now)
            refusals += self._unproven_release(tx, stored, request, now)
        try:
            after = make(stored.rollout, request, self._plan(stored), now)
        except Refused as refused:
            raise Refused([*refused.refusals, *refusals]) from refused
        refuse_unless_empty(refusals)
        return after

    def _unproven_release(
        self, tx: Transaction, stored: StoredRollout, request: Request, now: datetime
    ) -> Iterator[Refusal]:
        """A release reaches users only with the evidence that their stage demands of each release."""
        rollout = stored.rollout
        release = {"introduce": request.release, "adopt": rollout.candidate}.get(request.move)
        if release is None or rollout.stage not in EXPOSED:
            return
        needs = [need for need in self._plan(stored)[rollout.stage].requirements if need.per_release]
        yield from unproven(release, needs, (item.judged for item in evidence_of(tx, stored.feature_id)), now)

    def _settle(self, tx: Transaction, stored: StoredRollout, promotion: Promotion, actor: Actor) -> Standing:
        """Apply the promotion if nothing stands against it any more."""
        case = self._case_of(tx, stored, promotion)
        refusals = check_promotion(case, self._plan(stored), self._now())
        if refusals:
            return Standing(promotion, refusals)
        agreed = [approval.actor for approval in case.approvals]
        evidence = {"promotion": promotion.id, "requested_by": promotion.requester, "approved_by": agreed}
        evidence |= {"evidence": [item.id for item in case.evidence]}
        order = Order(request=case.request, actor=actor, reason=promotion.reason, evidence=evidence)
        self.move_in(tx, stored, order)
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
        request = Request(move="promote", stage=promotion.to_stage, exposure=promotion.exposure)
        return replace(self._case(tx, stored, request, promotion.requester), approvals=promotion.approvals)

    def _case(self, tx: Transaction, stored: StoredRollout, request: Request, requester: str) -> Case:
        return Case(
            rollout=stored.rollout,
            request=request,
            requester=requester,
            evidence=tuple(item.judged for item in evidence_of(tx, stored.feature_id)),
            watches=tuple(watch_of(item, self._now()) for item in triggers_of(tx, stored.id)),
        )

    def _plan(self, stored: StoredRollout) -> Plan:
        return self._plans.of(stored.tier, protected=stored.protected)


def locate(tx: Transaction, where: Where) -> StoredRollout:
    """The rollout at an address, or NotFound naming the part that is not there."""
    return get_rollout(tx, locate_environment(tx, where.project, where.environment).id, where.feature)


def locate_environment(tx: Transaction, project: str, environment: str) -> Environment:
    """The environment with these keys, or NotFound naming the part that is not there."""
    return get_environment(tx, get_project(tx, project).id, environment)


_LATE = timedelta(minutes=5)


def watch_of(item: StoredTrigger | Broken, now: datetime) -> Watch:
    """A trigger as a promotion sees it.

    It is blind if it cannot be read, was never evaluated, or should have been evaluated again long ago: what it said
    then says nothing about now.
    """
    if isinstance(item, Broken):
        return Watch(key=item.key, version=0, acts=True, firing=False, blind=True)
    unseen = item.verdict is None or Verdict(item.verdict).is_blind
    late = now - item.due_at > max(_LATE, timedelta(seconds=item.trigger.interval_s))
    return Watch(
        key=item.trigger.key,
        version=item.version,
        acts=item.trigger.arming is Arming.ACT,
        firing=item.state.phase is Phase.FIRING and item.trigger.arming is not Arming.SHADOW,
        blind=unseen or late,
    )


def _with_exposure(request: Request, stored: StoredRollout, parts: Parts | None) -> Request:
    """The request with the whole exposure it is about: what is there now, but for the parts that are asked for."""
    return request if parts is None else replace(request, exposure=replace(stored.rollout.exposure, **parts))


_PROMOTE_IS_ASKED_FOR = Refusal(
    "promotion_needed",
    "a stage is entered through a promotion",
    "ask for a promotion instead of the move",
    "move",
)


def _check_version(stored: StoredRollout, expected: int | None) -> None:
    now = stored.rollout.version
    if expected is not None and expected != now:
        raise VersionConflict(f"the rollout of {stored.rollout.feature}", now)


def _for_going_up(tx: Transaction, stored: StoredRollout, order: Order, now: datetime) -> list[Refusal]:
    """What only the store knows: whether a trigger fires, whether the release is bad, who asks."""
    refusals = list(firing(watch_of(item, now) for item in triggers_of(tx, stored.id)))
    if order.actor.kind is not ActorKind.HUMAN:
        refusals.append(_not_a_person(order.actor))
    if order.request.move == "introduce" and order.request.release:
        release = get_release(tx, stored.feature_id, order.request.release)
        if release.verdict not in (Goodness.UNKNOWN, Goodness.GOOD):
            message = f"{release.public_id} is known to be bad: {release.verdict_reason}"
            refusals.append(Refusal("release_bad", message, "introduce another release", "release"))
    return refusals


def _refuse_unless_person(actor: Actor) -> None:
    if actor.kind is not ActorKind.HUMAN:
        raise Refused([_not_a_person(actor)])


def _not_a_person(actor: Actor) -> Refusal:
    message = f"{actor.name} is a {actor.kind}; only people can take a feature up"
    return Refusal("not_a_person", message, "let a person do it")


def _blame(tx: Transaction, stored: StoredRollout, reason: str) -> None:
    """A release that was reverted is bad until a person says otherwise."""
    release = stored.rollout.candidate or stored.rollout.stable
    if release:
        judge_release(tx, stored.feature_id, release, Goodness.BAD.value, reason)
