"""A promotion hears every reason against it, and approvals are for what was seen."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import (
    EXPOSED,
    MOVES,
    UNPROTECTED,
    WHOLE,
    Approval,
    Autonomy,
    Case,
    Evidence,
    Exposure,
    Gate,
    Mode,
    Plan,
    Refusal,
    Refused,
    Request,
    Requirement,
    Review,
    Rollout,
    Stage,
    StagePlan,
    Watch,
    approve,
    awaits_only_approval,
    check_promotion,
    firing,
    make,
    seen,
)

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)

GOLDEN = Requirement(key="golden-set", gate=Gate.EVALUATION, title="Golden set passed", per_release=True)
OWNER = Requirement(key="owner", gate=Gate.BUSINESS_FIT, title="An owner is named")
STEP = StagePlan(
    ceiling=500, start=100, soak_s=86_400, approvals=2, armed_triggers=1, requirements=(GOLDEN, OWNER)
)
PLAN = Plan(
    dict(zip(EXPOSED, (STEP, replace(STEP, ceiling=2500), replace(STEP, ceiling=WHOLE)), strict=True))
)

ROLLOUT = Rollout(
    feature="claims-assistant",
    environment="production",
    stage=Stage.BETA,
    mode=Mode.LIVE,
    exposure=Exposure(share=500, cohorts=frozenset({"staff"}), tasks=frozenset({"summarise"})),
    review=Review(sample=2000, below_confidence=0.8, reviewers=("claims-qa",)),
    stable="r-1",
    previous="r-0",
    stage_since=NOW - 2 * DAY,
    version=7,
)
PASSED = Evidence(id="e-1", requirement="golden-set", release="r-1", expires_at=NOW + DAY)
NAMED = Evidence(id="e-2", requirement="owner", release=None, expires_at=None)
ARMED = Watch(key="grounding", version=3, acts=True, firing=False, blind=False)
SHADOW = Watch(key="latency", version=1, acts=False, firing=False, blind=False)
WIDER = Exposure(share=1000, cohorts=frozenset({"staff"}), tasks=frozenset({"summarise"}))
CASE = Case(
    rollout=ROLLOUT,
    request=Request(move="promote", stage=Stage.PILOT, exposure=WIDER),
    requester="olga",
    evidence=(PASSED, NAMED),
    watches=(ARMED, SHADOW),
)


def approved(case: Case, *approvers: str) -> Case:
    for approver in approvers or ("amir", "bea"):
        case = replace(case, approvals=(*case.approvals, approve(case, approver)))
    return case


def codes(case: Case, plan: Plan = PLAN, now: datetime = NOW) -> list[str]:
    return [refusal.code for refusal in check_promotion(case, plan, now)]


def test_a_promotion_with_everything_in_place_is_allowed_and_can_be_made() -> None:
    case = approved(CASE)
    assert check_promotion(case, PLAN, NOW) == ()
    assert make(case.rollout, case.request, PLAN, NOW).stage is Stage.PILOT


def test_an_unprotected_environment_asks_for_no_evidence_and_no_people() -> None:
    bare = replace(CASE, rollout=replace(ROLLOUT, stage_since=NOW), evidence=(), watches=())
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
            stage_since=NOW,
        ),
        request=replace(CASE.request, exposure=replace(WIDER, share=2501)),
        requester="olga",
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
        "soaking",
        "evidence_missing",
        "evidence_missing",
        "triggers_missing",
        "trigger_firing",
        "approvals_missing",
    ]
    assert all(refusal.message and refusal.remedy for refusal in refusals)


# What is missing one by one.


def test_a_stage_must_soak_to_the_second() -> None:
    case = approved(replace(CASE, rollout=replace(ROLLOUT, stage_since=NOW)))
    assert codes(case, now=NOW + DAY - timedelta(seconds=1)) == ["soaking"]
    assert codes(replace(case, evidence=(replace(PASSED, expires_at=None), NAMED)), now=NOW + DAY) == [
        "approvals_missing"
    ]


def test_the_end_of_the_soak_is_told_in_utc_whatever_zone_it_was_stored_in() -> None:
    since = NOW.astimezone(timezone(timedelta(hours=5)))
    (refusal,) = check_promotion(
        approved(replace(CASE, rollout=replace(ROLLOUT, stage_since=since))), PLAN, NOW
    )
    assert refusal.message == "the feature has been in beta only since 2026-11-01 12:00 UTC"
    assert refusal.remedy == "wait until 2026-11-02 12:00 UTC"


@pytest.mark.parametrize(
    ("evidence", "code"),
    [
        ((), "evidence_missing"),
        ((replace(PASSED, requirement="owner"),), "evidence_missing"),
        ((replace(PASSED, expires_at=NOW),), "evidence_expired"),
        ((replace(PASSED, expires_at=NOW), replace(PASSED, id="e-3", release="r-0")), "evidence_stale"),
        ((replace(PASSED, release="r-0"),), "evidence_stale"),
        ((replace(PASSED, release=None),), "evidence_stale"),
    ],
)
def test_evidence_counts_only_for_its_requirement_its_release_and_its_time(
    evidence: tuple[Evidence, ...], code: str
) -> None:
    (refusal,) = check_promotion(approved(replace(CASE, evidence=(NAMED, *evidence))), PLAN, NOW)
    assert (refusal.code, refusal.field) == (code, "golden-set")


def test_one_answer_that_holds_is_enough_beside_others_that_do_not() -> None:
    others = (replace(PASSED, id="e-3", expires_at=NOW), replace(PASSED, id="e-4", release="r-0"))
    assert codes(approved(replace(CASE, evidence=(*others, PASSED, NAMED)))) == []


@pytest.mark.parametrize("release", ["r-0", "r-1", None])
def test_evidence_about_the_feature_holds_for_whatever_release(release: str | None) -> None:
    assert codes(approved(replace(CASE, evidence=(PASSED, replace(NAMED, release=release))))) == []


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


# Approvals.


def test_only_people_are_missing_until_enough_others_agreed() -> None:
    assert awaits_only_approval(check_promotion(CASE, PLAN, NOW))
    assert awaits_only_approval(check_promotion(approved(CASE, "amir"), PLAN, NOW))
    assert not awaits_only_approval(check_promotion(approved(CASE), PLAN, NOW))
    assert not awaits_only_approval(check_promotion(replace(CASE, evidence=()), PLAN, NOW))
    assert not awaits_only_approval((Refusal("held", "held", "resume"),))


def test_nobody_approves_what_they_asked_for() -> None:
    with pytest.raises(Refused) as caught:
        approve(CASE, "olga")
    (refusal,) = caught.value.refusals
    assert refusal.code == "self_approval"
    assert refusal.message
    assert refusal.remedy


def test_an_approval_by_the_requester_does_not_count_however_it_came_about() -> None:
    own = Approval(actor="olga", seen=seen(CASE))
    assert codes(replace(approved(CASE, "amir"), approvals=(own, approve(CASE, "amir")))) == [
        "approvals_missing"
    ]


def test_nobody_approves_twice() -> None:
    case = approved(CASE, "amir")
    with pytest.raises(Refused) as caught:
        approve(case, "amir")
    (refusal,) = caught.value.refusals
    assert refusal.code == "already_approved"
    assert refusal.message
    assert refusal.remedy


def test_the_same_approval_twice_counts_once() -> None:
    one = approve(CASE, "amir")
    assert codes(replace(CASE, approvals=(one, one))) == ["approvals_missing"]


def test_whoever_approved_something_else_may_approve_again() -> None:
    changed = replace(approved(CASE), rollout=replace(ROLLOUT, version=8))
    assert codes(changed) == ["approvals_missing"]
    assert codes(approved(changed)) == []


OTHER_EXPOSURE = {
    "share": 400,
    "cohorts": frozenset({"partners"}),
    "tasks": frozenset(),
    "autonomy": Autonomy.EXECUTE,
}
OTHER_REVIEW = {"sample": 0, "below_confidence": None, "reviewers": ("legal",)}
OTHER_ROLLOUT = {
    "feature": "other-assistant",
    "environment": "staging",
    "stage": Stage.PILOT,
    "mode": Mode.REVIEW,
    "exposure": Exposure(share=499),
    "review": Review(),
    "stable": "r-2",
    "candidate": "r-2",
    "candidate_share": 1,
    "previous": None,
    "holds": frozenset({"person"}),
    "stage_since": NOW,
    "version": 8,
}
OTHER_REQUEST = {
    "stage": None,
    "mode": Mode.LIVE,
    "exposure": None,
    "release": "r-1",
    "share": 1,
    "hold": "other",
}
OTHER_EVIDENCE = {"id": "e-9", "requirement": "runbook", "release": None, "expires_at": NOW + 2 * DAY}
OTHER_WATCH = {"key": "cost", "version": 4, "acts": False}
OTHER_CASE = {"requester": "nils", "evidence": (PASSED,), "watches": (ARMED,)}

# Checked anew at every attempt, hence no part of what an approval is for.
LEFT_OUT = {Request: {"move"}, Watch: {"firing", "blind"}, Case: {"approvals"}}
# Covered field by field.
NESTED = {Case: {"rollout", "request"}}


def changed_cases() -> dict[str, Case]:
    rollouts = {name: {name: value} for name, value in OTHER_ROLLOUT.items()}
    for name, value in OTHER_EXPOSURE.items():
        rollouts[f"exposure.{name}"] = {"exposure": replace(ROLLOUT.exposure, **{name: value})}
    for name, value in OTHER_REVIEW.items():
        rollouts[f"review.{name}"] = {"review": replace(ROLLOUT.review, **{name: value})}
    requests: dict[str, dict[str, Any]] = {name: {name: value} for name, value in OTHER_REQUEST.items()}
    for name, value in OTHER_EXPOSURE.items():
        requests[f"exposure.{name}"] = {"exposure": replace(WIDER, **{name: value})}
    cases = {f"rollout.{name}": {"rollout": replace(ROLLOUT, **change)} for name, change in rollouts.items()}
    cases |= {
        f"request.{name}": {"request": replace(CASE.request, **change)} for name, change in requests.items()
    }
    for name, value in OTHER_EVIDENCE.items():
        cases[f"evidence.{name}"] = {"evidence": (replace(PASSED, **{name: value}), NAMED)}
    for name, value in OTHER_WATCH.items():
        cases[f"watch.{name}"] = {"watches": (replace(ARMED, **{name: value}), SHADOW)}
    cases |= {name: {name: value} for name, value in OTHER_CASE.items()}
    return {name: replace(CASE, **change) for name, change in cases.items()}


CHANGED = changed_cases()


@pytest.mark.parametrize("what", CHANGED)
def test_an_approval_is_void_once_anything_has_changed(what: str) -> None:
    changed = CHANGED[what]
    assert seen(changed) != seen(CASE)
    approvals = approved(CASE, "amir", "bea", "carl").approvals
    lenient = Plan(dict.fromkeys(EXPOSED, StagePlan(ceiling=WHOLE, start=100, approvals=1)))
    refused = codes(replace(changed, approvals=approvals), lenient)
    assert {"approvals_missing", "not_from_here"} & set(refused)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (Rollout, OTHER_ROLLOUT),
        (Exposure, OTHER_EXPOSURE),
        (Review, OTHER_REVIEW),
        (Request, OTHER_REQUEST),
        (Evidence, OTHER_EVIDENCE),
        (Watch, OTHER_WATCH),
        (Case, OTHER_CASE),
    ],
)
def test_no_field_is_forgotten_in_what_an_approval_is_for(kind: type, changes: dict[str, Any]) -> None:
    expected = {field.name for field in fields(kind)} - LEFT_OUT.get(kind, set()) - NESTED.get(kind, set())
    assert set(changes) == expected


def test_a_trigger_that_was_firing_or_blind_does_not_void_what_was_agreed_before() -> None:
    bad = (replace(ARMED, firing=True), replace(SHADOW, blind=True))
    case = approved(replace(CASE, watches=bad))
    assert codes(case) == ["trigger_firing"]
    assert codes(replace(case, watches=CASE.watches)) == []


@given(st.permutations((PASSED, NAMED)), st.permutations((ARMED, SHADOW)), st.integers(-12, 12))
def test_the_order_of_things_and_the_time_zone_are_not_a_change(
    evidence: list[Evidence], watches: list[Watch], offset: int
) -> None:
    since = ROLLOUT.stage_since.astimezone(timezone(timedelta(hours=offset)))
    same = replace(
        CASE, rollout=replace(ROLLOUT, stage_since=since), evidence=tuple(evidence), watches=tuple(watches)
    )
    assert seen(same) == seen(CASE)
    assert codes(replace(same, approvals=approved(CASE).approvals)) == []
