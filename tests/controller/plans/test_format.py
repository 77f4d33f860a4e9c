"""What a plan says is read as it is written, and every mistake is told with its place and a remedy."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.plans import RECORD_FIELDS
from controller.plans.node import Mistake
from controller.record import filled_fields
from controller.store.features import Feature
from stages import (
    EXPOSED,
    Artifact,
    Autonomy,
    Criterion,
    Gate,
    Missed,
    Part,
    Requirement,
    Stage,
    StagePlan,
    Step,
    Threshold,
)
from tests.conftest import START
from tests.controller.plans.content import CONTENT, changed, mistake, plans

DAY = 86_400
OWNER = Requirement(
    key="owner", gate=Gate.BUSINESS_FIT, title="Owner", artifact=Artifact.RECORD, fields=("owner",)
)
BRIEF = Requirement(
    key="brief", gate=Gate.BUSINESS_FIT, title="Brief", valid_s=365 * DAY, missed=Missed.WAIVE
)
GOLDEN = Requirement(
    key="golden",
    gate=Gate.EVALUATION,
    title="Golden set",
    owner="evaluation",
    why="A demo proves nothing.",
    artifact=Artifact.EVAL_REPORT,
    proves=frozenset({Part.PROMPT, Part.MODEL}),
    threshold=Threshold(metric="pass_rate", at_least=0.8, confidence=0.9),
    min_samples=40,
    layers=("edge",),
    valid_s=90 * DAY,
)


def step(stage: Stage, content: Any = CONTENT) -> StagePlan:
    return plans(content).of("T2", protected=True)[stage]


def test_a_stage_is_read_as_it_is_written() -> None:
    beta = step(Stage.BETA)
    assert (beta.ceiling, beta.start, beta.autonomy) == (1000, 100, Autonomy.RECOMMEND)
    assert (beta.soak_s, beta.approvals, beta.approver_groups) == (DAY // 2, 1, ("risk",))
    assert (beta.armed_triggers, beta.trigger_classes, beta.planned_s) == (1, ("cost",), 30 * DAY)
    assert beta.ramp == (Step(share=100, hold_s=7200, min_samples=10), Step(share=1000, approvals=1))


def test_a_tier_is_read_as_it_is_written() -> None:
    plan = plans().of("T2", protected=True)
    assert (plan.good_after_s, plan.pinned_models) == (7 * DAY, True)
    plain = plans(changed("tiers.T2.good_after_days", None)).of("T2", protected=True)
    assert plain.good_after_s == 0


def test_requirements_are_known_as_they_are_defined() -> None:
    known = plans().requirements
    assert (known["owner"], known["brief"], known["golden"]) == (OWNER, BRIEF, GOLDEN)
    assert known["drill"].proves == frozenset(Part)


def test_each_stage_adds_to_what_the_one_before_asked_for() -> None:
    beta, pilot, scaled = (step(stage) for stage in EXPOSED)
    assert [need.key for need in beta.requirements] == ["owner", "golden"]
    assert [need.key for need in pilot.requirements] == ["owner", "golden", "brief"]
    assert scaled.requirements == pilot.requirements
    assert [each.key for each in scaled.exit_criteria] == ["accepted", "swift", "business", "quiet"]
    assert (pilot.trigger_classes, scaled.trigger_classes) == (("cost", "latency"),) * 2
    assert (pilot.approver_groups, scaled.approver_groups) == (("risk",),) * 2


def test_what_a_stage_says_anew_stays_and_the_rest_is_as_before() -> None:
    beta, pilot, scaled = (
        next(need for need in step(stage).requirements if need.key == "golden") for stage in EXPOSED
    )
    assert (beta.min_samples, beta.threshold) == (60, GOLDEN.threshold)
    assert (pilot.min_samples, pilot.threshold) == (60, Threshold(metric="pass_rate", at_least=0.9))
    assert scaled == pilot


def test_criteria_are_read_as_they_are_written() -> None:
    accepted, swift, business, quiet = step(Stage.SCALED).exit_criteria
    assert accepted == Criterion(
        key="accepted", title="Accepted", measure="rejected", at_most=0.1, min_samples=50, window_s=7 * DAY
    )
    assert (swift.limit, swift.measure, swift.min_samples) == (5000, "slow", 0)
    assert (business.measure, business.window_s) == ("business_metric", 0)
    assert (quiet.at_most, quiet.window_s) == (0, 14 * DAY)


BETA = "tiers.T2.beta"
GOLD = "requirements.golden"
OVER = f"{BETA}.requirements.1.golden"


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("surprise", 1, "is not a key here; use one of requirements, criteria, tiers"),
        ("tiers.T4", {}, "is not a tier here; use one of T1, T2, T3"),
        ("tiers.T2", [], "is not a mapping"),
        ("tiers.T2.stages", {}, "is not a key here; use one of good_after_days"),
        ("tiers.T2.good_after_days", "long", "'long' is not a number"),
        ("tiers.T2.pinned_models", "yes", "'yes' is neither true nor false"),
        (f"{BETA}.surprise", 1, "is not a key here"),
        (f"{BETA}.ceiling", "all", "'all' is not a whole number"),
        (f"{BETA}.ceiling", True, "True is not a whole number"),
        (f"{BETA}.ceiling", 0.5, "0.5 is not a whole number"),
        (f"{BETA}.ceiling", -1, "-1 is not a whole number"),
        (f"{BETA}.autonomy", "everything", "use one of draft, recommend, execute"),
        (f"{BETA}.autonomy", ["draft"], "it is not known here"),
        (f"{BETA}.soak_days", float("inf"), "inf is out of range"),
        (f"{BETA}.soak_days", float("nan"), "nan is out of range"),
        (f"{BETA}.soak_days", -1, "-1 is out of range"),
        (f"{BETA}.soak_days", 36_526, "36526 is longer than 100 years"),
        (f"{BETA}.planned_days", 1e300, "1e+300 is longer than 100 years"),
        ("requirements.brief.valid_days", 10**12, "1000000000000 is longer than 100 years"),
        (f"{BETA}.ramp.0.hold_hours", 10**9, "1000000000 is longer than 100 years"),
        (f"{BETA}.soak_days", True, "True is not a number"),
        (f"{BETA}.approver_groups", "risk", "is not a list"),
        (f"{BETA}.approver_groups.0", "", "'' is not a text"),
        (f"{BETA}.trigger_classes.0", "noise", "'noise' is not known here; use one of unsupported_answers"),
        (
            f"{BETA}.requirements.0",
            "never-heard-of",
            "'never-heard-of' is not defined; define it, or use one of",
        ),
        (f"{BETA}.requirements.0", 7, "7 is not a text"),
        (f"{BETA}.requirements.1", {"golden": {}, "owner": {}}, "names more than one thing, or none"),
        (f"{BETA}.requirements.1", {}, "names more than one thing, or none"),
        (OVER, 5, "is not a mapping"),
        (
            f"{OVER}.gate",
            "controls",
            "is not something a stage may say anew here; use one of fields, threshold",
        ),
        (f"{OVER}.min_samples", "many", "'many' is not a whole number"),
        (f"{BETA}.exit_criteria.0", "nothing", "'nothing' is not defined"),
        (f"{BETA}.exit_criteria.1.swift.measure", "costly", "is not something a stage may say anew here"),
        (f"{BETA}.ramp", {"share": 1}, "is not a list"),
        (f"{BETA}.ramp.0.surprise", 1, "is not a key here; use one of share"),
        (f"{BETA}.planned_days", [], "it is not a number"),
        (f"{GOLD}.gate", "nothing", "'nothing' is not known here; use one of business_fit"),
        (f"{GOLD}.title", " ", "' ' is not a text"),
        (f"{GOLD}.per_release", True, "is not a key here; use one of gate"),
        (f"{GOLD}.artifact", "picture", "use one of record, document"),
        (f"{GOLD}.proves", "everything", "names no parts of a release; write `release`"),
        (f"{GOLD}.proves.0", "mood", "'mood' is not known here; use one of prompt"),
        (f"{GOLD}.threshold.at_most", 0.9, None),
        (f"{GOLD}.threshold.confidence", 1, "is not a confidence"),
        (f"{GOLD}.threshold.confidence", 0.4, "is not a confidence"),
        (f"{GOLD}.threshold.at_least", "high", "'high' is not a number"),
        (f"{GOLD}.threshold.limit", 1, "is not a key here; use one of metric"),
        (f"{GOLD}.layers", "edge", "is not a list"),
        (f"{GOLD}.valid_days", 0, "would expire at once"),
        (f"{GOLD}.missed", "shrug", "use one of remind, waive, block"),
        (f"{GOLD}.fields", ["owner"], "does not go with the artifact eval_report; leave it out"),
        ("requirements.brief.min_samples", 5, "does not go with the artifact document"),
        ("requirements.brief.threshold", {}, "does not go with the artifact document"),
        ("requirements.brief.layers", [], "does not go with the artifact document"),
        ("requirements.owner.proves", "release", "does not go with the artifact record"),
        ("requirements.owner.valid_days", 5, "does not go with the artifact record"),
        ("requirements.owner.fields", [], "names no field"),
        (
            "requirements.owner.fields.0",
            "horoscope",
            "'horoscope' is not a field of the record; use one of owner",
        ),
        ("requirements.owner.fields.0", "people.", "'people.' is not a field of the record"),
        ("criteria.accepted.measure", "mood", "'mood' is not measured; use one of unsupported"),
        ("criteria.accepted.at_most", 0, "0 is not a share"),
        ("criteria.accepted.at_most", 5, "5 is not a share; give a number above 0 up to 1"),
        ("criteria.accepted.limit", 5, "does not go with the measure rejected; leave it out"),
        ("criteria.accepted.surprise", 5, "is not a key here"),
        ("criteria.quiet.limit", 5, "does not go with the measure automatic_actions"),
        ("criteria.quiet.min_samples", 5, "does not go with the measure automatic_actions"),
        ("criteria.quiet.at_most", 0.5, "0.5 is not a whole number"),
        ("criteria.business.window_days", 5, "does not go with the measure business_metric"),
        ("criteria.business.at_most", 0.5, "does not go with the measure business_metric"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_a_remedy(place: str, value: Any, told: str | None) -> None:
    found = mistake(changed(place, value))
    assert found is not None
    # Two limits contradict each other in the mapping that holds them.
    assert found.place == (place if told else place.rpartition(".")[0])
    assert (told or "needs either at_least or at_most; give exactly one") in str(found)
    assert found.remedy


@pytest.mark.parametrize(
    "place",
    [
        "tiers",
        "tiers.T2",
        "tiers.T2.pilot",
        f"{BETA}.ceiling",
        "tiers.T2.pilot.start",
        f"{BETA}.ramp.0.share",
        f"{GOLD}.gate",
        f"{GOLD}.title",
        f"{GOLD}.threshold.metric",
        "requirements.owner.fields",
        "criteria.accepted.title",
        "criteria.accepted.measure",
        "criteria.accepted.at_most",
        "criteria.accepted.window_days",
        "criteria.swift.limit",
    ],
)
def test_what_is_missing_is_told_with_its_place(place: str) -> None:
    found = mistake(changed(place, None))
    assert found is not None
    assert (found.place, found.message, found.remedy) == (place, "is missing", "add it")


def test_a_threshold_without_a_limit_is_refused() -> None:
    found = mistake(changed(f"{GOLD}.threshold.at_least", None))
    assert found is not None
    assert (found.place, found.message) == (f"{GOLD}.threshold", "needs either at_least or at_most")


@pytest.mark.parametrize(
    ("place", "value", "other"),
    [(f"{BETA}.soak_s", 60, f"{BETA}.soak_days"), (f"{BETA}.ramp.0.hold_s", 60, f"{BETA}.ramp.0.hold_hours")],
)
def test_a_time_in_two_units_is_refused(place: str, value: int, other: str) -> None:
    found = mistake(changed(place, value))
    assert found is not None
    assert found.place == other
    assert "give one of the two" in found.remedy


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("tiers.T2.pilot.ceiling", 900, "pilot: ceiling is lower than in the stage before"),
        ("tiers.T2.pilot.start", 5001, "pilot: start 5001 is not between 1 and the ceiling 5000"),
        (f"{BETA}.start", 50, "beta: the ramp begins with 100, not with the start 50"),
        (
            "tiers.T2.pilot.requirements.1.golden",
            {"min_samples": 50},
            "pilot: golden needs fewer samples, unlike the stage before",
        ),
        (
            "tiers.T2.pilot.exit_criteria.1",
            {"swift": {"limit": 9000}},
            "pilot: the exit criterion swift has a higher limit, unlike the stage before",
        ),
    ],
)
def test_a_later_stage_that_is_laxer_is_told_with_its_tier(place: str, value: Any, told: str) -> None:
    found = mistake(changed(place, value))
    assert found is not None
    assert found.place == "tiers.T2"
    assert told in found.message
    assert "no less than in the one before" in found.remedy


def test_the_fields_that_can_be_asked_for_are_those_that_a_record_can_fill_in() -> None:
    source = dict.fromkeys(("owner", "permissions", "freshness", "revocation"), "yes")
    feature = Feature(
        id=1,
        project_id=1,
        key="claims",
        name="Claims",
        owner="claims",
        budget_owner="claims",
        risk_tier="T1",
        risk_rationale="little harm",
        classified_by="risk",
        hypothesis="fewer calls",
        success="fewer calls for a year",
        business_metric={"baseline": 9, "target": 5, "window_days": 30},
        data_sources=[source],
        oversight="human_decides",
        people={"support": "desk"},
        reviewers=["qa"],
        regulatory=["none"],
        fallback="search",
        when_lost="off",
        version=1,
        created_at=START,
    )
    assert filled_fields(feature) == {*RECORD_FIELDS, "people.support"}


def test_every_field_that_a_record_can_fill_in_can_be_asked_for() -> None:
    for name in (*RECORD_FIELDS, "people.support"):
        assert mistake(changed("requirements.owner.fields", [name])) is None


leaves = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3) | st.floats()
junk = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
)


def places(content: Any, prefix: str = "") -> list[str]:
    """Every dotted place in the content."""
    inner = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    here = [(f"{prefix}.{name}" if prefix else str(name), value) for name, value in inner]
    return [found for place, value in here for found in (place, *places(value, place))]


@given(st.sampled_from(places(CONTENT)), junk)
def test_whatever_stands_in_a_place_is_either_read_or_told_with_its_place(place: str, value: Any) -> None:
    found = mistake(changed(place, value))
    assert found is None or isinstance(found, Mistake)
    assert found is None or (found.place and found.message and found.remedy)
