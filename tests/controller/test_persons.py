from __future__ import annotations

import pytest

from controller.actors import Actor
from controller.errors import Conflict, InvalidInput
from controller.permissions import Role
from controller.persons import are_one, person_of
from controller.store.keys import KeyKind
from controller.store.users import add_user
from stages import Goodness, Refused
from tests.controller.tenant import ADA, BOB, Tenant

INSTALLATION = Actor("key:first")


@pytest.fixture
def proven(small: Tenant) -> Tenant:
    """A feature of the second tier that lacks nothing for beta but an approval."""
    small.feature(tier="T2")
    release = small.release()
    small.move("introduce", release=release)
    small.prove("evaluation-report", release)
    small.trigger(query={"measure": "error"})
    small.clock.pass_(60)
    small.evaluate()
    return small


def key(tenant: Tenant, name: str, by: Actor) -> Actor:
    tenant.parts.catalog.make_key("acme", KeyKind.ADMIN, name, None, by, roles=[Role.ADMIN])
    return Actor(f"key:{name}")


def person(tenant: Tenant, actor: Actor) -> str:
    with tenant.parts.database.read() as tx:
        return person_of(tx, 1, actor.name)


def test_keys_that_the_installation_made_are_different_people(tenant: Tenant) -> None:
    ada, bob = key(tenant, "ada", INSTALLATION), key(tenant, "bob", INSTALLATION)
    assert {person(tenant, ada), person(tenant, bob)} == {ada.name, bob.name}
    assert person(tenant, ADA) == ADA.name


def test_a_key_speaks_for_whoever_made_it_and_so_do_its_siblings(tenant: Tenant) -> None:
    ada = key(tenant, "ada", INSTALLATION)
    puppet, sibling = key(tenant, "puppet", ada), key(tenant, "sibling", ada)
    grandchild = key(tenant, "grandchild", puppet)
    assert {person(tenant, each) for each in (ada, puppet, sibling, grandchild)} == {ada.name}


def test_nobody_approves_through_a_key_of_his_own(proven: Tenant) -> None:
    ada = key(proven, "ada", INSTALLATION)
    puppet = key(proven, "puppet", ada)
    asked = proven.ask(actor=ada)
    with pytest.raises(Refused) as refused:
        proven.promotions.approve(proven.where(), asked.promotion.id, puppet)
    assert [refusal.code for refusal in refused.value.refusals] == ["self_approval"]
    assert proven.promotions.approve(proven.where(), asked.promotion.id, BOB).refusals == ()


def test_nobody_puts_himself_into_a_group_not_even_under_another_name(tenant: Tenant) -> None:
    ada = key(tenant, "ada", INSTALLATION)
    puppet = key(tenant, "puppet", ada)
    for member in (ada, puppet):
        with pytest.raises(InvalidInput, match="is you"):
            tenant.parts.governance.set_group("acme", "risk", [member.name], ada)
    tenant.parts.governance.set_group("acme", "risk", [puppet.name], INSTALLATION)
    tenant.parts.governance.set_group("acme", "risk", [puppet.name, BOB.name], ada)


def test_no_two_admin_keys_of_a_project_have_one_signature(tenant: Tenant) -> None:
    key(tenant, "ada", INSTALLATION)
    with pytest.raises(Conflict) as taken:
        key(tenant, "ada", BOB)
    assert taken.value.code == "key_taken"


def test_a_lower_tier_needs_a_reason_comes_before_users_and_is_not_used_by_who_lowered_it(
    proven: Tenant,
) -> None:
    change = proven.parts.catalog.change_feature
    with pytest.raises(InvalidInput, match="risk_rationale"):
        change("acme", "claims", {"risk_tier": "T1"}, ADA, None)
    lowered = change("acme", "claims", {"risk_tier": "T1", "risk_rationale": "internal only"}, ADA, None)
    assert lowered.tier_lowered_by == ADA.name
    with pytest.raises(Refused) as refused:
        proven.ask(actor=ADA)
    assert [(refusal.code, refusal.message) for refusal in refused.value.refusals] == [
        ("self_classified", "you lowered the risk tier yourself; it is T1 now")
    ]
    proven.ask(actor=BOB)
    change("acme", "claims", {"risk_tier": "T2"}, ADA, None)
    with pytest.raises(Conflict) as in_use:
        change("acme", "claims", {"risk_tier": "T1", "risk_rationale": "again"}, BOB, None)
    assert in_use.value.code == "tier_in_use"
    assert change("acme", "claims", {"risk_tier": "T3"}, ADA, None).tier_lowered_by == ""


def test_a_stable_release_that_is_known_to_be_bad_is_not_brought_to_more(tenant: Tenant) -> None:
    release = tenant.beta(share=100)
    tenant.move("disable")
    tenant.parts.catalog.judge_release("acme", "claims", release, Goodness.BAD, "made things up", ADA)
    with pytest.raises(Refused) as refused:
        tenant.move("resume")
    assert [refusal.code for refusal in refused.value.refusals] == ["release_bad"]


def user(tenant: Tenant, name: str, let_in_by: Actor | None = None) -> Actor:
    with tenant.parts.database.write() as tx:
        by = let_in_by.name if let_in_by else ""
        add_user(tx, f"{name}@acme.example", "", tenant.clock(), must_change=True, let_in_by=by)
    return Actor(f"user:{name}@acme.example")


def one(tenant: Tenant, first: Actor, second: Actor) -> bool:
    with tenant.parts.database.read() as tx:
        found = {are_one(tx, 1, *names) for names in ((first.name, second.name), (second.name, first.name))}
    assert len(found) == 1
    return found.pop()


def test_a_key_that_a_user_made_speaks_for_that_user(small: Tenant) -> None:
    eve = user(small, "eve")
    first, second = key(small, "one", eve), key(small, "two", eve)
    assert {person(small, each) for each in (eve, first, second)} == {eve.name}
    assert one(small, first, second)


def test_whoever_let_somebody_in_is_no_second_person_beside_him_but_their_siblings_are(small: Tenant) -> None:
    root = user(small, "root")
    eve, sam = user(small, "eve", root), user(small, "sam", root)
    kid = user(small, "kid", eve)
    assert one(small, root, eve)
    assert one(small, root, kid)
    assert not one(small, eve, sam)
    assert not one(small, kid, sam)
    assert one(small, key(small, "of-eve", eve), root)


def test_nobody_approves_through_a_user_whom_he_let_in(proven: Tenant) -> None:
    eve = user(proven, "eve")
    puppet = user(proven, "puppet", eve)
    asked = proven.ask(actor=eve)
    for second in (puppet, key(proven, "key-of-puppet", puppet), key(proven, "key-of-eve", eve)):
        with pytest.raises(Refused) as refused:
            proven.promotions.approve(proven.where(), asked.promotion.id, second)
        assert [refusal.code for refusal in refused.value.refusals] == ["self_approval"]
    assert proven.promotions.approve(proven.where(), asked.promotion.id, BOB).refusals == ()
