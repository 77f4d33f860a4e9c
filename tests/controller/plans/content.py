"""A small set of plans as plain content, for tests to change in one place."""

from __future__ import annotations

import copy
from typing import Any

from controller.plans import Plans
from controller.plans.node import Mistake, grow

STAGES: dict[str, Any] = {
    "beta": {
        "ceiling": 1000,
        "autonomy": "recommend",
        "soak_days": 0.5,
        "approvals": 1,
        "approver_groups": ["risk"],
        "armed_triggers": 1,
        "trigger_classes": ["cost"],
        "requirements": ["owner", {"golden": {"min_samples": 60}}],
        "ramp": [{"share": 100, "hold_hours": 2, "min_samples": 10}, {"share": 1000, "approvals": 1}],
        "exit_criteria": ["accepted", {"swift": {"limit": 5000}}],
        "planned_days": 30,
    },
    "pilot": {
        "ceiling": 5000,
        "start": 1000,
        "soak_s": 43_200,
        "min_samples": 50,
        "approvals": 1,
        "armed_triggers": 1,
        "trigger_classes": ["latency"],
        "requirements": ["brief", {"golden": {"threshold": {"metric": "pass_rate", "at_least": 0.9}}}],
        "exit_criteria": ["business", "quiet"],
        "planned_days": 30,
    },
    "scaled": {
        "ceiling": 10_000,
        "start": 5000,
        "soak_s": 43_200,
        "min_samples": 50,
        "approvals": 1,
        "armed_triggers": 1,
        "planned_days": 30,
    },
}
CONTENT: dict[str, Any] = {
    "requirements": {
        "owner": {"gate": "business_fit", "title": "Owner", "artifact": "record", "fields": ["owner"]},
        "brief": {"gate": "business_fit", "title": "Brief", "valid_days": 365, "missed": "waive"},
        "golden": {
            "gate": "evaluation",
            "title": "Golden set",
            "owner": "evaluation",
            "why": "A demo proves nothing.",
            "artifact": "eval_report",
            "proves": ["prompt", "model"],
            "threshold": {"metric": "pass_rate", "at_least": 0.8, "confidence": 0.9},
            "min_samples": 40,
            "layers": ["edge"],
            "valid_days": 90,
            "missed": "block",
        },
        "drill": {"gate": "operations", "title": "Drill", "artifact": "drill", "proves": "release"},
    },
    "criteria": {
        "accepted": {
            "title": "Accepted",
            "measure": "rejected",
            "at_most": 0.1,
            "min_samples": 50,
            "window_days": 7,
        },
        "swift": {"title": "Swift", "measure": "slow", "limit": 8000, "at_most": 0.1, "window_days": 7},
        "business": {"title": "It pays", "measure": "business_metric"},
        "quiet": {"title": "Quiet", "measure": "automatic_actions", "window_days": 14},
    },
    "tiers": {
        tier: {"good_after_days": 7, "pinned_models": True, **copy.deepcopy(STAGES)}
        for tier in ("T1", "T2", "T3")
    },
}


def changed(place: str, value: Any) -> dict[str, Any]:
    """The content with another value in a dotted place; None takes it away."""
    content: Any = copy.deepcopy(CONTENT)
    *path, last = (int(name) if name.isdigit() else name for name in place.split("."))
    inner = content
    for name in path:
        inner = inner[name]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return dict(content)


def plans(content: Any = CONTENT) -> Plans:
    return Plans(grow(content))


def mistake(content: Any) -> Mistake | None:
    """What is wrong with some content."""
    try:
        plans(content)
    except Mistake as found:
        return found
    return None
