"""The use cases that move a rollout. The API, the console and the triggers all come through here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from controller.actors import Actor, ActorKind
from controller.cases import Cases, incident_open, known_bad, watch_of
from controller.errors import VersionConflict
from controller.reverts import follow_revert
from controller.store.break_glass import end_those_left
from controller.store.database import Database, Transaction
from controller.store.idempotency import Once, earlier_result, keep_result
from controller.store.outcomes import count_answers
from controller.store.projects import Environment, get_environment, get_project
from controller.store.ramps import keep_ramp, ramp_of, servings_of
from controller.store.releases import get_release, judge_release
from controller.store.rollouts import RolloutChange, StoredRollout, apply, get_rollout
from controller.store.triggers import triggers_of
from stages import (
    EXPOSED,
    UP,
    Goodness,
    Plan,
    Refusal,
    Refused,
    Request,
    Rollout,
    after_move,
    check_release,
    firing,
    make,
    refuse_unless_empty,
    self_waived,
    stand_all,
    untried,
    unwatched,
)

RISK_TIER = "risk_tier"
"""The hold on a feature whose risk tier was raised while users have it."""

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
    seen, if it matters; ``once`` lets a request be sent again. ``name`` is what the record calls it, if not its move.
    ``began_at`` is since when the reason has been known, if that is not only now. ``blame``: a release that is reverted
    is bad from then on.
    """

    request: Request
    name: str = ""
    exposure: Parts | None = None
    actor: Actor
    reason: str
    expected_version: int | None = None
    once: Once | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    began_at: datetime | None = None
    blame: bool = True


class Rollouts:
    """Moves rollouts: each move is checked by `stages` and written with its record in one transaction."""

    def __init__(self, database: Database, cases: Cases, now: Clock) -> None:
        self._database = database
        self._cases = cases
        self._now = now

    def move(self, where: Where, order: Order) -> int:
        """Make a move and return the rollout's version after it.

        Raises:
            NotFound: There is no such rollout or release.
            Refused: The move is not allowed; carries every reason.
            VersionConflict: The rollout is not at the expected version.
        """
        if order.request.move in _NOT_FOR_ASKING:
            raise Refused([_NOT_FOR_ASKING[order.request.move]])
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
        request = with_exposure(order.request, stored, order.exposure)
        after = self._allowed(tx, stored, replace(order, request=request), now)
        if request.move == "revert" and order.blame:
            _blame(tx, stored, order.reason, now)
        change = RolloutChange(
            stored=stored,
            after=after,
            name=order.name or request.move,
            actor=order.actor,
            reason=order.reason,
            at=now,
            evidence=order.evidence,
        )
        revision = apply(tx, change)
        _lead_ramp(tx, stored, request.move, order.actor)
        if request.move == "revert":
            follow_revert(tx, change, revision, order.began_at)
        if after.stage is not stored.rollout.stage:
            end_those_left(tx, stored, after.stage, request.move, order.actor, now)
        return after

    def _allowed(self, tx: Transaction, stored: StoredRollout, order: Order, now: datetime) -> Rollout:
        """The rollout after the move; refused with the reasons of the stages and those found in the store together."""
        request, refusals = order.request, list[Refusal]()
        plan = self._cases.plan_of(tx, stored) if request.move in UP else self._cases.plan_down(tx, stored)
        if request.move in UP:
            refusals += _for_going_up(tx, stored, order, now)
            refusals += self._unproven_release(tx, stored, order, plan, now)
            refusals += self._unshown(tx, stored, order, plan, now)
        try:
            after = make(stored.rollout, request, plan, now)
        except Refused as refused:
            raise Refused(dict.fromkeys([*refused.refusals, *refusals])) from refused
        refuse_unless_empty(dict.fromkeys(refusals))
        return after

    def _unproven_release(
        self, tx: Transaction, stored: StoredRollout, order: Order, plan: Plan, now: datetime
    ) -> Iterator[Refusal]:
        """A release reaches users only with what their stage demands of each: evidence, approvals, and a trial."""
        request, stage = order.request, stored.rollout.stage
        id = {"introduce": request.release, "adopt": stored.rollout.candidate}.get(request.move)
        if id is None or stage not in EXPOSED:
            return
        release = get_release(tx, stored.feature_id, id)
        case = self._cases.case_of_release(tx, stored, release, order.actor.name, now)
        yield from check_release(case, plan[stage], now)
        yield from self._cases.release_matters(plan, release, stage, now)
        if request.move == "adopt":
            yield from untried(plan[stage], *_tried(tx, stored, id))

    def _unshown(
        self, tx: Transaction, stored: StoredRollout, order: Order, plan: Plan, now: datetime
    ) -> Iterator[Refusal]:
        """More users get it, or the hold of a raised risk tier is lifted, only with what the stage asks for by now."""
        move, stage = order.request.move, stored.rollout.stage
        is_lifted = move == "resume" and RISK_TIER in stored.rollout.holds
        if stage not in EXPOSED or not (is_lifted or move == "widen"):
            return
        case, step = self._cases.case(tx, stored, order.request, order.actor.name, now), plan[stage]
        standings = stand_all(case, step, now)
        yield from (each.refusal for each in standings if each.refuses)
        yield from self_waived(order.actor.name, case.waivers, standings)
        if is_lifted:
            yield from unwatched(case, step)
            stable = get_release(tx, stored.feature_id, str(stored.rollout.stable))
            yield from self._cases.release_matters(plan, stable, stage, now)


def locate(tx: Transaction, where: Where) -> StoredRollout:
    """The rollout at an address, or NotFound naming the part that is not there."""
    return get_rollout(tx, locate_environment(tx, where.project, where.environment).id, where.feature)


def locate_environment(tx: Transaction, project: str, environment: str) -> Environment:
    """The environment with these keys, or NotFound naming the part that is not there."""
    return get_environment(tx, get_project(tx, project).id, environment)


def with_exposure(request: Request, stored: StoredRollout, parts: Parts | None) -> Request:
    """The request with the whole exposure it is about: what is there now, but for the parts that are asked for."""
    return request if parts is None else replace(request, exposure=replace(stored.rollout.exposure, **parts))


_NOT_FOR_ASKING = {
    "promote": Refusal(
        "promotion_needed",
        "a stage is entered through a promotion",
        "ask for a promotion instead of the move",
        "move",
    ),
    "advance": Refusal(
        "ramp_advances",
        "a ramp takes its steps by itself",
        "start the ramp, or widen by hand, which stops it",
        "move",
    ),
}


def _check_version(stored: StoredRollout, expected: int | None) -> None:
    now = stored.rollout.version
    if expected is not None and expected != now:
        raise VersionConflict(f"the rollout of {stored.rollout.feature}", now)


def _for_going_up(tx: Transaction, stored: StoredRollout, order: Order, now: datetime) -> list[Refusal]:
    """What only the store knows: whether a trigger fires, whether the release is bad, who asks."""
    refusals = list(firing(watch_of(item, now, stored.rollout) for item in triggers_of(tx, stored.id)))
    # The steps of a ramp are within what people agreed to; everything else that goes up is up to them each time.
    if order.actor.kind is not ActorKind.HUMAN and order.request.move != "advance":
        refusals.append(not_a_person(order.actor))
    if order.request.move == "advance" or (stored.protected and order.request.move in _NOT_IN_AN_INCIDENT):
        refusals += incident_open(tx, stored)
    stable, candidate = stored.rollout.stable, stored.rollout.candidate
    brought = {"introduce": order.request.release, "adopt": candidate}
    # What lets more people have what is there is about what is there.
    brought |= dict.fromkeys(
        ("resume", "widen", "advance"), stable if stored.rollout.stage in EXPOSED else None
    )
    release = brought.get(order.request.move)
    if release:
        refusals += known_bad(get_release(tx, stored.feature_id, release))
    return refusals


_NOT_IN_AN_INCIDENT = frozenset({"widen", "introduce", "adopt"})
"""What waits until incidents are closed; to resume is part of getting out of one."""


def _tried(tx: Transaction, stored: StoredRollout, candidate: str) -> tuple[timedelta, int]:
    """For how long the candidate has served here without a breach, and how many answers it gave in this stage."""
    found = (each.good.earned for each in servings_of(tx, stored.id) if each.release == candidate)
    since, place = stored.rollout.stage_since, (stored.environment_id, stored.rollout.feature)
    return next(found, timedelta(0)), count_answers(tx, *place, since, candidate)


def _lead_ramp(tx: Transaction, stored: StoredRollout, move: str, actor: Actor) -> None:
    """Whoever takes a feature in hand switches its ramp off."""
    if ramp := ramp_of(tx, stored.id):
        keep_ramp(tx, stored.id, after_move(ramp, move, actor.name))


def not_a_person(actor: Actor) -> Refusal:
    """The reason against somebody who is no person taking a feature up."""
    message = f"{actor.name} is a {actor.kind}; only people can take a feature up"
    return Refusal("not_a_person", message, "let a person do it")


def _blame(tx: Transaction, stored: StoredRollout, reason: str, now: datetime) -> None:
    """A release that was reverted is bad until new evidence and a person say otherwise."""
    release = stored.rollout.candidate or stored.rollout.stable
    if release:
        judge_release(tx, stored.feature_id, release, Goodness.BAD.value, reason, blocked_at=now)
