from __future__ import annotations

from typing import Any

import pytest

from controller.errors import Conflict, InvalidInput, NotFound
from controller.store.triggers import StoredTrigger
from controller.trigger_definitions import Definition
from stages import Mode, Refused
from tests.controller.tenant import ADA, BOB, RUNGS, TRIGGER, Tenant
from tests.controller.watching import bad
from triggers import Action, Arming, Phase, Rung


def definition(limit: float = 0.1, arming: Arming = Arming.ACT, **rest: Any) -> Definition:
    return Definition(
        key="unsupported",
        source=rest.pop("source", "outcomes"),
        query=rest.pop("query", {"measure": "unsupported"}),
        method="threshold",
        params={"limit": limit},
        rest={"window_s": 60, "interval_s": 10, "arming": arming, "ladder": RUNGS} | rest,
    )


def change(tenant: Tenant, new: Definition) -> StoredTrigger:
    return tenant.parts.trigger_edits.change(tenant.where(), new, ADA, "why", None)


def refused(tenant: Tenant, new: Definition | None) -> list[str]:
    edits, where = tenant.parts.trigger_edits, tenant.where()
    attempt = (
        (lambda: edits.drop(where, "unsupported", ADA, "why")) if new is None else lambda: change(tenant, new)
    )
    with pytest.raises(Refused) as caught:
        attempt()
    assert {refusal.code for refusal in caught.value.refusals} == {"loosening_unreviewed"}
    return [refusal.field for refusal in caught.value.refusals]


def propose(tenant: Tenant, new: Definition | None) -> int:
    reviews = tenant.parts.trigger_reviews
    return reviews.propose(tenant.where(), "unsupported", new, ADA, "the judge is stricter").proposal.id


def approve(tenant: Tenant, id: int, actor: Any = BOB) -> None:
    tenant.parts.trigger_reviews.approve(tenant.where(), "unsupported", id, actor)


def test_a_live_trigger_in_a_protected_environment_is_not_loosened_alone(simple: Tenant) -> None:
    simple.trigger()
    assert refused(simple, definition(0.2)) == ["params.limit"]
    assert refused(simple, definition(arming=Arming.SHADOW)) == ["arming"]
    assert refused(simple, definition(query={"measure": "error"})) == ["query"]
    assert refused(simple, None) == ["trigger"]
    assert simple.standing().version == 1


def test_tightening_is_done_at_once(simple: Tenant) -> None:
    simple.trigger(arming=Arming.HOLD)
    assert change(simple, definition(0.05)).version == 2


def test_in_shadow_and_where_nothing_is_protected_anybody_loosens(
    simple: Tenant, make_tenant: Any, postgres_url: str
) -> None:
    simple.trigger(arming=Arming.SHADOW)
    assert change(simple, definition(0.9, Arming.SHADOW)).version == 2
    free = make_tenant(postgres_url, protected=False)
    free.beta()
    free.trigger()
    assert change(free, definition(0.9)).version == 2


def test_what_one_person_proposes_another_one_carries_out(tenant: Tenant) -> None:
    tenant.beta()
    tenant.trigger()
    id = propose(tenant, definition(0.2, hold_s=60))
    [shown] = tenant.parts.trigger_reviews.of(tenant.where(), "unsupported")
    assert [refusal.field for refusal in shown.looser] == ["params.limit", "hold_s"]
    for same in (ADA, TRIGGER):
        with pytest.raises(Refused):
            approve(tenant, id, same)
    approve(tenant, id)
    changed = tenant.standing()
    assert (changed.version, changed.trigger.hold_s, changed.trigger.ladder) == (2, 60, RUNGS)
    assert changed.trigger.method.params()["limit"] == 0.2
    with pytest.raises(Conflict, match="decided the proposal"):
        approve(tenant, id)
    recorded = [(change.name, change.actor) for change in tenant.changes()[-3:]]
    assert recorded == [
        ("trigger.propose", ADA.name),
        ("trigger.approve", BOB.name),
        ("trigger.change", BOB.name),
    ]
    assert tenant.bad_rows() == []


def test_a_proposal_about_what_the_trigger_is_no_more_is_not_carried_out(simple: Tenant) -> None:
    simple.trigger()
    id = propose(simple, definition(0.2))
    assert change(simple, definition(0.05)).version == 2
    with pytest.raises(Refused, match="was about version 1"):
        approve(simple, id)


def test_a_removal_is_proposed_too(simple: Tenant) -> None:
    simple.trigger()
    approve(simple, propose(simple, None))
    with pytest.raises(NotFound):
        simple.standing()


def test_a_newer_proposal_takes_the_place_of_an_older_one_and_either_can_be_withdrawn(simple: Tenant) -> None:
    simple.trigger()
    first, second = propose(simple, definition(0.2)), propose(simple, definition(0.3))
    with pytest.raises(Conflict, match="decided the proposal"):
        approve(simple, first)
    simple.parts.trigger_reviews.withdraw(simple.where(), "unsupported", second, ADA)
    with pytest.raises(Conflict, match="decided the proposal"):
        approve(simple, second)
    with pytest.raises(NotFound):
        approve(simple, 99)
    assert simple.standing().version == 1


def test_a_trigger_that_cannot_be_read_is_mended_or_removed_by_anybody(simple: Tenant) -> None:
    simple.trigger()
    simple.sql("UPDATE triggers SET method = 'sideways'")
    with pytest.raises(Conflict, match="cannot be read"):
        propose(simple, None)
    assert change(simple, definition(0.9)).trigger.method.params()["limit"] == 0.9


def test_the_record_shows_what_would_have_been_done_and_how_much_that_says(tenant: Tenant) -> None:
    tenant.beta()
    tenant.trigger(arming=Arming.SHADOW)
    tenant.evaluate()
    bad(tenant, 2)
    record = tenant.parts.trigger_reviews.record(tenant.where(), "unsupported")
    assert (record.evaluations, record.telling) == (3, 2)
    assert record.unproven == "it has watched for 0 h of 24 h under this rule"
    [act] = record.acts
    assert list(act.due) == [{"action": "review", "result": "shadow: not done"}]
    tenant.clock.pass_(86_400)
    assert tenant.parts.trigger_reviews.record(tenant.where(), "unsupported").unproven == ""


def test_arming_keeps_the_record_and_another_rule_begins_anew(simple: Tenant) -> None:
    made = simple.trigger(arming=Arming.SHADOW)
    simple.clock.pass_(100)
    assert change(simple, definition()).watching_since == made.watching_since
    assert change(simple, definition(0.05)).watching_since == simple.clock()


def test_a_muted_trigger_watches_and_does_nothing_and_afterwards_goes_on(tenant: Tenant) -> None:
    tenant.beta()
    tenant.trigger()
    tenant.evaluate()
    muted = tenant.parts.trigger_reviews.mute(tenant.where(), "unsupported", 1, ADA, "a known outage")
    assert (muted.muted_by, muted.mute_reason) == (ADA.name, "a known outage")
    bad(tenant, 3)
    assert tenant.moves() == []
    assert tenant.standing().state.phase is Phase.FIRING
    assert (
        tenant.readings()[-1]
        .due[0]["result"]
        .startswith("shadow: muted until 2026-11-20 12:01 UTC by user:ada")
    )
    with pytest.raises(Refused, match="is firing"):
        tenant.move("widen", exposure={"share": 10_000})
    bad(tenant, 3)
    assert [name for name, _ in tenant.moves()] == ["review"]
    bad(tenant, 3)
    assert [name for name, _ in tenant.moves()] == ["review", "disable"]
    assert tenant.rollout().mode is Mode.OFF


def test_a_mute_is_ended_by_hand_and_both_are_recorded(simple: Tenant) -> None:
    simple.trigger("unsupported", Rung(Action.DISABLE))
    simple.evaluate()
    reviews, where = simple.parts.trigger_reviews, simple.where()
    reviews.mute(where, "unsupported", 10_080, ADA, "a known outage")
    bad(simple)
    assert simple.rollout().mode is Mode.LIVE
    reviews.unmute(where, "unsupported", BOB, "it is over")
    bad(simple)
    assert simple.rollout().mode is Mode.OFF
    recorded = [(change.name, change.reason) for change in simple.changes() if "mute" in change.name]
    assert recorded == [("trigger.mute", "a known outage"), ("trigger.unmute", "it is over")]


@pytest.mark.parametrize("minutes", [0, -1, 10_081, 10**12])
def test_a_mute_has_an_end(simple: Tenant, minutes: int) -> None:
    simple.trigger()
    with pytest.raises(InvalidInput) as caught:
        simple.parts.trigger_reviews.mute(simple.where(), "unsupported", minutes, ADA, "for ever")
    assert [problem.field for problem in caught.value.problems] == ["minutes"]


DAY_S = 86_400


def mute(tenant: Tenant, days: float, actor: Any = ADA) -> StoredTrigger:
    minutes = round(days * 24 * 60)
    return tenant.parts.trigger_reviews.mute(tenant.where(), "unsupported", minutes, actor, "a known outage")


def test_one_person_mutes_a_live_trigger_for_seven_days_of_twenty_eight(simple: Tenant) -> None:
    simple.trigger()
    mute(simple, 4)
    simple.clock.pass_(DAY_S)
    simple.parts.trigger_reviews.unmute(simple.where(), "unsupported", BOB, "it is over")
    mute(simple, 6)
    simple.clock.pass_(6 * DAY_S)
    with pytest.raises(Refused) as caught:
        mute(simple, 1 / 24)
    [refusal] = caught.value.refusals
    assert (refusal.code, refusal.field) == ("mute_unreviewed", "minutes")
    assert refusal.message.startswith("you have muted it for 168.0 h of the last 28 days already")
    mute(simple, 7, BOB)
    simple.clock.pass_(7 * DAY_S)
    with pytest.raises(Refused):
        mute(simple, 1, BOB)
    # The first day of seven no longer counts.
    simple.clock.pass_(14 * DAY_S)
    assert mute(simple, 1).muted_by == ADA.name


def test_to_renew_a_mute_before_it_ends_makes_it_no_longer_than_one(simple: Tenant) -> None:
    simple.trigger()
    mute(simple, 7)
    simple.clock.pass_(3 * DAY_S)
    with pytest.raises(Refused, match=r"for 72\.0 h"):
        mute(simple, 4.01)
    mute(simple, 4)


def test_where_nothing_is_protected_and_in_shadow_mutes_are_not_counted(
    simple: Tenant, make_tenant: Any, postgres_url: str
) -> None:
    simple.trigger(arming=Arming.SHADOW)
    free = make_tenant(postgres_url, protected=False)
    free.beta()
    free.trigger()
    for tenant in (simple, free):
        mute(tenant, 7)
        tenant.clock.pass_(DAY_S)
        mute(tenant, 7)
