"""What follows from another risk tier: a lower one opens gates, and a higher one closes them, also behind users."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from controller.actors import Actor
from controller.cases import Cases
from controller.errors import Conflict, InvalidInput, Problem
from controller.rollouts import RISK_TIER, Order, Rollouts
from controller.store.columns import Broken
from controller.store.database import Transaction
from controller.store.features import Feature
from controller.store.projects import Environment, environments_of
from controller.store.rollouts import StoredRollout, lock_rollout, rollout_by_id, rollouts_in
from stages import EXPOSED, Exposure, Request, Tier


def is_lowered(feature: Feature, described: Mapping[str, Any]) -> bool:
    """Whether a new description makes the risk tier a lower one."""
    return Tier(described.get("risk_tier", feature.risk_tier)) < Tier(feature.risk_tier)


def is_raised(feature: Feature, described: Mapping[str, Any]) -> bool:
    """Whether a new description makes the risk tier a higher one."""
    return Tier(described.get("risk_tier", feature.risk_tier)) > Tier(feature.risk_tier)


def refuse_to_lower(tx: Transaction, feature: Feature, described: Mapping[str, Any]) -> None:
    """A lower tier opens gates: it takes a reason, and comes before anybody has the feature.

    Raises:
        InvalidInput: There is no reason.
        Conflict: Users of a protected environment have it.
    """
    if not str(described.get("risk_rationale") or "").strip():
        message = "a lower risk tier needs a reason"
        raise InvalidInput(Problem("risk_rationale", message, "say why it does less harm than was thought"))
    if exposed := where_exposed(tx, feature, protected=True):
        detail = f"users have {feature.key} in {', '.join(exposed)}; its risk tier is lowered before they do"
        raise Conflict("tier_in_use", f"{detail}. Demote it to readiness there first.")


def keep_to_raised(tx: Transaction, cases: Cases, rollouts: Rollouts, before: Feature, actor: Actor) -> None:
    """Users keep no more than the raised tier allows in their stage, and get no more until what it asks for is shown.

    The feature is described anew already; ``before`` is what it was.
    """
    for environment, item in _exposed(tx, before):
        if environment.protected and not isinstance(item, Broken):
            lock_rollout(tx, item.id)
            for request in _ways_down(tx, cases, item.id):
                stored = rollout_by_id(tx, item.id)
                if isinstance(stored, StoredRollout):
                    reason = f"the risk tier was raised from {before.risk_tier} to {stored.tier}"
                    rollouts.move_in(tx, stored, Order(request=request, actor=actor, reason=reason))


def where_exposed(tx: Transaction, feature: Feature, *, protected: bool = False) -> list[str]:
    """The environments in which users have a feature, or may have it because its rollout cannot be read."""
    return [
        environment.key for environment, _ in _exposed(tx, feature) if environment.protected or not protected
    ]


def _exposed(tx: Transaction, feature: Feature) -> list[tuple[Environment, StoredRollout | Broken]]:
    return [
        (environment, item)
        for environment in environments_of(tx, feature.project_id)
        for item in rollouts_in(tx, environment.id, feature=feature.key)
        if isinstance(item, Broken) or item.rollout.stage in EXPOSED
    ]


def _ways_down(tx: Transaction, cases: Cases, rollout_id: int) -> Iterator[Request]:
    """To what the plan of the present tier allows, and no further up from there."""
    stored = rollout_by_id(tx, rollout_id)
    if not isinstance(stored, StoredRollout):
        return
    step, present = cases.plan_down(tx, stored)[stored.rollout.stage], stored.rollout.exposure
    kept = present.at_most(Exposure(share=step.ceiling, autonomy=step.autonomy))
    if kept != present:
        yield Request(move="narrow", exposure=kept)
    yield Request(move="hold", hold=RISK_TIER)
