from __future__ import annotations

from datetime import timedelta

import pytest

from controller.errors import NotFound
from controller.rollouts import Where
from stages import Answer, Gate, Reply, Stage
from tests.conftest import START
from tests.controller.tenant import ADA, Tenant


def answers(tenant: Tenant) -> dict[str, Reply]:
    review = tenant.parts.readiness.review(tenant.where())
    return {each.question.key: each.reply for each in review.answers}


def facts(tenant: Tenant, key: str) -> list[str]:
    review = tenant.parts.readiness.review(tenant.where())
    return [fact.message for each in review.answers if each.question.key == key for fact in each.facts]


def describe(tenant: Tenant, **described: object) -> None:
    tenant.parts.catalog.change_feature("acme", "claims", described, ADA, None)


def test_a_new_idea_has_a_sheet_that_says_what_is_missing_who_owns_it_and_since_when(tenant: Tenant) -> None:
    tenant.feature(tier="T2")
    describe(tenant, owner="claims-digital", people={"evaluation": "Eva"})
    tenant.clock.pass_(3600)
    sheet = tenant.parts.readiness.sheet(tenant.where())
    assert (sheet.stage, sheet.release, sheet.score()) == (Stage.BETA, None, (0, 1))
    (item,) = sheet.missing
    assert (item.need.key, item.standing.answer) == ("evaluation-report", Answer.MISSING)
    assert (item.owner, item.since) == ("claims-digital", START)
    assert sheet.score(Gate.EVALUATION) == (0, 1)
    assert sheet.of(Gate.OPERATIONS) == ()


def test_another_stage_can_be_asked_about(small: Tenant) -> None:
    small.feature(tier="T2")
    sheet = small.parts.readiness.sheet(small.where(), Stage.PILOT)
    assert [item.need.key for item in sheet.items] == ["evaluation-report", "runbook"]


def test_at_the_end_of_the_way_the_present_stage_is_asked_about(small: Tenant) -> None:
    small.beta()
    for stage in (Stage.PILOT, Stage.SCALED):
        small.ask(stage, share=10_000)
    assert small.parts.readiness.sheet(small.where()).stage is Stage.SCALED


def test_what_expired_is_missing_since_it_expired_and_what_is_stale_since_the_release(small: Tenant) -> None:
    small.feature(tier="T2")
    first = small.release("one")
    small.move("introduce", release=first)
    small.prove("evaluation-report", first, expires_at=START + timedelta(hours=1))
    assert small.parts.readiness.sheet(small.where()).missing == ()
    small.clock.pass_(7200)
    (expired,) = small.parts.readiness.sheet(small.where()).missing
    assert (expired.standing.answer, expired.since) == (Answer.EXPIRED, START + timedelta(hours=1))
    small.prove("evaluation-report", first)
    second = small.release("two")
    small.move("introduce", release=second)
    (stale,) = small.parts.readiness.sheet(small.where()).missing
    assert (stale.standing.answer, stale.since) == (Answer.STALE, START + timedelta(hours=2))
    assert "the model changed" in stale.standing.message or "model changed since" in stale.standing.message


def test_questions_about_nothing_that_is_recorded_are_answered_with_no(small: Tenant) -> None:
    small.feature(tier="T2")
    assert set(answers(small).values()) == {Reply.NO}


def test_the_records_turn_answers_to_yes_and_a_new_release_makes_one_stale(small: Tenant) -> None:
    small.feature(tier="T2")
    release = small.release("one")
    small.move("introduce", release=release)
    small.prove("evaluation-report", release)
    assert answers(small)["evaluation"] is Reply.YES
    assert answers(small)["traceability"] is Reply.YES
    small.move("introduce", release=small.release("two"))
    assert answers(small)["evaluation"] is Reply.STALE


def test_a_trigger_counts_only_if_it_may_act_and_sees(small: Tenant) -> None:
    small.beta()
    assert "no trigger may take it back" in facts(small, "rollback")
    small.trigger()
    assert "no trigger may take it back" in facts(small, "rollback")


def test_a_trigger_that_is_muted_or_overdue_answers_no_question_of_the_review(small: Tenant) -> None:
    small.beta()
    small.trigger()
    small.clock.pass_(5)
    small.report(20, grounded=True, release=small.rollout().stable)
    small.after(60)
    assert "taken back by unsupported" in facts(small, "rollback")
    small.parts.trigger_reviews.mute(small.where(), "unsupported", 10, ADA, "a known outage")
    assert "no trigger may take it back" in facts(small, "rollback")
    small.parts.trigger_reviews.unmute(small.where(), "unsupported", ADA, "it is over")
    assert "taken back by unsupported" in facts(small, "rollback")
    small.clock.pass_(3600)
    assert "no trigger may take it back" in facts(small, "rollback")


def test_outcomes_without_their_release_cannot_be_traced(small: Tenant) -> None:
    small.beta()
    (_, traced) = facts(small, "traceability")
    assert traced == "0 of 0 outcomes of the last 7 days name their release"
    assert answers(small)["traceability"] is Reply.NO


def test_reviewers_guardrails_and_a_way_back_are_facts(small: Tenant) -> None:
    small.beta()
    assert facts(small, "human_review") == ["nobody is named who reviews answers"]
    describe(small, reviewers=["claims-quality"])
    assert facts(small, "human_review") == ["reviewed by claims-quality"]
    assert facts(small, "guardrails") == ["the release names no guardrails"]
    assert "the fallback is search" in facts(small, "rollback")


def test_the_same_records_have_the_same_digest_and_other_records_another(small: Tenant) -> None:
    small.feature(tier="T2")
    readiness = small.parts.readiness
    before = readiness.review(small.where())
    small.clock.pass_(60)
    assert readiness.review(small.where()).seen == before.seen
    describe(small, reviewers=["claims-quality"])
    assert readiness.review(small.where()).seen != before.seen


def test_what_is_not_there_has_no_sheet(small: Tenant) -> None:
    with pytest.raises(NotFound):
        small.parts.readiness.sheet(Where("acme", "production", "ghost"))
