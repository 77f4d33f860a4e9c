"""The flags everybody is measured with: a plain boolean, a rule with a percentage, and a rollout of a feature.

A third of each, so that ``count`` flags are loaded in all. The rollout is compiled by the controller's own code:
staff only, two tasks, a quarter of the users, and a tenth of those get the candidate release.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from controller.flags.document import document, flags_of
from stages import Exposure, Mode, Rollout, Stage

JSON = dict[str, Any]

COUNTRY, COHORT, TASK = "de", "staff", "answer"
TASKS = ("answer", "summarise")
EXPOSED, CANDIDATE = 2500, 1000
"""Basis points."""

BUNDLES: dict[str, JSON] = {
    release: {
        "prompt": {"ref": f"git:prompts/answer@{number}"},
        "model": {"provider": "example", "id": "model-2026-01-01", "params": {"temperature": 0}},
        "retrieval": {"index": "kb-2026-11-01"},
        "guardrails": "g-7",
    }
    for number, release in enumerate(("r-000000000000", "r-111111111111"))
}
STABLE, NEXT = BUNDLES


def users(count: int) -> list[str]:
    """As many different users."""
    return [f"user-{number}" for number in range(count)]


def attributes(user: str) -> JSON:
    """What product code knows about a user, in the words of the flag document."""
    return {"targetingKey": user, "country": COUNTRY, "cohorts": [COHORT], "task": TASK}


def numbers(count: int) -> range:
    """The numbers of the flags of each kind; three flags belong to each."""
    return range(count // 3)


def rollout_flags(feature: str) -> dict[str, JSON]:
    """The two flags of a rollout, by their keys."""
    rollout = Rollout(
        feature=feature,
        environment="production",
        stage=Stage.PILOT,
        mode=Mode.LIVE,
        exposure=Exposure(share=EXPOSED, cohorts=frozenset({COHORT}), tasks=frozenset(TASKS)),
        stable=STABLE,
        candidate=NEXT,
        candidate_share=CANDIDATE,
        stage_since=datetime(2026, 11, 1, tzinfo=UTC),
    )
    return flags_of(rollout, BUNDLES.__getitem__, fallback="classic-search", when_lost="review")


def value(release: str | None) -> JSON:
    """What a user of the rollout gets, for peers with flags of their own format."""
    variants: JSON = rollout_flags("rollout-0")["rollout-0"]["variants"]
    found: JSON = variants[{STABLE: "stable", NEXT: "candidate", None: "off"}[release]]
    return found


def flag_document(count: int) -> JSON:
    """All flags as a flagd document."""
    flags: dict[str, JSON] = {}
    for number in numbers(count):
        flags[f"boolean-{number}"] = _boolean({})
        flags[f"rule-{number}"] = _boolean({"targeting": _rule(f"rule-{number}")})
        key = f"rollout-{number}"
        flags[key] = rollout_flags(key)[key]
    return document("acme", "production", 1, 300, flags)


def _boolean(more: JSON) -> JSON:
    return {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off", **more}


def _rule(key: str) -> JSON:
    deal = [{"cat": [f"{key}:", {"var": "targetingKey"}]}, ["on", EXPOSED], ["off", 10_000 - EXPOSED]]
    return {"if": [{"==": [{"var": "country"}, COUNTRY]}, {"fractional": deal}, "off"]}
