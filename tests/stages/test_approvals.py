"""Approvals are for what was seen."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import (
    EXPOSED,
    WHOLE,
    Approval,
    Autonomy,
    Case,
    Evidence,
    Exposure,
    Goodness,
    Mode,
    Part,
    Plan,
    Refusal,
    Refused,
    Request,
    Review,
    Rollout,
    Stage,
    StagePlan,
    Step,
    Subject,
    Waiver,
    Watch,
    approve,
    awaits_only_approval,
    check_promotion,
    seen,
    seen_for,
)
from tests.stages.answers import PARTS
from tests.stages.promotion_case import (
    ARMED,
    CASE,
    DAY,
    GOLDEN,
    NAMED,
    NOW,
    OWNER,
    PASSED,
    PLAN,
    ROLLOUT,
    SHADOW,
    STEP,
    WAIVER,
    WIDER,
    approved,
    codes,
    planned,
)


def test_only_people_are_missing_until_enough_others_agreed() -> None:
    assert awaits_only_approval(check_promotion(CASE, PLAN, NOW))
    assert awaits_only_approval(check_promotion(approved(CASE, "amir"), PLAN, NOW))
    assert not awaits_only_approval(check_promotion(approved(CASE), PLAN, NOW))
    assert not awaits_only_approval(check_promotion(replace(CASE, evidence=()), PLAN, NOW))
    assert not awaits_only_approval((Refusal("held", "held", "resume"),))


def test_nobody_approves_what_they_asked_for() -> None:
    with pytest.raises(Refused) as caught:
        approve(CASE, PLAN, "olga")
    (refusal,) = caught.value.refusals
    assert refusal.code == "self_approval"
    assert refusal.message
    assert refusal.remedy


def test_an_approval_by_the_requester_does_not_count_however_it_came_about() -> None:
    own = Approval(actor="olga", seen=seen_for(CASE, PLAN), groups=frozenset({"risk"}))
    one = replace(CASE, approvals=(own, approve(CASE, PLAN, "amir")))
    assert codes(one) == ["approvals_missing"]
    assert codes(one, planned(approvals=1, approver_groups=("risk",)))[-1] == "approvals_missing"


def test_nobody_approves_twice() -> None:
    case = approved(CASE, "amir")
    with pytest.raises(Refused) as caught:
        approve(case, PLAN, "amir")
    (refusal,) = caught.value.refusals
    assert refusal.code == "already_approved"
    assert refusal.message
    assert refusal.remedy


def test_the_same_approval_twice_counts_once() -> None:
    one = approve(CASE, PLAN, "amir")
    assert codes(replace(CASE, approvals=(one, one))) == ["approvals_missing"]


def test_whoever_approved_something_else_may_approve_again() -> None:
    changed = replace(approved(CASE), rollout=replace(ROLLOUT, version=8))
    assert codes(changed) == ["approvals_missing"]
    assert codes(approved(changed)) == []


@pytest.mark.parametrize(
    ("groups", "missing"),
    [((), ["risk", "legal"]), (("risk",), ["legal"]), (("legal", "risk"), [])],
)
def test_each_group_has_to_agree_through_one_of_its_people(
    groups: tuple[str, ...], missing: list[str]
) -> None:
    plan = planned(approvals=1, approver_groups=("risk", "legal"))
    approval = approve(CASE, plan, "amir", frozenset(groups))
    refusals = check_promotion(
        CASE.approved_by([(approval.actor, approval.seen, approval.groups)]), plan, NOW
    )
    assert [refusal.code for refusal in refusals] == ["approvals_missing"] * len(missing)
    assert all(name in refusal.message for name, refusal in zip(missing, refusals, strict=True))
    assert awaits_only_approval(refusals) == bool(missing)


def test_an_approval_for_a_promotion_that_leads_nowhere_is_for_nothing_that_could_happen() -> None:
    lost = replace(CASE, request=replace(CASE.request, stage=Stage.SCALED))
    assert codes(approved(lost)) == ["not_from_here"]
    assert codes(replace(CASE, approvals=approved(lost).approvals)) == ["approvals_missing"]


OTHER_EXPOSURE = {
    "share": 400,
    "cohorts": frozenset({"partners"}),
    "tasks": frozenset(),
    "languages": frozenset({"de"}),
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
OTHER_EVIDENCE = {
    "id": "e-9",
    "requirement": "runbook",
    "release": None,
    "expires_at": NOW + 2 * DAY,
    "sha256": "1" * 64,
}
OTHER_WAIVER = {
    "id": "w-9",
    "requirement": "runbook",
    "release": None,
    "approver": "legal",
    "expires_at": NOW + 2 * DAY,
}
OTHER_SUBJECT: dict[str, Any] = {
    "release": "r-2",
    "parts": PARTS | {Part.PROMPT: "changed"},
    "filled": frozenset({"owner", "success"}),
    "version": 2,
}
OTHER_WATCH = {"key": "cost", "version": 4, "trigger_class": "cost", "acts": False}
OTHER_CASE = {
    "requester": "nils",
    "verdict": Goodness.BAD,
    "evidence": (PASSED,),
    "waivers": (),
    "watches": (ARMED,),
}
OTHER_STEP = {
    "ceiling": 2501,
    "start": 101,
    "autonomy": Autonomy.DRAFT,
    "soak_s": 1,
    "min_samples": 1,
    "approvals": 1,
    "approver_groups": ("risk",),
    "armed_triggers": 2,
    "trigger_classes": ("cost",),
    "requirements": (replace(GOLDEN, proves=frozenset({Part.PROMPT})), OWNER),
    "ramp": (Step(share=100),),
    "exit_criteria": (),
    "planned_s": 1,
    "release_approvals": 1,
    "release_soak_s": 1,
    "release_min_samples": 1,
}

LEFT_OUT = {
    # Whatever the request is called, it is read as one to promote; the last has no meaning for it.
    Request: {"move", "replacement"},
    # Checked anew at every attempt, or settled by the releases; what goes up has no replacement.
    Rollout: {"live_s", "live_since", "serving_since", "replacement"},
    Watch: {"firing", "blind"},
    Subject: {"watching"},
    Case: {"measured", "answers", "matters", "approvals"},
    # Settled by the id: what was handed in or given never changes.
    Evidence: {"parts", "made_at", "report"},
    Waiver: {"reason", "trigger"},
}
# Covered field by field.
NESTED = {Case: {"rollout", "request", "subject"}}


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
    for name, value in OTHER_WAIVER.items():
        cases[f"waiver.{name}"] = {"waivers": (replace(WAIVER, **{name: value}),)}
    for name, value in OTHER_SUBJECT.items():
        cases[f"subject.{name}"] = {"subject": replace(CASE.subject, **{name: value})}
    for name, value in OTHER_WATCH.items():
        cases[f"watch.{name}"] = {"watches": (replace(ARMED, **{name: value}), SHADOW)}
    cases |= {name: {name: value} for name, value in OTHER_CASE.items()}
    return {name: replace(WAIVED, **change) for name, change in cases.items()}


WAIVED = replace(CASE, waivers=(WAIVER,))
CHANGED = changed_cases()


@pytest.mark.parametrize("what", CHANGED)
def test_an_approval_is_void_once_anything_has_changed(what: str) -> None:
    changed = CHANGED[what]
    lenient = Plan(dict.fromkeys(EXPOSED, StagePlan(ceiling=WHOLE, start=100, approvals=1)))
    assert seen(changed, STEP) != seen(WAIVED, STEP)
    approvals = approved(WAIVED, "amir", "bea", "carl", plan=lenient).approvals
    assert codes(replace(WAIVED, approvals=approvals), lenient) == []
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
        (Waiver, OTHER_WAIVER),
        (Subject, OTHER_SUBJECT),
        (StagePlan, OTHER_STEP),
        (Watch, OTHER_WATCH),
        (Case, OTHER_CASE),
    ],
)
def test_no_field_is_forgotten_in_what_an_approval_is_for(kind: type, changes: dict[str, Any]) -> None:
    expected = {field.name for field in fields(kind)} - LEFT_OUT.get(kind, set()) - NESTED.get(kind, set())
    assert set(changes) == expected


@pytest.mark.parametrize("what", OTHER_STEP)
def test_an_approval_is_void_once_the_plan_asks_for_something_else(what: str) -> None:
    assert seen(CASE, replace(STEP, **{what: OTHER_STEP[what]})) != seen(CASE, STEP)


def test_a_trigger_that_was_firing_or_blind_does_not_void_what_was_agreed_before() -> None:
    bad = (replace(ARMED, firing=True), replace(SHADOW, blind=True))
    case = approved(replace(CASE, watches=bad))
    assert codes(case) == ["trigger_firing"]
    assert codes(replace(case, watches=CASE.watches)) == []


@given(st.permutations((PASSED, NAMED)), st.permutations((ARMED, SHADOW)), st.integers(-12, 12))
def test_the_order_of_things_and_the_time_zone_are_not_a_change(
    evidence: list[Evidence], watches: list[Watch], offset: int
) -> None:
    zone = timezone(timedelta(hours=offset))
    since, live_since = ROLLOUT.stage_since.astimezone(zone), (NOW - 2 * DAY).astimezone(zone)
    same = replace(
        CASE,
        rollout=replace(ROLLOUT, stage_since=since, live_since=live_since),
        evidence=tuple(evidence),
        watches=tuple(watches),
    )
    assert seen(same, STEP) == seen(CASE, STEP)
    assert codes(replace(same, approvals=approved(CASE).approvals)) == []
