"""A promotion hears every reason against it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest

from stages import (
    MOVES,
    UNPROTECTED,
    Case,
    Count,
    Evidence,
    Exposure,
    Mode,
    Refusal,
    Request,
    Stage,
    Watch,
    check_promotion,
    firing,
    make,
)
from tests.stages.promotion_case import (
    ARMED,
    CASE,
    DAY,
    NAMED,
    NOW,
    PASSED,
    PLAN,
    ROLLOUT,
    SHADOW,
    WAIVER,
    WIDER,
    approved,
    codes,
    planned,
)


def test_a_promotion_with_everything_in_place_is_allowed_and_can_be_made() -> None:
    case = approved(CASE)
    assert check_promotion(case, PLAN, NOW) == ()
    assert make(case.rollout, case.request, PLAN, NOW).stage is Stage.PILOT


def test_an_unprotected_environment_asks_for_no_evidence_and_no_people() -> None:
    bare = replace(
        CASE, rollout=replace(ROLLOUT, live_since=NOW), evidence=(), watches=(), measured={}, answers=0
    )
    assert check_promotion(bare, UNPROTECTED, NOW) == ()


def test_every_reason_is_told_at_once_and_missing_people_last() -> None:
    worst = Case(
        rollout=replace(
            ROLLOUT,
            mode=Mode.REVIEW,
            stable=None,
            candidate="r-2",
            candidate_share=100,
            holds=frozenset({"person", "trigger:cost"}),
            live_since=None,
        ),
        request=replace(CASE.request, exposure=replace(WIDER, share=2501)),
        requester="olga",
        matters=(Refusal("model_retiring", "the model ends soon", "choose another one"),),
        watches=(replace(SHADOW, firing=True),),
    )
    refusals = check_promotion(worst, PLAN, NOW)
    assert [refusal.code for refusal in refusals] == [
        "not_from_here",
        "no_release",
        "candidate_running",
        "share_above_ceiling",
        "held",
        "held",
        "model_retiring",
        "soaking",
        "samples_missing",
        "evidence_missing",
        "evidence_missing",
        "criterion_unmeasured",
        "triggers_missing",
        "trigger_firing",
        "approvals_missing",
    ]
    assert all(refusal.message and refusal.remedy for refusal in refusals)


# What is missing one by one.


def test_a_stage_must_soak_live_to_the_second() -> None:
    case = approved(replace(CASE, rollout=replace(ROLLOUT, live_since=NOW)))
    assert codes(case, now=NOW + DAY - timedelta(seconds=1)) == ["soaking"]
    assert codes(replace(case, evidence=(replace(PASSED, expires_at=None), NAMED)), now=NOW + DAY) == [
        "approvals_missing"
    ]


def test_days_spent_in_review_or_off_do_not_count_as_soak() -> None:
    rollout = replace(ROLLOUT, mode=Mode.REVIEW, live_since=None, live_s=86_400 - 90 * 60)
    refusals = check_promotion(replace(CASE, rollout=rollout), PLAN, NOW)
    (soaking,) = [refusal for refusal in refusals if refusal.code == "soaking"]
    assert soaking.remedy == "resume it; 1 h 30 min more of being live are needed"
    rollout = replace(rollout, live_s=86_400 - 59)
    (soaking,) = [
        r for r in check_promotion(replace(CASE, rollout=rollout), PLAN, NOW) if r.code == "soaking"
    ]
    assert soaking.remedy == "resume it; 1 min more of being live are needed"


def test_the_end_of_the_soak_is_told_in_utc_whatever_zone_the_clock_is_in() -> None:
    zone = timezone(timedelta(hours=5))
    case = approved(replace(CASE, rollout=replace(ROLLOUT, live_since=NOW.astimezone(zone))))
    (refusal,) = check_promotion(case, PLAN, NOW.astimezone(zone))
    assert refusal.message == "the feature has been in beta for too short a time"
    assert refusal.remedy == "wait until 2026-11-02 12:00 UTC"


def test_before_the_first_stage_time_counts_from_its_beginning_and_no_answers_are_asked_for() -> None:
    ready = replace(
        ROLLOUT, stage=Stage.READINESS, mode=Mode.OFF, exposure=Exposure(share=0), live_since=None
    )
    request = Request(move="promote")
    case = approved(replace(CASE, rollout=ready, request=request, answers=0, measured={}))
    assert codes(case) == []
    young = approved(replace(case, rollout=replace(ready, stage_since=NOW - DAY / 2), approvals=()))
    (refusal,) = check_promotion(young, PLAN, NOW)
    assert (refusal.code, refusal.remedy) == ("soaking", "wait until 2026-11-02 00:00 UTC")


@pytest.mark.parametrize(
    ("answers", "expected"), [(0, ["samples_missing"]), (49, ["samples_missing"]), (50, [])]
)
def test_a_stage_must_have_given_enough_answers(answers: int, expected: list[str]) -> None:
    assert codes(approved(replace(CASE, answers=answers))) == expected


@pytest.mark.parametrize(
    ("measured", "expected"),
    [({}, ["criterion_unmeasured"]), ({"quiet": Count(1)}, ["criterion_missed"]), ({"quiet": Count(0)}, [])],
)
def test_what_a_stage_has_to_show_must_hold_to_leave_it(
    measured: dict[str, Any], expected: list[str]
) -> None:
    assert codes(approved(replace(CASE, measured=measured))) == expected


def test_matters_that_only_the_controller_knows_of_stand_against_it_too() -> None:
    matter = Refusal("model_retiring", "the model ends soon", "choose another one")
    assert check_promotion(approved(replace(CASE, matters=(matter,))), PLAN, NOW) == (matter,)


# Evidence; how one requirement stands is in test_evidence.py.


@pytest.mark.parametrize(
    ("evidence", "code"),
    [
        ((), "evidence_missing"),
        ((replace(PASSED, requirement="owner"),), "evidence_missing"),
        ((replace(PASSED, expires_at=NOW),), "evidence_expired"),
        ((replace(PASSED, expires_at=NOW), replace(PASSED, id="e-3", release=None)), "evidence_stale"),
        ((replace(PASSED, release="r-0", parts={}),), "evidence_stale"),
        ((replace(PASSED, release=None),), "evidence_stale"),
    ],
)
def test_evidence_counts_only_for_its_requirement_its_release_and_its_time(
    evidence: tuple[Evidence, ...], code: str
) -> None:
    (refusal,) = check_promotion(approved(replace(CASE, evidence=(NAMED, *evidence))), PLAN, NOW)
    assert (refusal.code, refusal.field) == (code, "golden-set")


def test_a_waiver_by_somebody_else_lets_a_promotion_pass() -> None:
    assert codes(approved(replace(CASE, evidence=(NAMED,), waivers=(WAIVER,)))) == []


def test_nobody_waives_for_a_promotion_of_his_own() -> None:
    own = replace(WAIVER, approver="olga")
    (refusal,) = check_promotion(approved(replace(CASE, evidence=(NAMED,), waivers=(own,))), PLAN, NOW)
    assert (refusal.code, refusal.field) == ("self_waived", "golden-set")
    assert refusal.remedy
    both = replace(CASE, evidence=(NAMED,), waivers=(own, replace(WAIVER, id="w-2")))
    assert codes(approved(both)) == []
    assert codes(approved(replace(CASE, waivers=(own,)))) == []


@pytest.mark.parametrize(
    ("watches", "expected"),
    [
        ((ARMED,), []),
        ((SHADOW,), ["triggers_missing"]),
        ((), ["triggers_missing"]),
        ((ARMED, replace(SHADOW, firing=True)), ["trigger_firing"]),
        ((replace(ARMED, firing=True, blind=True),), ["trigger_firing"]),
        ((replace(ARMED, blind=True),), ["trigger_blind"]),
        ((ARMED, replace(SHADOW, blind=True)), []),
    ],
)
def test_triggers_must_be_armed_quiet_and_seeing(watches: tuple[Watch, ...], expected: list[str]) -> None:
    assert codes(approved(replace(CASE, watches=watches))) == expected


@pytest.mark.parametrize(
    ("watches", "missing"),
    [
        ((ARMED,), ["cost", "latency"]),
        ((replace(ARMED, trigger_class="cost"), replace(SHADOW, trigger_class="latency")), ["latency"]),
        ((replace(ARMED, trigger_class="cost"), replace(ARMED, key="t", trigger_class="latency")), []),
    ],
)
def test_one_trigger_of_each_class_must_act(watches: tuple[Watch, ...], missing: list[str]) -> None:
    plan = planned(trigger_classes=("latency", "cost"))
    refusals = check_promotion(approved(replace(CASE, watches=watches), plan=plan), plan, NOW)
    assert [refusal.code for refusal in refusals] == ["trigger_class_missing"] * len(missing)
    assert all(name in refusal.message for name, refusal in zip(missing, refusals, strict=True))


def test_each_firing_trigger_is_a_reason_of_its_own_whether_or_not_it_may_act() -> None:
    watches = [
        replace(ARMED, firing=True),
        replace(SHADOW, firing=True),
        replace(ARMED, key="cost", blind=True),
    ]
    assert [(refusal.code, refusal.field) for refusal in firing(watches)] == [
        ("trigger_firing", "grounding"),
        ("trigger_firing", "latency"),
    ]


@pytest.mark.parametrize("mode", [Mode.OFF, Mode.REVIEW])
def test_what_is_missing_is_told_even_while_the_feature_is_not_live(mode: Mode) -> None:
    case = replace(CASE, rollout=replace(ROLLOUT, mode=mode), evidence=())
    assert codes(case) == ["not_from_here", "evidence_missing", "evidence_missing", "approvals_missing"]


@pytest.mark.parametrize(
    ("stage", "asked"),
    [
        (Stage.STOPPED, None),
        (Stage.SCALED, None),
        (Stage.BETA, Stage.SCALED),
        (Stage.PILOT, Stage.BETA),
        (Stage.READINESS, Stage.PILOT),
    ],
)
def test_where_no_promotion_leads_no_plan_is_asked(stage: Stage, asked: Stage | None) -> None:
    case = replace(CASE, rollout=replace(ROLLOUT, stage=stage), request=replace(CASE.request, stage=asked))
    assert codes(case) == ["not_from_here"]


@pytest.mark.parametrize("move", sorted({row.move for row in MOVES} | {"nonsense"}))
@pytest.mark.parametrize("stage", Stage)
def test_no_other_name_of_the_move_makes_a_promotion_easier(move: str, stage: Stage) -> None:
    case = replace(CASE, rollout=replace(ROLLOUT, stage=stage), request=Request(move="promote"))
    assert check_promotion(replace(case, request=Request(move=move)), PLAN, NOW) == check_promotion(
        case, PLAN, NOW
    )
