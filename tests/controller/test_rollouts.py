from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import update

from controller.actors import SYSTEM, Actor
from controller.errors import Conflict, NotFound, VersionConflict
from controller.incidents import Closing
from controller.promotions import Standing
from controller.rollouts import locate
from controller.store.idempotency import Once
from controller.store.promotions import Status, promotions_of
from controller.store.tables import projects
from stages import UP, FollowUp, Goodness, Mode, Refused, Stage
from tests.controller.tenant import ADA, BOB, EVE, TRIGGER, Tenant
from triggers import Arming


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    assert all(refusal.remedy for refusal in refused.value.refusals)
    return sorted(refusal.code for refusal in refused.value.refusals)


def left(standing: Standing) -> list[str]:
    return [refusal.code for refusal in standing.refusals]


TWO_APPROVALS = {"tiers": {"T2": {stage: {"approvals": 2} for stage in ("beta", "pilot", "scaled")}}}


@pytest.fixture
def proven(tenant: Tenant) -> Tenant:
    """A feature of the second tier that lacks nothing for beta but an approval."""
    tenant.feature(tier="T2")
    release = tenant.release()
    tenant.move("introduce", release=release)
    tenant.prove("evaluation-report", release)
    tenant.trigger(query={"measure": "error"})
    tenant.clock.pass_(60)
    tenant.evaluate()
    return tenant


@pytest.fixture
def live(small: Tenant) -> Tenant:
    small.beta()
    return small


def test_every_reason_against_a_promotion_is_told_at_once_and_nothing_is_recorded(tenant: Tenant) -> None:
    tenant.feature(tier="T2")
    tenant.trigger(arming=Arming.HOLD)
    before = tenant.rollout(), tenant.changes()
    with pytest.raises(Refused) as refused:
        tenant.ask(share=6000)
    assert codes(refused) == [
        "approvals_missing",
        "evidence_missing",
        "no_release",
        "share_above_ceiling",
        "soaking",
        "triggers_missing",
    ]
    assert (tenant.rollout(), tenant.changes()) == before
    with tenant.parts.database.read() as tx:
        assert promotions_of(tx, 1) == []


def test_a_promotion_waits_for_somebody_else_and_is_applied_with_the_last_approval(proven: Tenant) -> None:
    asked = proven.ask(share=5000)
    assert (asked.promotion.status, left(asked)) == (Status.OPEN, ["approvals_missing"])
    with pytest.raises(Refused) as refused:
        proven.promotions.approve(proven.where(), asked.promotion.id, ADA)
    assert codes(refused) == ["self_approval"]
    applied = proven.promotions.approve(proven.where(), asked.promotion.id, BOB)
    assert (applied.promotion.status, applied.refusals) == (Status.APPLIED, ())
    rollout = proven.rollout()
    assert (rollout.stage, rollout.mode, rollout.exposure.share) == (Stage.BETA, Mode.LIVE, 5000)
    assert rollout.stage_since == proven.clock()
    change = proven.changes()[-1]
    assert (change.name, change.actor, change.reason) == ("promote", BOB.name, "ready")
    told = change.evidence
    assert (told["requested_by"], told["approved_by"], told["evidence"]) == (ADA.name, [BOB.name], ["e-1"])
    assert proven.bad_rows() == []


def reach_beta(tenant: Tenant) -> None:
    asked = tenant.ask()
    tenant.promotions.approve(tenant.where(), asked.promotion.id, BOB)
    tenant.prove("runbook")
    tenant.clock.pass_(60)
    tenant.report(5, error=False)
    tenant.clock.pass_(1)
    tenant.evaluate()


def test_each_missing_approval_is_waited_for(proven: Tenant) -> None:
    reach_beta(proven)
    asked = proven.ask(Stage.PILOT)
    id = asked.promotion.id
    assert left(proven.promotions.approve(proven.where(), id, BOB)) == ["approvals_missing"]
    with pytest.raises(Refused) as refused:
        proven.promotions.approve(proven.where(), id, BOB)
    assert codes(refused) == ["already_approved"]
    assert proven.promotions.approve(proven.where(), id, EVE).promotion.status is Status.APPLIED
    assert proven.rollout().stage is Stage.PILOT


def test_of_two_approvals_at_the_same_moment_one_is_the_last(proven: Tenant) -> None:
    reach_beta(proven)
    id = proven.ask(Stage.PILOT).promotion.id
    start, failed = threading.Barrier(2), list[BaseException]()

    def approve(actor: Actor) -> None:
        start.wait(30)
        try:
            proven.promotions.approve(proven.where(), id, actor)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=approve, args=[actor]) for actor in (BOB, EVE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failed == []
    assert proven.rollout().stage is Stage.PILOT


def test_of_two_requests_at_the_same_moment_one_is_opened(proven: Tenant) -> None:
    asked: list[object] = []

    def ask() -> None:
        try:
            asked.append(proven.ask().promotion.status)
        except Conflict as conflict:
            asked.append(conflict.code)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    with proven.parts.database.write() as tx:
        # Whoever has come to the record waits here, so that both are under way together.
        tx.execute(update(projects).values(name="held"))
        for thread in threads:
            thread.start()
        threads[0].join(0.5)
    for thread in threads:
        thread.join(30)
    assert sorted(map(str, asked)) == ["open", "promotion_open"]


def change_evidence(tenant: Tenant) -> None:
    tenant.prove("evaluation-report", tenant.rollout().stable)


def change_rollout(tenant: Tenant) -> None:
    tenant.move("hold")
    tenant.move("resume")


def change_trigger(tenant: Tenant) -> None:
    tenant.trigger("another", query={"measure": "error"})
    tenant.clock.pass_(10)
    tenant.evaluate()


@pytest.mark.parametrize("change", [change_evidence, change_rollout, change_trigger])
def test_an_approval_is_void_when_anything_that_was_seen_changes(proven: Tenant, change) -> None:
    reach_beta(proven)
    id = proven.ask(Stage.PILOT).promotion.id
    proven.promotions.approve(proven.where(), id, BOB)
    change(proven)
    waiting = proven.promotions.approve(proven.where(), id, EVE)
    assert (left(waiting), waiting.approved_by) == (["approvals_missing"], (EVE.name,))
    assert proven.rollout().stage is Stage.BETA
    again = proven.promotions.approve(proven.where(), id, BOB)
    assert again.promotion.status is Status.APPLIED


def test_whose_approval_was_void_is_not_recorded_among_those_who_agreed(proven: Tenant) -> None:
    reach_beta(proven)
    id = proven.ask(Stage.PILOT).promotion.id
    proven.promotions.approve(proven.where(), id, BOB)
    change_evidence(proven)
    proven.promotions.approve(proven.where(), id, EVE)
    applied = proven.promotions.approve(proven.where(), id, Actor("user:mia"))
    assert (applied.promotion.status, applied.approved_by) == (Status.APPLIED, (EVE.name, "user:mia"))
    promoted = next(change for change in reversed(proven.changes()) if change.name == "promote")
    assert promoted.evidence["approved_by"] == [EVE.name, "user:mia"]


def test_what_had_its_approvals_and_waited_for_something_else_is_applied_by_who_agreed(
    proven: Tenant,
) -> None:
    asked = proven.ask().promotion.id
    proven.report(50, error=True)
    proven.after(10)
    waiting = proven.promotions.approve(proven.where(), asked, BOB)
    assert left(waiting) == ["trigger_firing"]
    with pytest.raises(Refused) as refused:
        proven.promotions.approve(proven.where(), asked, BOB)
    assert codes(refused) == ["already_approved"]
    for _ in range(5):
        proven.report(1000, error=False)
    for _ in range(8):
        proven.after(10)
    with pytest.raises(Refused) as refused:
        proven.promotions.approve(proven.where(), asked, ADA)
    assert codes(refused) == ["self_approval"]
    assert proven.promotions.approve(proven.where(), asked, BOB).promotion.status is Status.APPLIED


def test_a_promotion_that_was_withdrawn_cannot_be_approved(proven: Tenant) -> None:
    id = proven.ask().promotion.id
    with pytest.raises(Conflict, match="being decided already"):
        proven.ask()
    assert proven.promotions.withdraw(proven.where(), id, ADA).promotion.status is Status.WITHDRAWN
    for settle in (
        lambda: proven.promotions.approve(proven.where(), id, BOB),
        lambda: proven.promotions.withdraw(proven.where(), id, ADA),
    ):
        with pytest.raises(Conflict, match="withdrawn already"):
            settle()
    assert proven.ask().promotion.status is Status.OPEN
    with pytest.raises(NotFound):
        proven.promotions.approve(proven.where(), 77, BOB)


def test_what_stands_against_a_promotion_can_be_asked_at_any_time(proven: Tenant) -> None:
    promotion = proven.ask().promotion
    proven.sql("UPDATE evidence SET expires_at = 1")
    with proven.parts.database.read() as tx:
        found = locate(tx, proven.where())
        assert left(proven.promotions.standing(tx, found, promotion)) == [
            "evidence_expired",
            "approvals_missing",
        ]
    proven.promotions.withdraw(proven.where(), promotion.id, ADA)
    with proven.parts.database.read() as tx:
        [settled] = promotions_of(tx, found.id)
        assert proven.promotions.standing(tx, found, settled).refusals == ()


def test_an_environment_that_is_not_protected_asks_for_nothing(make_tenant, sqlite_url: str) -> None:
    tenant = make_tenant(sqlite_url, protected=False)
    tenant.feature(tier="T3")
    tenant.move("introduce", release=tenant.release())
    assert tenant.ask().promotion.status is Status.APPLIED
    assert tenant.rollout().exposure.share == 10_000
    tenant.move("introduce", release=tenant.release("two"), share=100)


def test_an_approval_is_void_once_the_record_of_the_feature_says_something_else(proven: Tenant) -> None:
    asked = proven.ask().promotion.id
    proven.parts.governance.tighten("acme", TWO_APPROVALS, ADA, "two pairs of eyes")
    assert left(proven.promotions.approve(proven.where(), asked, BOB)) == ["approvals_missing"]
    proven.parts.catalog.change_feature("acme", "claims", {"fallback": "nothing at all"}, EVE, None)
    with proven.parts.database.read() as tx:
        found = locate(tx, proven.where())
        [promotion] = promotions_of(tx, found.id)
        [refusal] = proven.promotions.standing(tx, found, promotion).refusals
    assert refusal.message.startswith("0 of 2 approvals")


def test_a_release_without_its_evidence_reaches_no_user_of_a_protected_environment(proven: Tenant) -> None:
    proven.promotions.approve(proven.where(), proven.ask().promotion.id, BOB)
    other = proven.release("two")
    with pytest.raises(Refused) as refused:
        proven.move("introduce", release=other, share=100)
    assert codes(refused) == ["evidence_stale"]
    proven.prove("evaluation-report", other, expires_at=proven.clock() + timedelta(seconds=10))
    proven.clock.pass_(10)
    with pytest.raises(Refused) as refused:
        proven.move("introduce", release=other, share=100)
    assert codes(refused) == ["evidence_stale"]
    proven.prove("evaluation-report", other)
    proven.move("introduce", release=other, share=100)
    proven.sql("UPDATE evidence SET expires_at = 1 WHERE release = :other", other=other)
    with pytest.raises(Refused) as refused:
        proven.move("adopt")
    assert "evidence_stale" in codes(refused)


def test_refusals_of_the_stages_and_of_the_store_come_together(proven: Tenant) -> None:
    proven.promotions.approve(proven.where(), proven.ask().promotion.id, BOB)
    bad = proven.release("bad")
    proven.parts.catalog.judge_release("acme", "claims", bad, Goodness.BAD, "made things up", ADA)
    proven.move("hold")
    with pytest.raises(Refused) as refused:
        proven.move("introduce", actor=TRIGGER, release=bad, share=0)
    assert codes(refused) == ["bad_share", "evidence_stale", "held", "not_a_person", "release_bad"]


def ready_for(tenant: Tenant, move: str) -> dict[str, object]:
    """Bring a feature to where a person could make the move."""
    tenant.beta(share=5000)
    other = tenant.release("two")
    if move == "revive":
        tenant.move("stop")
    if move == "resume":
        tenant.move("disable")
    if move == "adopt":
        tenant.move("introduce", release=other, share=100)
    if move == "widen":
        return {"exposure": {"share": 10_000}}
    return {"release": other, "share": 100} if move == "introduce" else {}


@pytest.mark.parametrize("actor", [TRIGGER, SYSTEM], ids=["trigger", "schedule"])
@pytest.mark.parametrize("move", sorted(UP - {"promote", "advance"}))
def test_automation_never_goes_up(small: Tenant, move: str, actor: Actor) -> None:
    asked = ready_for(small, move)
    before = small.rollout()
    with pytest.raises(Refused) as refused:
        small.move(move, actor=actor, **asked)
    assert codes(refused) == ["not_a_person"]
    assert small.rollout() == before
    small.move(move, actor=ADA, **asked)


@pytest.mark.parametrize("actor", [TRIGGER, SYSTEM], ids=["trigger", "schedule"])
def test_automation_neither_asks_for_a_promotion_nor_approves_one(proven: Tenant, actor: Actor) -> None:
    with pytest.raises(Refused) as refused:
        proven.ask(actor=actor)
    assert codes(refused) == ["not_a_person"]
    id = proven.ask().promotion.id
    with pytest.raises(Refused) as refused:
        proven.promotions.approve(proven.where(), id, actor)
    assert codes(refused) == ["not_a_person"]
    with proven.parts.database.read() as tx:
        assert promotions_of(tx, 1)[0].approvals == ()


def test_no_stage_is_entered_by_a_plain_move(live: Tenant) -> None:
    with pytest.raises(Refused) as refused:
        live.move("promote")
    assert codes(refused) == ["promotion_needed"]


DOWN = {
    "hold": {},
    "narrow": {"exposure": {"share": 0}},
    "review": {},
    "revert": {},
    "disable": {},
    "demote": {},
    "stop": {},
}


@pytest.mark.parametrize("actor", [ADA, TRIGGER], ids=["person", "trigger"])
@pytest.mark.parametrize("move", DOWN)
def test_going_down_takes_nothing_but_a_reason_also_while_triggers_are_blind(
    small: Tenant, move: str, actor: Actor
) -> None:
    small.beta()
    small.ask(Stage.PILOT)
    small.move("introduce", release=small.release("two"), share=100)
    small.trigger()
    small.sql("UPDATE triggers SET state = 'garbage'")
    version = small.rollout().version
    assert small.move(move, actor=actor, **DOWN[move]) == version + 1
    assert small.changes()[-1].name == move


def test_a_ramp_is_advanced_by_nobody_who_asks_for_it(live: Tenant) -> None:
    for actor in (ADA, SYSTEM, TRIGGER):
        with pytest.raises(Refused) as refused:
            live.move("advance", actor=actor, exposure={"share": 10_000})
        assert codes(refused) == ["ramp_advances"]


def test_a_reverted_release_is_bad_until_new_evidence_and_a_person_say_otherwise(live: Tenant) -> None:
    other = live.release("two")
    live.move("introduce", release=other, share=100)
    live.move("revert")
    with pytest.raises(Refused) as refused:
        live.move("introduce", release=other, share=100)
    assert codes(refused) == ["incident_open", "release_bad"]
    closing = Closing(follow_up=FollowUp.PROMPT_CHANGE, text="x", by_hand=True, reason="nobody had it")
    live.parts.incidents.close("acme", 1, ADA, closing)
    judge = live.parts.catalog.judge_release
    with pytest.raises(Conflict, match="new evidence") as blocked:
        judge("acme", "claims", other, Goodness.GOOD, "false alarm", ADA)
    assert blocked.value.code == "release_blocked"
    live.clock.pass_(1)
    live.prove("evaluation-report", other)
    judge("acme", "claims", other, Goodness.GOOD, "evaluated again", ADA)
    live.move("introduce", release=other, share=100)


def test_an_unknown_release_is_not_found(live: Tenant) -> None:
    with pytest.raises(NotFound, match="no release"):
        live.move("introduce", release="r-000000000000", share=100)


def test_a_request_that_is_sent_twice_counts_once(tenant: Tenant) -> None:
    tenant.beta()
    once = Once(ADA.name, "abc", "the body")
    version = tenant.move("disable", once=once)
    changes = len(tenant.changes())
    assert tenant.move("disable", once=once) == version
    assert len(tenant.changes()) == changes
    assert tenant.move("disable", once=Once(BOB.name, "abc", "the body")) == version + 1
    with pytest.raises(Conflict, match="used for another request") as reused:
        tenant.move("hold", once=Once(ADA.name, "abc", "another body"))
    assert reused.value.code == "idempotency_key_reused"
    assert tenant.rollout().holds == frozenset()


def test_a_request_that_was_refused_may_be_sent_again(live: Tenant) -> None:
    once = Once(ADA.name, "abc", "body")
    with pytest.raises(Refused):
        live.move("adopt", once=once)
    live.move("introduce", release=live.release("two"), share=100)
    live.move("adopt", once=once)


def test_requests_with_one_key_at_the_same_moment_make_one_change(tenant: Tenant) -> None:
    tenant.beta()
    once, start = Once(ADA.name, "abc", "body"), threading.Barrier(4)
    answers: list[object] = []

    def send() -> None:
        start.wait(30)
        try:
            answers.append(tenant.move("narrow", once=once, exposure={"share": 10}))
        except (Conflict, VersionConflict) as conflict:
            answers.append(conflict)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(answers) == 4
    assert [change.name for change in tenant.changes()].count("narrow") == 1
    assert tenant.move("narrow", once=once, exposure={"share": 10}) == 4


def test_a_move_at_a_version_that_has_passed_is_refused(live: Tenant) -> None:
    version = live.rollout().version
    live.move("hold", expected=version)
    with pytest.raises(VersionConflict, match=f"at version {version + 1} now"):
        live.move("disable", expected=version)
    live.move("disable")


def test_what_is_not_there_is_named(live: Tenant) -> None:
    for address, missing in (
        ({"project": "nope"}, "project 'nope'"),
        ({"environment": "nope"}, "environment 'nope'"),
        ({"feature": "nope"}, "feature 'nope'"),
    ):
        from dataclasses import replace

        with pytest.raises(NotFound, match=missing), live.parts.database.read() as tx:
            locate(tx, replace(live.where(), **address))
