"""Records as the API shows them, where a record is not already of that shape."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from controller.api.auth import services
from controller.promotions import Standing
from controller.store.break_glass import BreakGlass
from controller.store.columns import Broken
from controller.store.releases import StoredRelease
from controller.store.rollouts import StoredRollout, exposure_to_json, to_json
from controller.store.triggers import StoredTrigger
from stages import Refusal, ending, models_of, why_unpinned
from triggers import Lack, Phase, policies_to_json, rung_to_json

_SOON = timedelta(days=90)
"""How long before its end a model is warned about."""


def rollout_view(
    item: StoredRollout | Broken, environment: str, glass: BreakGlass | None = None
) -> dict[str, Any]:
    """A rollout, or what is known of one that cannot be read: that it is served as off.

    ``glass`` is its open break-glass.
    """
    if isinstance(item, Broken):
        return {"feature": item.key, "environment": environment, "mode": "off", "broken": item.why}
    rollout = item.rollout
    known = {"feature": rollout.feature, "environment": environment, "broken": None, "break_glass": glass}
    return known | to_json(rollout)


def release_view(release: StoredRelease) -> dict[str, Any]:
    """A release, with what whoever serves it should know."""
    shown = {name: getattr(release, name) for name in type(release).__slots__}
    return shown | {"warnings": release_warnings(release.bundle)}


def release_warnings(bundle: Mapping[str, Any]) -> tuple[Refusal, ...]:
    """What whoever serves a bundle should know: models that may change under it, or that end soon."""
    calendar, today = services().calendar.current(), services().now().date()
    models = models_of(bundle)
    unpinned = (
        Refusal("model_unpinned", f"the {model.role} {model.id} may change: {why}", "name a version", "model")
        for model in models
        if (why := why_unpinned(model.provider, model.id))
    )
    return (*unpinned, *ending(models, calendar, today, today + _SOON))


def trigger_view(item: StoredTrigger | Broken) -> dict[str, Any]:
    """A trigger, or what is known of one that was set aside."""
    if isinstance(item, Broken):
        return {"key": item.key, "broken": item.why, "phase": None, "verdict": None}
    trigger, state = item.trigger, item.state
    own = policies_to_json(trigger.policies)
    return {
        "key": trigger.key,
        "version": item.version,
        "source": item.source_key,
        "query": item.query,
        "method": trigger.method.name,
        "params": trigger.method.params(),
        "window_s": trigger.window_s,
        "interval_s": trigger.interval_s,
        "hold_s": trigger.hold_s,
        "clear_s": trigger.clear_s,
        "cooldown_s": trigger.cooldown_s,
        "max_staleness_s": trigger.max_staleness_s,
        "latch": trigger.latch,
        "trigger_class": trigger.trigger_class.value,
        "arming": trigger.arming.value,
        "scope": trigger.scope.value,
        "baseline": trigger.baseline.value,
        "baseline_offset_s": trigger.baseline_offset_s,
        **{f"on_{lack}": own.get(lack) for lack in Lack},
        "use_partial": trigger.use_partial,
        "policies": policies_to_json(item.rule.policies),
        "sharing": trigger.sharing,
        "ladder": [rung_to_json(rung) for rung in trigger.ladder],
        "phase": state.phase.value,
        "since": None if state.phase is Phase.QUIET else state.since,
        "verdict": item.verdict,
        "sentence": item.sentence,
        "lack": state.lack,
        "lack_since": state.lack_since,
        "evaluated_at": item.evaluated_at,
        "seen_at": item.seen_at,
        "due_at": item.due_at,
        "watching_since": item.watching_since,
        "muted_until": item.muted_until if item.is_muted(services().now()) else None,
        "muted_by": item.muted_by,
        "mute_reason": item.mute_reason,
        "broken": None,
    }


def standing_view(standing: Standing) -> dict[str, Any]:
    """A promotion and what stands against it."""
    promotion = standing.promotion
    return {
        "id": promotion.id,
        "stage": promotion.to_stage.value,
        "exposure": exposure_to_json(promotion.exposure) if promotion.exposure else None,
        "requester": promotion.requester,
        "reason": promotion.reason,
        "status": promotion.status.value,
        "approved_by": sorted(standing.approved_by),
        "refusals": standing.refusals,
        "forecast": standing.forecast,
        "seen": standing.seen,
        "created_at": promotion.created_at,
    }
