"""What a release takes before it comes to users of a stage, and before all of them have it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from stages import (
    Approval,
    Autonomy,
    Case,
    Evidence,
    Exposure,
    Gate,
    Goodness,
    Missed,
    Mode,
    Part,
    Refusal,
    Request,
    Requirement,
    Rollout,
    Stage,
    StagePlan,
    Subject,
    Waiver,
    Watch,
    check_release,
    release_seen,
    untried,
)
from tests.stages.answers import NOW, PARTS

REPORT = Requirement(
    key="report", gate=Gate.EVALUATION, title="Report", proves=frozenset({Part.PROMPT}), missed=Missed.WAIVE
)
BRIEF = Requirement(key="brief", gate=Gate.BUSINESS_FIT, title="Brief")
STEP = StagePlan(
    ceiling=1000,
    start=100,
    requirements=(REPORT, BRIEF),
    release_approvals=2,
    approver_groups=("risk",),
    release_soak_s=90,
    release_min_samples=5,
)
SHOWN = Evidence(id="e-1", requirement="report", release="r-2", parts=PARTS, made_at=NOW)
CASE = Case(
    rollout=Rollout(
        feature="claims",
        environment="production",
        stage=Stage.BETA,
        mode=Mode.LIVE,
        exposure=Exposure(share=500),
        stable="r-1",
        stage_since=NOW,
    ),
    request=Request(move="introduce", release="r-2"),
    requester="ada",
    subject=Subject(release="r-2", parts=PARTS, watching=frozenset({"leaks"})),
    evidence=(SHOWN,),
    watches=(Watch(key="leaks", version=1, acts=True, firing=False, blind=False),),
)


def agreed(case: Case, *people: str, groups: frozenset[str] = frozenset({"risk"})) -> Case:
    shown = release_seen(CASE, STEP)
    return replace(case, approvals=tuple(Approval(person, shown, groups) for person in people))


def told(case: Case, step: StagePlan = STEP) -> list[str]:
    found = [*check_release(case, step, NOW)]
    assert all(refusal.message and refusal.remedy for refusal in found)
    return [refusal.code for refusal in found]


def test_with_its_evidence_and_enough_people_a_release_comes_in() -> None:
    assert told(agreed(CASE, "bob", "eve")) == []


def test_what_is_about_the_feature_is_not_asked_of_each_release() -> None:
    assert told(replace(agreed(CASE, "bob", "eve"), evidence=())) == [
        "evidence_missing",
        *["approvals_missing"] * 2,
    ]


def test_what_the_stage_only_reminds_of_keeps_no_release_out() -> None:
    needs = tuple(replace(need, missed=Missed.REMIND) for need in STEP.requirements)
    reminded = replace(STEP, requirements=needs, release_approvals=0)
    assert told(replace(CASE, evidence=()), reminded) == []


def test_each_person_that_is_missing_and_each_group_is_told() -> None:
    assert told(agreed(CASE, "bob")) == ["approvals_missing"]
    assert told(agreed(CASE, "bob", "ada")) == ["approvals_missing"]
    assert told(agreed(CASE, "bob", "eve", groups=frozenset())) == ["approvals_missing"]
    assert told(CASE) == ["approvals_missing", "approvals_missing"]


def test_where_nobody_has_to_agree_no_group_has_to_either() -> None:
    assert told(CASE, replace(STEP, release_approvals=0)) == []


def test_who_waived_something_for_the_release_does_not_bring_it_in() -> None:
    waiver = Waiver(
        id="w-1",
        requirement="report",
        release="r-2",
        approver="ada",
        reason="tonight",
        trigger="leaks",
        expires_at=NOW + timedelta(days=1),
    )
    free = replace(STEP, release_approvals=0)
    waived = replace(CASE, evidence=(), waivers=(waiver,))
    assert told(waived, free) == ["self_waived"]
    assert told(replace(waived, requester="bob"), free) == []


@pytest.mark.parametrize(
    "change",
    [
        {"rollout": replace(CASE.rollout, candidate="r-2", candidate_share=100, version=9)},
        {"verdict": Goodness.GOOD},
        {"requester": "bob"},
        {"request": Request(move="adopt")},
        {"answers": 7},
    ],
)
def test_what_the_trial_itself_changes_leaves_approvals_as_they_are(change: dict[str, Any]) -> None:
    assert release_seen(replace(CASE, **change), STEP) == release_seen(CASE, STEP)


@pytest.mark.parametrize(
    "change",
    [
        {"rollout": replace(CASE.rollout, exposure=Exposure(share=501))},
        {"rollout": replace(CASE.rollout, exposure=Exposure(share=500, autonomy=Autonomy.DRAFT))},
        {"rollout": replace(CASE.rollout, stage=Stage.PILOT)},
        {"rollout": replace(CASE.rollout, stable="r-0")},
        {"rollout": replace(CASE.rollout, holds=frozenset({"person"}))},
        {"subject": replace(CASE.subject, release="r-3")},
        {"subject": replace(CASE.subject, version=2)},
        {"evidence": ()},
        {"evidence": (replace(SHOWN, sha256="1"),)},
        {"watches": ()},
        {"watches": (replace(CASE.watches[0], version=2),)},
        {"watches": (replace(CASE.watches[0], acts=False),)},
    ],
)
def test_anything_else_that_was_shown_makes_them_void(change: dict[str, Any]) -> None:
    assert release_seen(replace(CASE, **change), STEP) != release_seen(CASE, STEP)


def test_what_the_plan_asks_for_is_shown_too() -> None:
    assert release_seen(CASE, replace(STEP, release_min_samples=6)) != release_seen(CASE, STEP)


@pytest.mark.parametrize(
    ("served_s", "answers", "expected"),
    [
        (90, 5, []),
        (89.5, 5, ["soaking"]),
        (90, 4, ["samples_missing"]),
        (0, 0, ["soaking", "samples_missing"]),
    ],
)
def test_a_candidate_has_to_have_served_and_answered(
    served_s: float, answers: int, expected: list[str]
) -> None:
    found: list[Refusal] = [*untried(STEP, timedelta(seconds=served_s), answers)]
    assert [refusal.code for refusal in found] == expected


def test_how_long_it_still_takes_is_told() -> None:
    [soaking, _] = untried(replace(STEP, release_soak_s=5400), timedelta(0), 0)
    assert soaking.remedy == "wait; 1 h 30 min more are needed"
