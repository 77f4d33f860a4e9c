"""The artifacts that teams are asked for gate by gate, word by word, and where the default plans ask for each."""

from __future__ import annotations

import pytest

from controller.plans import load_plans
from stages import EXPOSED, Artifact, Gate, Missed, Part, Requirement, Stage, Tier

PLANS = load_plans()
ARTIFACTS: dict[Gate, dict[str, tuple[str, ...]]] = {
    Gate.BUSINESS_FIT: {
        "use-case brief": ("use-case-brief",),
        "baseline metric": ("baseline-metric",),
        "expected ROI": ("expected-roi",),
        "accountable owner": ("accountable-owner",),
        "definition of production success in business terms": ("production-success",),
    },
    Gate.DATA_AND_RETRIEVAL: {
        "source inventory with owners": ("source-inventory",),
        "permission-aware retrieval check (role, tenant, region, document)": ("permission-check",),
        "freshness and revocation rules": ("freshness-and-revocation",),
        "chunking/retrieval test": ("retrieval-test",),
        "citations to the exact source": ("citation-check",),
        "reviewer feedback labels": ("feedback-labels",),
    },
    Gate.EVALUATION: {
        "golden set (version, size, five layers)": ("golden-set", "evaluation-report"),
        "failure taxonomy": ("failure-taxonomy",),
        "acceptance threshold": ("acceptance-threshold",),
        "regression suite": ("regression-suite",),
        "evaluation on representative production data": ("production-evaluation",),
    },
    Gate.CONTROLS: {
        "guardrails in and out": ("guardrail-check",),
        "human-review workflow with named reviewers": ("human-review",),
        "audit logging": ("audit-logging",),
        "escalation rules": ("escalation-rules",),
        "policy and PII checks": ("policy-and-pii-check",),
        "separate draft / recommend / execute permissions": ("permission-separation",),
    },
    Gate.OPERATIONS: {
        "cost model (per task, user, document; normal, peak, abuse)": ("cost-model",),
        "budget owner": ("budget-owner",),
        "quotas": ("quotas",),
        "shutdown threshold": ("shutdown-threshold",),
        "monitoring": ("monitoring",),
        "fallback for model / vector store / source failure": ("fallback", "fallback-drill"),
        "runbook": ("runbook",),
        "incident path": ("incident-path",),
        "rollback plan with a rehearsed drill": ("rollback-drill",),
        "support owner": ("support-owner",),
    },
}
REMINDED = {
    "expected-roi",
    "permission-check",
    "retrieval-test",
    "citation-check",
    "feedback-labels",
    "golden-set",
    "failure-taxonomy",
    "acceptance-threshold",
    "regression-suite",
    "policy-and-pii-check",
    "permission-separation",
    "audit-logging",
    "escalation-rules",
    "quotas",
    "shutdown-threshold",
    "monitoring",
    "incident-path",
    "fallback-drill",
}
"""What a feature that can do little harm is only reminded of, so that it is not slowed down."""

KEYS = [(gate, key) for gate, named in ARTIFACTS.items() for keys in named.values() for key in keys]
LAYERS = {"happy_path", "edge", "safety", "operational", "human_review"}


def asked(tier: Tier, stage: Stage = Stage.SCALED) -> dict[str, Requirement]:
    return {need.key: need for need in PLANS.of(tier, protected=True)[stage].requirements}


@pytest.mark.parametrize(("gate", "key"), KEYS)
def test_each_artifact_is_a_requirement_of_its_gate(gate: Gate, key: str) -> None:
    assert PLANS.requirements[key].gate is gate


@pytest.mark.parametrize("tier", Tier)
def test_every_tier_covers_every_artifact_before_everybody_has_the_feature(tier: Tier) -> None:
    assert {key for _, key in KEYS} - asked(tier).keys() == set()


def test_the_highest_tier_asks_for_nearly_all_of_it_before_the_first_user() -> None:
    later = {"feedback-labels", "regression-suite", "production-evaluation"}
    assert {key for _, key in KEYS} - asked(Tier.T3, Stage.BETA).keys() == later


def test_the_lowest_tier_asks_for_every_gate_and_only_reminds_of_exactly_what_is_named_here() -> None:
    needs = asked(Tier.T1).values()
    assert {need.key for need in needs if need.missed is Missed.REMIND} == REMINDED
    assert {need.gate for need in needs if need.missed is Missed.BLOCK} == set(Gate)


@pytest.mark.parametrize("tier", [Tier.T2, Tier.T3])
@pytest.mark.parametrize("stage", EXPOSED)
def test_where_harm_is_possible_nothing_is_only_a_reminder(tier: Tier, stage: Stage) -> None:
    assert [key for key, need in asked(tier, stage).items() if need.missed is Missed.REMIND] == []


def test_what_an_artifact_names_in_brackets_is_asked_for() -> None:
    highest = asked(Tier.T3)
    assert set(highest["permission-check"].layers) == {"role", "tenant", "region", "document"}
    assert (
        set(highest["evaluation-report"].layers) == LAYERS == set(asked(Tier.T2)["evaluation-report"].layers)
    )
    assert set(highest["guardrail-check"].layers) == {"input", "output"}
    assert highest["golden-set"].proves == {Part.EVAL_SET}
    assert highest["rollback-drill"].artifact is Artifact.DRILL is highest["fallback-drill"].artifact
    assert highest["human-review"].fields == ("reviewers", "oversight")


def test_what_a_title_does_not_say_no_owner_could_know() -> None:
    for key, word in (
        ("cost-model", "abusive"),
        ("fallback-drill", "vector store"),
        ("permission-check", "region"),
    ):
        assert word in PLANS.requirements[key].title
