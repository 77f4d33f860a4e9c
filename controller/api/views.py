"""Records as the API shows them, where a record is not already of that shape."""

from __future__ import annotations

from typing import Any

from controller.rollouts import Standing
from controller.store.columns import Broken
from controller.store.rollouts import StoredRollout, exposure_to_json, to_json
from controller.store.triggers import StoredTrigger
from triggers import Phase


def rollout_view(item: StoredRollout | Broken, environment: str) -> dict[str, Any]:
    """A rollout, or what is known of one that cannot be read: that it is served as off."""
    if isinstance(item, Broken):
        return {"feature": item.key, "environment": environment, "mode": "off", "broken": item.why}
    rollout = item.rollout
    return {"feature": rollout.feature, "environment": environment, "broken": None, **to_json(rollout)}


def trigger_view(item: StoredTrigger | Broken) -> dict[str, Any]:
    """A trigger, or what is known of one that was set aside."""
    if isinstance(item, Broken):
        return {"key": item.key, "broken": item.why, "phase": None, "verdict": None}
    trigger, state = item.trigger, item.state
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
        "max_staleness_s": trigger.max_staleness_s,
        "latch": trigger.latch,
        "arming": trigger.arming.value,
        "scope": trigger.scope.value,
        "ladder": [
            {"do": rung.do.value, "after_s": rung.after_s, "args": dict(rung.args)} for rung in trigger.ladder
        ],
        "phase": state.phase.value,
        "since": None if state.phase is Phase.QUIET else state.since,
        "verdict": item.verdict,
        "sentence": item.sentence,
        "evaluated_at": item.evaluated_at,
        "due_at": item.due_at,
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
        "approved_by": sorted({approval.actor for approval in promotion.approvals}),
        "refusals": standing.refusals,
        "created_at": promotion.created_at,
    }
