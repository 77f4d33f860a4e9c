"""When a ramp takes its next step, and when it does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from stages import (
    DOWN,
    Approval,
    Count,
    Credit,
    Footing,
    Goodness,
    Mode,
    Progress,
    Ramp,
    RampState,
    Refusal,
    Refused,
    Share,
    Stage,
    Step,
    advance_to,
    after_move,
    approve_step,
    count_on,
    look,
    next_step,
    present_step,
    start_ramp,
    step_seen,
)
from tests.stages.climbing import (
    ADA,
    BOB,
    EVE,
    GAP,
    NOW,
    PROGRESS,
    REJECTED,
    REPORT,
    SEEING,
    STEPS,
    after,
    case_of,
    plan_of,
    ramp_of,
    rollout_of,
)

WATCHED = {"armed_triggers": 1, "requirements": (REPORT,), "exit_criteria": (REJECTED,)}


def earned(seconds: float, **parts: Any) -> Ramp:
    return ramp_of(credit=Credit(earned=timedelta(seconds=seconds), counted_at=NOW, held=True), **parts)


def pauses(**parts: Any) -> list[str]:
    """The codes of what keeps a ramp from earning, fifty answers after its step began."""
    plan, answers = plan_of(**WATCHED), parts.pop("answers", 50)
    measured = {"measured": {"acceptance": Share(0, 50)}}
    return [
        refusal.code for refusal in look(ramp_of(), case_of(**measured | parts), plan, answers, NOW).pauses
    ]


def waits(ramp: Ramp, answers: int, share: int = 500) -> list[str]:
    return [refusal.code for refusal in look(ramp, case_of(rollout_of(share)), plan_of(), answers, NOW).waits]


def test_the_step_is_the_last_one_that_was_reached() -> None:
    assert [present_step(STEPS, share).share for share in (0, 100, 500, 999, 1000, 2500, 9000)] == [
        500,
        500,
        500,
        500,
        1000,
        2500,
        2500,
    ]


def test_the_next_step_is_the_first_one_above() -> None:
    found = [next_step(STEPS, share) for share in (0, 499, 500, 700, 1000, 2500, 9000)]
    assert [step.share if step else None for step in found] == [500, 500, 1000, 1000, 2500, None, None]


def test_a_step_is_taken_after_its_time_and_its_answers() -> None:
    assert waits(earned(59.9), 10) == ["step_holding"]
    assert waits(earned(60), 9) == ["samples_missing"]
    assert waits(earned(0), 0) == ["step_holding", "samples_missing"]
    assert waits(earned(60), 10) == []
    assert look(earned(60), case_of(), plan_of(), 10, NOW).is_due


def test_nothing_is_due_while_something_speaks_against_it() -> None:
    footing = Footing(
        step=STEPS[0], next=STEPS[1], pauses=(Refusal("held", "", ""),), waits=(), agreed=frozenset()
    )
    assert not footing.is_due
    assert replace(footing, pauses=()).is_due


def test_what_is_missing_is_told_in_words() -> None:
    held, few = look(
        earned(3), case_of(), plan_of((Step(share=500, hold_s=7290, min_samples=2), STEPS[1])), 1, NOW
    ).waits
    assert held.message == "3 s of 2 h 2 min at this step are earned"
    assert held.remedy == "wait; 2 h 2 min more without any trouble are needed"
    assert few.message == "1 of at least 2 answers were given at this step"
    [held] = look(earned(3), case_of(), plan_of((Step(share=500, hold_s=600), STEPS[1])), 1, NOW).waits
    assert held.message == "3 s of 10 min at this step are earned"


def test_there_is_nothing_to_look_at_above_the_last_step() -> None:
    with pytest.raises(Refused, match="no step above the share 2500 in beta"):
        look(ramp_of(), case_of(rollout_of(2500)), plan_of(), 0, NOW)
    with pytest.raises(Refused, match="no step above"):
        approve_step(ramp_of(), case_of(rollout_of(2500)), plan_of()[Stage.BETA], BOB)


def test_nothing_pauses_a_feature_that_does_well() -> None:
    assert pauses() == []


@pytest.mark.parametrize(
    ("parts", "codes"),
    [
        ({"rollout": rollout_of(mode=Mode.REVIEW)}, ["not_from_here"]),
        ({"rollout": rollout_of(holds=frozenset({"person"}))}, ["held"]),
        ({"rollout": rollout_of(candidate="r-2", candidate_share=100)}, ["candidate_running"]),
        ({"rollout": rollout_of(0)}, ["nobody_exposed"]),
        ({"watches": ()}, ["triggers_missing"]),
        ({"watches": (replace(SEEING, firing=True),)}, ["trigger_firing"]),
        ({"watches": (replace(SEEING, blind=True),)}, ["trigger_blind"]),
        ({"evidence": ()}, ["evidence_missing"]),
        ({"matters": (Refusal("release_bad", "r-1 is known to be bad", "-"),)}, ["release_bad"]),
        ({"measured": {"acceptance": Share(12, 50)}}, ["criterion_missed"]),
        ({"measured": {}}, ["criterion_unmeasured"]),
        ({"measured": {"acceptance": Share(0, 19)}}, ["criterion_unmeasured"]),
    ],
)
def test_whatever_speaks_against_the_feature_pauses_the_ramp(parts: dict[str, Any], codes: list[str]) -> None:
    assert pauses(**parts) == codes


def test_every_reason_is_told_at_once() -> None:
    assert pauses(rollout=rollout_of(holds=frozenset({"person"})), evidence=(), measured={}) == [
        "held",
        "evidence_missing",
        "criterion_unmeasured",
    ]


def test_a_young_step_may_begin_before_its_criteria_can_be_judged() -> None:
    assert pauses(measured={}, answers=19) == []
    assert pauses(measured={"acceptance": Share(2, 12)}, answers=19) == []


def test_a_young_step_pauses_once_more_are_bad_than_may_be_in_the_end() -> None:
    assert pauses(measured={"acceptance": Share(4, 12)}, answers=19) == []
    assert pauses(measured={"acceptance": Share(5, 12)}, answers=19) == ["criterion_unmeasured"]


def test_what_the_steps_before_have_shown_counts_at_a_young_step_too() -> None:
    assert pauses(measured={"acceptance": Share(12, 50)}, answers=1) == ["criterion_missed"]


def test_nobody_waits_for_answers_to_judge_what_answers_do_not_tell() -> None:
    case = case_of(measured={"business": Progress(baseline=1, target=2, value=0.5, at=NOW, window_s=60)})
    footing = look(ramp_of(), case, plan_of(exit_criteria=(PROGRESS,)), 0, NOW)
    assert [refusal.code for refusal in footing.pauses] == ["criterion_missed"]
    unmeasured = look(ramp_of(), case_of(), plan_of(exit_criteria=(PROGRESS,)), 1, NOW)
    assert [refusal.code for refusal in unmeasured.pauses] == ["criterion_unmeasured"]
    actions = replace(REJECTED, measure="automatic_actions", at_most=0)
    acted = case_of(measured={"acceptance": Count(1)})
    footing = look(ramp_of(), acted, plan_of(exit_criteria=(actions,)), 0, NOW)
    assert [refusal.code for refusal in footing.pauses] == ["criterion_missed"]


def test_time_counts_only_between_two_looks_at_both_of_which_all_was_well() -> None:
    credit = Credit(counted_at=NOW)
    for seconds, holds, seen in (
        (5, True, 0),
        (10, True, 5),
        (15, False, 5),
        (20, False, 5),
        (25, True, 5),
        (30, True, 10),
    ):
        credit = credit.counted(after(seconds), GAP, holds=holds)
        assert credit.earned == timedelta(seconds=seen)


def test_a_long_time_without_looks_counts_as_one_gap() -> None:
    credit = Credit(counted_at=NOW, held=True).counted(after(86_400), GAP, holds=True)
    assert credit == Credit(earned=GAP, counted_at=after(86_400), held=True)


def test_a_look_by_a_clock_that_is_a_little_behind_counts_nothing_twice() -> None:
    ahead = Credit(counted_at=after(5), held=True)
    behind = ahead.counted(after(3), GAP, holds=True)
    assert behind == ahead
    assert behind.counted(after(8), GAP, holds=True).earned == timedelta(seconds=3)
    assert not ahead.counted(after(3), GAP, holds=False).held


def test_a_clock_that_was_set_back_does_not_stop_a_ramp() -> None:
    back = Credit(earned=GAP, counted_at=after(3600), held=True).counted(NOW, GAP, holds=True)
    assert back == Credit(earned=GAP, counted_at=NOW, held=True)


def test_a_pass_counts_and_then_looks() -> None:
    ramp = earned(55)
    counted, footing = count_on(ramp, case_of(), plan_of(), 10, after(5), GAP)
    assert counted.credit.earned == timedelta(seconds=60)
    assert footing.is_due
    held = case_of(rollout_of(holds=frozenset({"person"})))
    counted, footing = count_on(ramp, held, plan_of(), 10, after(5), GAP)
    assert counted.credit.earned == timedelta(seconds=55)
    assert not footing.is_due


def test_what_was_earned_with_another_release_is_not_earned_with_this_one() -> None:
    ramp = earned(60, approvals=(Approval(BOB, "x"),))
    assert ramp.of(rollout_of(), after(9)) == ramp
    anew = ramp.of(rollout_of(stable="r-2"), after(9))
    assert (anew.release, anew.step_since, anew.approvals) == ("r-2", after(9), ())
    assert anew.credit == Credit(counted_at=after(9))
    assert anew.started_by == ADA


def test_a_pause_keeps_what_was_earned_and_earns_nothing() -> None:
    paused = earned(30).paused("paused by user:bob: lunch")
    assert (paused.state, paused.why) == (RampState.PAUSED, "paused by user:bob: lunch")
    resumed = paused.resumed()
    assert (resumed.state, resumed.why) == (RampState.RUNNING, "")
    counted, _ = count_on(resumed, case_of(), plan_of(), 10, after(10), GAP)
    assert counted.credit == Credit(earned=timedelta(seconds=30), counted_at=after(10), held=True)


LAST = 1000
STAGE = plan_of()[Stage.BETA]


def agreeing(ramp: Ramp, case: Any, *people: str) -> Ramp:
    for person in people:
        ramp = approve_step(ramp, case, STAGE, person)
    return ramp


def test_a_step_that_asks_for_approval_waits_for_it() -> None:
    case = case_of(rollout_of(LAST))
    [missing] = look(earned(30), case, plan_of(), 0, NOW).waits
    assert missing.message == "waiting for approval: 0 of 1 people agreed to the step as it is now"
    footing = look(agreeing(earned(30), case, BOB), case, plan_of(), 0, NOW)
    assert footing.is_due
    assert footing.agreed == {BOB}


def test_whoever_started_the_ramp_does_not_approve_its_steps() -> None:
    case = case_of(rollout_of(LAST))
    with pytest.raises(Refused, match="you started this ramp"):
        agreeing(ramp_of(), case, ADA)
    own = earned(30, approvals=(Approval(ADA, step_seen(ramp_of(), case, STAGE, STEPS[2])),))
    assert waits(own, 0, LAST) == ["approvals_missing"]


def test_nobody_approves_the_same_twice() -> None:
    case = case_of(rollout_of(LAST))
    with pytest.raises(Refused, match="approved this step already"):
        agreeing(ramp_of(), case, BOB, BOB)
    assert len(agreeing(ramp_of(), case, BOB, EVE).approvals) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"rollout": rollout_of(LAST, previous="r-0")},
        {"rollout": rollout_of(LAST, candidate="r-2", candidate_share=1)},
        {"evidence": ()},
        {"watches": (replace(SEEING, version=2),)},
        {"watches": (replace(SEEING, acts=False),)},
    ],
)
def test_an_approval_is_void_when_what_was_seen_changes(change: dict[str, Any]) -> None:
    approved = agreeing(earned(30), case_of(rollout_of(LAST)), BOB)
    case = case_of(**{"rollout": rollout_of(LAST), **change})
    assert "approvals_missing" in [refusal.code for refusal in look(approved, case, plan_of(), 0, NOW).waits]


def test_an_approval_is_void_when_the_plan_of_the_step_changes() -> None:
    case = case_of(rollout_of(LAST))
    approved = agreeing(earned(30), case, BOB)
    other = plan_of((*STEPS[:2], replace(STEPS[2], share=3000)))
    assert [refusal.code for refusal in look(approved, case, other, 0, NOW).waits] == ["approvals_missing"]


def test_an_approval_outlives_what_says_nothing_about_the_step() -> None:
    case = case_of(rollout_of(LAST))
    approved = agreeing(earned(30), case, BOB)
    later = case_of(
        rollout_of(LAST, version=9), verdict=Goodness.GOOD, watches=(replace(SEEING, firing=True),)
    )
    assert look(approved, later, plan_of(), 0, NOW).agreed == {BOB}


@pytest.mark.parametrize("move", sorted({*DOWN, "widen", "promote"}))
def test_whoever_takes_the_feature_in_hand_switches_the_ramp_off(move: str) -> None:
    ramp = after_move(agreeing(ramp_of(), case_of(), BOB), move, BOB)
    assert ramp.state is RampState.OFF
    assert ramp.why.endswith(" by user:bob")
    assert ramp.approvals == ()


@pytest.mark.parametrize("move", ["advance", "introduce", "adopt", "resume", "revive"])
def test_a_ramp_goes_on_after_what_does_not_touch_its_share(move: str) -> None:
    assert after_move(ramp_of(), move, BOB) == ramp_of()


def test_the_first_who_switched_it_off_is_remembered() -> None:
    narrowed = after_move(ramp_of(), "narrow", ADA)
    assert narrowed.why == "narrowed by user:ada"
    assert after_move(narrowed, "stop", BOB) == narrowed


def test_a_step_changes_the_share_and_nothing_else() -> None:
    rollout = rollout_of()
    request = advance_to(rollout, STEPS[1])
    assert request.move == "advance"
    assert request.exposure == replace(rollout.exposure, share=1000)


def test_a_ramp_begins_with_nothing_earned() -> None:
    ramp = start_ramp(rollout_of(700), BOB, after(5))
    assert (ramp.state, ramp.started_by, ramp.release, ramp.step_since) == (
        RampState.RUNNING,
        BOB,
        "r-1",
        after(5),
    )
    assert ramp.credit == Credit(counted_at=after(5))
