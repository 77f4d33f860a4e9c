"""Evidence counts for what it is about, while it lives, and when its numbers say so."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import (
    Answer,
    Artifact,
    Dataset,
    EvalReport,
    Evidence,
    Gate,
    Metric,
    MetricKind,
    Missed,
    Part,
    Requirement,
    Standing,
    Subject,
    Threshold,
    Waiver,
    stand,
)
from stages.evidence import is_expired
from tests.stages.answers import DAY, NOW, PARTS

GOLDEN = Requirement(
    key="golden",
    gate=Gate.EVALUATION,
    title="Golden set passed",
    artifact=Artifact.EVAL_REPORT,
    proves=frozenset({Part.PROMPT, Part.MODEL, Part.RETRIEVAL}),
    threshold=Threshold(metric="pass_rate", at_least=0.9),
    min_samples=50,
    layers=("edge",),
    valid_s=30 * 86_400,
    missed=Missed.WAIVE,
)
BRIEF = Requirement(key="brief", gate=Gate.BUSINESS_FIT, title="Brief", missed=Missed.WAIVE)
OWNER = Requirement(
    key="owner",
    gate=Gate.BUSINESS_FIT,
    title="An owner is named",
    artifact=Artifact.RECORD,
    fields=("owner", "people.support"),
    missed=Missed.WAIVE,
)
SUBJECT = Subject(release="r-1", parts=PARTS, filled=frozenset({"owner"}), watching=frozenset({"grounding"}))


def rate(passed: int, failed: int = 0, errored: int = 0, name: str = "pass_rate") -> Metric:
    judged = passed + failed
    return Metric(
        name=name,
        kind=MetricKind.PASS_RATE,
        value=passed / judged if judged else None,
        n=judged + errored,
        passed=passed,
        failed=failed,
        errored=errored,
    )


def report(*metrics: Metric, **rest: Any) -> EvalReport:
    dataset = Dataset(layers={"edge": 12, "happy_path": 0})
    return EvalReport(**{"tool": "junit", "dataset": dataset, "metrics": metrics} | rest)


PASSED = Evidence(
    id="e-1", requirement="golden", release="r-1", parts=PARTS, made_at=NOW - DAY, report=report(rate(100))
)
FAILED = replace(PASSED, id="e-2", report=report(rate(80, 20)))
FEW = replace(PASSED, id="e-3", report=report(rate(49)))
BARE = replace(PASSED, id="e-4", report=None)
EXPIRED = replace(PASSED, id="e-5", expires_at=NOW)
STALE = replace(PASSED, id="e-6", release="r-0", parts=PARTS | {Part.PROMPT: "other"})
WAIVER = Waiver(
    id="w-1",
    requirement="golden",
    release="r-1",
    approver="risk",
    reason="the index is being rebuilt",
    trigger="grounding",
    expires_at=NOW + DAY,
)


def standing(
    *evidence: Evidence,
    need: Requirement = GOLDEN,
    subject: Subject = SUBJECT,
    waivers: tuple[Waiver, ...] = (),
    now: datetime = NOW,
) -> Standing:
    found = stand(need, subject, evidence, waivers, now)
    assert found.message
    assert found.holds or found.remedy
    return found


@pytest.mark.parametrize(
    ("evidence", "answer"),
    [
        ((), Answer.MISSING),
        ((PASSED,), Answer.MET),
        ((FAILED,), Answer.FAILED),
        ((FEW,), Answer.INSUFFICIENT),
        ((BARE,), Answer.UNCHECKED),
        ((EXPIRED,), Answer.EXPIRED),
        ((STALE,), Answer.STALE),
        ((replace(PASSED, requirement="other"),), Answer.MISSING),
    ],
)
def test_one_piece_of_evidence_is_judged_for_what_it_is(
    evidence: tuple[Evidence, ...], answer: Answer
) -> None:
    found = standing(*evidence)
    assert found.answer is answer
    assert found.holds == (answer is Answer.MET)
    assert found.by == (evidence[0].id if evidence and answer is not Answer.MISSING else "")


def test_what_does_not_hold_is_a_refusal_that_names_the_requirement() -> None:
    refusal = standing(FAILED).refusal
    assert (refusal.code, refusal.field) == ("evidence_failed", "golden")
    assert refusal.message.startswith("Golden set passed: pass_rate 80 of 100, 0.7228 by its 95% bound")


# Several pieces of evidence.


def later(evidence: Evidence, hours: int = 1) -> Evidence:
    return replace(evidence, id=f"{evidence.id}-later", made_at=evidence.made_at + timedelta(hours=hours))


@pytest.mark.parametrize(
    ("old", "new", "answer"),
    [
        (PASSED, FAILED, Answer.FAILED),
        (FAILED, PASSED, Answer.MET),
        (PASSED, FEW, Answer.MET),
        (PASSED, BARE, Answer.MET),
        (PASSED, EXPIRED, Answer.MET),
        (PASSED, STALE, Answer.MET),
        (FAILED, STALE, Answer.FAILED),
        (BARE, FEW, Answer.INSUFFICIENT),
        (FEW, BARE, Answer.UNCHECKED),
        (FEW, STALE, Answer.INSUFFICIENT),
        (EXPIRED, STALE, Answer.STALE),
        (STALE, EXPIRED, Answer.STALE),
        (EXPIRED, EXPIRED, Answer.EXPIRED),
    ],
)
def test_the_newest_yes_or_no_about_this_release_decides(
    old: Evidence, new: Evidence, answer: Answer
) -> None:
    for order in ((old, later(new)), (later(new), old)):
        assert standing(*order).answer is answer


pieces = st.lists(st.sampled_from([PASSED, FAILED, FEW, BARE, EXPIRED, STALE]), max_size=6)


@given(pieces)
def test_nothing_is_met_without_living_passing_evidence_of_this_release(chosen: list[Evidence]) -> None:
    evidence = [later(piece, hours) for hours, piece in enumerate(chosen)]
    found = standing(*evidence)
    if found.answer is Answer.MET:
        assert any(piece.id == found.by and piece.id.startswith("e-1") for piece in evidence)
    deciding = [piece for piece in chosen if piece in (PASSED, FAILED)]
    assert (found.answer is Answer.MET) == (bool(deciding) and deciding[-1] is PASSED)


# Age.


@pytest.mark.parametrize(
    ("change", "expired"),
    [
        ({"made_at": NOW - timedelta(days=30)}, True),
        ({"made_at": NOW - timedelta(days=30) + timedelta(seconds=1)}, False),
        ({"expires_at": NOW}, True),
        ({"expires_at": NOW + timedelta(seconds=1)}, False),
        ({"made_at": NOW - timedelta(days=30), "expires_at": NOW + DAY}, True),
    ],
)
def test_evidence_expires_by_its_own_date_or_by_its_age(change: dict[str, Any], expired: bool) -> None:
    evidence = replace(PASSED, **change)
    assert is_expired(GOLDEN, evidence, NOW) == expired
    assert (standing(evidence).answer is Answer.EXPIRED) == expired


def test_without_a_greatest_age_evidence_lives_for_ever() -> None:
    old = replace(PASSED, made_at=NOW - timedelta(days=3650))
    assert not is_expired(replace(GOLDEN, valid_s=None), old, NOW)


# Releases.

OTHERS = [part for part in Part if part not in GOLDEN.proves]


@pytest.mark.parametrize("part", sorted(GOLDEN.proves))
def test_a_change_of_a_part_that_is_proven_makes_evidence_stale(part: Part) -> None:
    new = replace(SUBJECT, release="r-2", parts=PARTS | {part: "changed"})
    found = standing(PASSED, subject=new)
    assert found.answer is Answer.STALE
    assert f"{part.value} changed since r-1" in found.message


@pytest.mark.parametrize("part", OTHERS)
def test_a_change_of_any_other_part_leaves_evidence_alone(part: Part) -> None:
    new = replace(SUBJECT, release="r-2", parts=PARTS | {part: "changed"})
    assert standing(PASSED, subject=new).answer is Answer.MET


def test_several_changed_parts_are_named() -> None:
    new = replace(SUBJECT, release="r-2", parts=dict.fromkeys(Part, "changed"))
    assert "prompt, model and retrieval changed since r-1" in standing(PASSED, subject=new).message


def test_what_is_not_known_of_a_part_is_not_taken_to_be_the_same() -> None:
    nothing = replace(PASSED, release="r-0", parts={})
    assert standing(nothing, subject=replace(SUBJECT, parts={})).answer is Answer.STALE
    assert standing(nothing).answer is Answer.STALE
    assert standing(replace(nothing, release="r-1")).answer is Answer.MET


def test_evidence_without_a_release_and_a_feature_without_one_are_about_no_release() -> None:
    for evidence, subject in (
        (replace(PASSED, release=None), SUBJECT),
        (PASSED, replace(SUBJECT, release=None)),
        (replace(PASSED, release=None), replace(SUBJECT, release=None)),
    ):
        found = standing(evidence, subject=subject)
        assert found.answer is Answer.STALE
        assert "names none" in found.message


@pytest.mark.parametrize("release", ["r-0", "r-1", None])
def test_evidence_about_the_feature_holds_for_whatever_release(release: str | None) -> None:
    brief = Evidence(id="e-9", requirement="brief", release=release, made_at=NOW - DAY)
    assert standing(brief, need=BRIEF).answer is Answer.MET


# The record of the feature.


@pytest.mark.parametrize(
    ("filled", "answer", "lacking"),
    [
        ({"owner", "people.support", "success"}, Answer.MET, ""),
        ({"owner"}, Answer.MISSING, "people.support"),
        (set(), Answer.MISSING, "owner, people.support"),
    ],
)
def test_the_record_answers_when_all_its_fields_say_something(
    filled: set[str], answer: Answer, lacking: str
) -> None:
    handed_in = Evidence(id="e-9", requirement="owner", made_at=NOW - DAY)
    found = standing(handed_in, need=OWNER, subject=replace(SUBJECT, filled=frozenset(filled)))
    assert found.answer is answer
    assert found.remedy == (f"fill in {lacking}" if lacking else "")


# What is not read.


def test_a_report_without_limits_to_meet_needs_no_report() -> None:
    free = replace(GOLDEN, threshold=None, min_samples=0, layers=())
    assert standing(BARE, need=free).answer is Answer.MET


def test_a_document_is_not_read() -> None:
    document = replace(GOLDEN, artifact=Artifact.DOCUMENT)
    assert standing(FAILED, need=document).answer is Answer.MET


# Waivers.


@pytest.mark.parametrize("evidence", [(), (FAILED,), (FEW,), (BARE,), (EXPIRED,), (STALE,)])
def test_a_living_waiver_lets_pass_whatever_does_not_hold(evidence: tuple[Evidence, ...]) -> None:
    found = standing(*evidence, waivers=(WAIVER,))
    assert (found.answer, found.by, found.holds) == (Answer.WAIVED, "w-1", True)
    for told in ("risk", "2026-11-02", "grounding", "the index is being rebuilt"):
        assert told in found.message


def test_what_holds_needs_no_waiver() -> None:
    assert standing(PASSED, waivers=(WAIVER,)).answer is Answer.MET


@pytest.mark.parametrize(
    "change",
    [
        {"requirement": "other"},
        {"release": "r-0"},
        {"release": None},
        {"expires_at": NOW},
        {"trigger": "not-armed"},
    ],
)
def test_a_waiver_is_for_one_requirement_one_release_one_time_and_one_trigger_that_sees(
    change: dict[str, Any],
) -> None:
    assert standing(waivers=(replace(WAIVER, **change),)).answer is Answer.MISSING
    assert standing(waivers=(replace(WAIVER, **change), WAIVER)).answer is Answer.WAIVED


def test_what_blocks_cannot_be_waived() -> None:
    assert standing(need=replace(GOLDEN, missed=Missed.BLOCK), waivers=(WAIVER,)).answer is Answer.MISSING


@pytest.mark.parametrize(("need", "key"), [(BRIEF, "brief"), (OWNER, "owner")])
def test_a_waiver_of_what_is_about_the_feature_holds_for_every_release(need: Requirement, key: str) -> None:
    waiver = replace(WAIVER, requirement=key, release=None)
    assert standing(need=need, waivers=(waiver,)).answer is Answer.WAIVED


DRILL = Requirement(key="drill", gate=Gate.OPERATIONS, title="Drill", artifact=Artifact.DRILL)


def test_a_rehearsal_counts_unless_it_was_measured_and_something_failed() -> None:
    def answer(*metrics: Metric) -> Standing:
        report = EvalReport(tool="kill-drill", metrics=metrics)
        shown = Evidence(id="e-1", requirement="drill", made_at=NOW, report=report)
        return stand(DRILL, SUBJECT, [shown], (), NOW)

    assert answer(rate(37)).answer is Answer.MET
    assert answer().answer is Answer.MET
    failed = answer(rate(35, 2))
    assert (failed.answer, failed.message) == (Answer.FAILED, "Drill: 2 of 37 failed in the drill")
    assert (
        stand(DRILL, SUBJECT, [Evidence(id="e-1", requirement="drill", made_at=NOW)], (), NOW).answer
        is Answer.MET
    )
