"""A release that is new to users of a stage: people agree to it, and it is tried before everybody has it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from controller.actors import Actor
from controller.permissions import Role
from controller.ramps import EVERY_S
from controller.store.keys import KeyKind
from stages import Goodness, Refused, Stage
from tests.controller.tenant import ADA, BOB, EVE, TRIGGER, Tenant
from triggers import Arming

PLANS = """
requirements:
  evaluation-report: {gate: evaluation, title: Evaluation report, proves: release}
  runbook: {gate: operations, title: Runbook}
tiers:
  T1: {beta: &free {ceiling: 10000, start: 1000}, pilot: *free, scaled: *free}
  T2: &plan
    good_after_days: 30
    beta: &beta
      ceiling: 5000
      start: 1000
      requirements: [evaluation-report]
      release_approvals: 1
      release_soak_s: 20
      release_min_samples: 5
    pilot: *beta
    scaled: *beta
  T3:
    beta: {ceiling: 1000, start: 500, autonomy: draft, armed_triggers: 1, requirements: [evaluation-report, runbook],
      release_approvals: 2, approver_groups: [risk]}
    pilot: {ceiling: 1000, start: 500, armed_triggers: 1, release_approvals: 2}
    scaled: {ceiling: 1000, start: 500, armed_triggers: 1, release_approvals: 2}
"""


@pytest.fixture
def plans_file(tmp_path: Path) -> str:
    path = tmp_path / "plans.yaml"
    path.write_text(PLANS)
    return str(path)


def enter(tenant: Tenant, tier: str = "T2") -> str:
    """A feature in beta with a trigger that sees, and a second release with its evidence; gives that release."""
    tenant.feature(tier=tier)
    first, second = tenant.release("one"), tenant.release("two")
    tenant.prove("runbook")
    for release in (first, second):
        tenant.prove("evaluation-report", release)
    tenant.move("introduce", release=first)
    tenant.trigger("errors", query={"measure": "error"}, window_s=600, arming=Arming.ACT)
    tenant.report(50, error=False)
    tenant.after(10)
    tenant.ask(share=500)
    return second


@pytest.fixture
def live(small: Tenant) -> Tenant:
    small.releases["two"] = enter(small)
    return small


def told(do: Callable[[], object]) -> list[tuple[str, str]]:
    with pytest.raises(Refused) as refused:
        do()
    assert all(refusal.remedy for refusal in refused.value.refusals)
    return [(refusal.code, refusal.field) for refusal in refused.value.refusals]


def introduce(tenant: Tenant, share: int = 100, actor: Actor = ADA) -> int:
    return tenant.move("introduce", release=tenant.releases["two"], share=share, actor=actor)


def agree(tenant: Tenant, *people: Actor) -> None:
    for person in people:
        tenant.parts.release_approvals.approve(tenant.where(), tenant.releases["two"], person)


def serve(tenant: Tenant, seconds: int) -> None:
    for _ in range(int(seconds // EVERY_S) + 1):
        tenant.after(EVERY_S)
        tenant.parts.ramps.run()


def answered(tenant: Tenant, count: int) -> None:
    tenant.report(count, release=tenant.releases["two"], error=False)


MISSING = [("approvals_missing", "approvals")]


def test_a_new_release_comes_to_users_once_somebody_else_has_agreed(tenant: Tenant) -> None:
    tenant.releases["two"] = enter(tenant)
    assert told(lambda: introduce(tenant)) == MISSING
    agree(tenant, ADA)
    assert told(lambda: introduce(tenant)) == MISSING
    agree(tenant, BOB)
    introduce(tenant)
    assert tenant.rollout().candidate == tenant.releases["two"]
    change = [change for change in tenant.changes() if change.name == "release.approve"][-1]
    assert (change.actor, change.evidence) == (BOB.name, {"release": tenant.releases["two"], "stage": "beta"})
    assert tenant.bad_rows() == []


def test_one_approval_holds_from_the_first_user_to_the_last(live: Tenant) -> None:
    agree(live, BOB)
    introduce(live)
    introduce(live, 5000)
    serve(live, 20)
    answered(live, 5)
    live.move("adopt")
    assert live.rollout().stable == live.releases["two"]


def void_by_evidence(tenant: Tenant) -> None:
    tenant.prove("evaluation-report", tenant.releases["two"])


def void_by_trigger(tenant: Tenant) -> None:
    tenant.trigger("more", query={"measure": "sensitive_data"}, window_s=600)
    tenant.after(10)


def void_by_exposure(tenant: Tenant) -> None:
    tenant.move("narrow", exposure={"share": 400})


def void_by_record(tenant: Tenant) -> None:
    tenant.parts.catalog.change_feature("acme", "claims", {"fallback": "nothing"}, EVE, None)


def void_by_plan(tenant: Tenant) -> None:
    tighter = {"tiers": {"T2": {stage: {"release_min_samples": 6} for stage in ("beta", "pilot", "scaled")}}}
    tenant.parts.governance.tighten("acme", tighter, EVE, "more answers")


@pytest.mark.parametrize(
    "change", [void_by_evidence, void_by_trigger, void_by_exposure, void_by_record, void_by_plan]
)
def test_an_approval_is_void_when_anything_that_was_shown_changes(
    live: Tenant, change: Callable[[Tenant], None]
) -> None:
    agree(live, BOB)
    change(live)
    assert told(lambda: introduce(live)) == MISSING
    agree(live, BOB)
    introduce(live)


def test_an_approval_of_one_release_is_none_of_another(live: Tenant) -> None:
    agree(live, BOB)
    third = live.release("three")
    live.prove("evaluation-report", third)
    agree(live, BOB)
    assert told(lambda: live.move("introduce", release=third, share=100)) == MISSING


def test_two_keys_of_one_person_are_one_person(live: Tenant) -> None:
    make = live.parts.catalog.make_key
    make("acme", KeyKind.ADMIN, "ada", None, Actor("admin"), roles=[Role.ADMIN])
    make("acme", KeyKind.ADMIN, "puppet", None, Actor("key:ada"), roles=[Role.ADMIN])
    agree(live, Actor("key:puppet"))
    assert told(lambda: introduce(live, actor=Actor("key:ada"))) == MISSING
    assert told(lambda: agree(live, Actor("key:ada"))) == [("already_approved", "")]
    introduce(live, actor=BOB)


def test_the_groups_of_the_stage_count_as_for_a_promotion(small: Tenant) -> None:
    small.parts.governance.set_group("acme", "risk", [EVE.name], ADA)
    small.releases["two"] = enter(small, "T3")
    small.promotions.approve(small.where(), 1, EVE)
    agree(small, BOB, Actor("user:olga"))
    assert told(lambda: introduce(small)) == MISSING
    agree(small, EVE)
    introduce(small)


def test_a_candidate_is_adopted_after_it_has_served_without_a_breach_and_answered(live: Tenant) -> None:
    agree(live, BOB)
    introduce(live)
    assert told(lambda: live.move("adopt")) == [("soaking", "release"), ("samples_missing", "answers")]
    serve(live, 20)
    answered(live, 4)
    assert told(lambda: live.move("adopt")) == [("samples_missing", "answers")]
    answered(live, 1)
    live.move("adopt")


def test_a_breach_begins_the_trial_anew_also_of_a_release_that_is_known_to_be_good(live: Tenant) -> None:
    live.parts.catalog.judge_release("acme", "claims", live.releases["two"], Goodness.GOOD, "I like it", ADA)
    agree(live, BOB)
    introduce(live)
    answered(live, 5)
    serve(live, 15)
    live.report(20, error=True)
    live.after(10)
    live.report(5000, error=False)
    live.after(10)
    live.parts.ramps.run()
    if live.rollout().mode != "live":
        live.move("resume")
    assert ("soaking", "release") in told(lambda: live.move("adopt"))


def test_nothing_new_comes_in_and_nobody_new_gets_it_while_an_incident_is_open(live: Tenant) -> None:
    agree(live, BOB)
    introduce(live)
    live.move("revert")
    third = live.release("three")
    live.prove("evaluation-report", third)
    open_one = ("incident_open", "incident")
    assert open_one in told(lambda: live.move("introduce", release=third, share=100))
    assert told(lambda: live.move("widen", exposure={"share": 2000})) == [open_one]
    live.move("hold")
    live.move("resume")


def test_what_stands_against_a_release_can_be_looked_at_before(live: Tenant) -> None:
    look = live.parts.release_approvals.look
    seen = look(live.where(), live.releases["two"], ADA)
    assert (seen.needed, seen.approved_by, [each.code for each in seen.refusals]) == (
        1,
        (),
        ["approvals_missing"],
    )
    agree(live, BOB)
    after = look(live.where(), live.releases["two"], ADA)
    assert (after.approved_by, after.refusals, after.seen) == ((BOB.name,), (), seen.seen)
    unproven = look(live.where(), live.release("three"), ADA)
    assert [each.code for each in unproven.refusals] == ["evidence_stale", "approvals_missing"]


def test_only_what_was_looked_at_is_approved_and_only_by_people(live: Tenant) -> None:
    desk, release = live.parts.release_approvals, live.releases["two"]
    seen = desk.look(live.where(), release, BOB).seen
    void_by_record(live)
    assert told(lambda: desk.approve(live.where(), release, BOB, seen)) == [
        ("changed_since_seen", "If-Match")
    ]
    assert told(lambda: desk.approve(live.where(), release, TRIGGER)) == [("not_a_person", "")]


def test_before_anybody_has_the_feature_there_is_no_release_to_agree_to(small: Tenant) -> None:
    small.feature(tier="T2")
    small.releases["two"] = small.release()
    assert told(lambda: agree(small, BOB)) == [("nobody_exposed", "release")]
    small.move("introduce", release=small.releases["two"])
    assert small.rollout().stage is Stage.READINESS


def test_a_harmless_feature_is_not_slowed(small: Tenant) -> None:
    small.beta(share=1000)
    other = small.release("two")
    small.move("introduce", release=other, share=100)
    small.move("adopt")
    assert small.rollout().stable == other


def test_more_users_get_it_only_with_the_evidence_that_the_stage_asks_for(live: Tenant) -> None:
    live.sql("UPDATE evidence SET expires_at = 1")
    assert told(lambda: live.move("widen", exposure={"share": 2000})) == [
        ("evidence_expired", "evaluation-report")
    ]
    live.move("narrow", exposure={"share": 10})
    live.clock.pass_(1)
    live.prove("evaluation-report", live.rollout().stable)
    live.move("widen", exposure={"share": 2000})
