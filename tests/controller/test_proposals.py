"""What triggers read, and what becomes of their moves, is not loosened by one person either."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from controller.errors import Conflict, InvalidInput
from controller.renewal import renew_secrets
from controller.store.proposals import About
from controller.vault import Vault
from stages import Refused
from tests.conftest import SECRET
from tests.controller.tenant import ADA, BOB, TRIGGER, Tenant
from tests.endpoint import Call, Endpoint, serving
from triggers import Arming

ACCEPTED = {"the-first-token", "the-second-token"}


def accepting(call: Call) -> None:
    """A Prometheus that knows two tokens."""
    if call.headers.get("authorization", "").removeprefix("Bearer ") not in ACCEPTED:
        call.reply(401)
        return
    result = [{"metric": {}, "value": [0, "1"]}]
    body = {"status": "success", "data": {"resultType": "vector", "result": result}}
    call.reply(200, json.dumps(body).encode())


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving(accepting) as running:
        yield running


def settings(url: str, secret: str = "the-first-token", **rest: Any) -> dict[str, Any]:
    return {"url": url, "auth": {"scheme": "bearer", "secret": secret}, **rest}


@pytest.fixture
def watched(simple: Tenant, endpoint: Endpoint) -> Tenant:
    """A feature with an armed trigger that reads a source of its own."""
    simple.parts.sources.connect("acme", "metrics", "prometheus", settings(endpoint.url), ADA)
    simple.trigger(source="metrics", query={"bad": "bad", "total": "total"})
    return simple


def change(tenant: Tenant, new: dict[str, Any]) -> None:
    tenant.parts.sources.change("acme", "metrics", new, ADA)


def refused(tenant: Tenant, new: dict[str, Any]) -> list[str]:
    with pytest.raises(Refused) as caught:
        change(tenant, new)
    assert {each.code for each in caught.value.refusals} == {"loosening_unreviewed"}
    return [each.field for each in caught.value.refusals]


def token(tenant: Tenant, url: str) -> str:
    kept = tenant.parts.sources.stored("acme", "metrics").settings["auth"]["secret"]
    return tenant.parts.sources.access.secrets.reveal(kept, url)


def propose(tenant: Tenant, new: dict[str, Any]) -> int:
    made = tenant.parts.proposals.propose_source("acme", "metrics", new, ADA, "the server moves")
    return made.proposal.id


def approve(tenant: Tenant, id: int, actor: Any = BOB) -> None:
    tenant.parts.proposals.approve("acme", About.SOURCE, "metrics", id, actor)


def test_what_armed_triggers_read_is_not_changed_alone(watched: Tenant, endpoint: Endpoint) -> None:
    with serving(accepting) as other:
        assert refused(watched, settings(other.url)) == ["settings.url"]
    for name, value in (
        ("lag_s", 3600),
        ("headers", {"X-Scope-OrgID": "b"}),
        ("per_minute", 1),
        ("at_once", 1),
    ):
        [field] = refused(watched, settings(endpoint.url, "***", **{name: value}))
        assert field.startswith(f"settings.{name}")


def test_asking_more_often_is_nobodys_loss(watched: Tenant, endpoint: Endpoint) -> None:
    change(watched, settings(endpoint.url, "***", at_once=8, per_minute=0))
    assert watched.parts.sources.stored("acme", "metrics").settings["at_once"] == 8


def test_a_secret_is_changed_at_any_hour_by_one_person(watched: Tenant, endpoint: Endpoint) -> None:
    change(watched, settings(endpoint.url, "the-second-token"))
    assert token(watched, endpoint.url) == "the-second-token"


def test_a_secret_that_would_blind_triggers_is_not(watched: Tenant, endpoint: Endpoint) -> None:
    assert refused(watched, settings(endpoint.url, "a-wrong-token")) == ["settings"]
    assert token(watched, endpoint.url) == "the-first-token"
    ACCEPTED.remove("the-first-token")
    try:
        change(watched, settings(endpoint.url, "a-third-token"))
    finally:
        ACCEPTED.add("the-first-token")
    assert token(watched, endpoint.url) == "a-third-token"


def test_where_nothing_is_armed_or_protected_anybody_changes_a_source(
    make_tenant: Any, sqlite_url: str, endpoint: Endpoint
) -> None:
    free = make_tenant(sqlite_url, protected=False)
    free.beta()
    free.parts.sources.connect("acme", "metrics", "prometheus", settings(endpoint.url), ADA)
    free.trigger(source="metrics", query={"count": "bad"})
    change(free, settings(endpoint.url, "***", lag_s=60))


def test_in_shadow_anybody_changes_a_source(simple: Tenant, endpoint: Endpoint) -> None:
    simple.parts.sources.connect("acme", "metrics", "prometheus", settings(endpoint.url), ADA)
    simple.trigger(source="metrics", query={"bad": "bad", "total": "total"}, arming=Arming.SHADOW)
    change(simple, settings(endpoint.url, "***", lag_s=60))


def test_what_one_person_proposes_another_one_carries_out(watched: Tenant, endpoint: Endpoint) -> None:
    id = propose(watched, settings(f"{endpoint.url}/new", "***"))
    [shown] = watched.parts.proposals.of("acme", About.SOURCE, "metrics")
    assert [each.field for each in shown.looser] == ["settings.url"]
    for same in (ADA, TRIGGER):
        with pytest.raises(Refused):
            approve(watched, id, same)
    # A secret that was changed meanwhile stays changed.
    change(watched, settings(endpoint.url, "the-second-token"))
    approve(watched, id)
    assert watched.parts.sources.stored("acme", "metrics").settings["url"] == f"{endpoint.url}/new"
    assert token(watched, endpoint.url) == "the-second-token"
    with pytest.raises(Conflict, match="decided the proposal"):
        approve(watched, id)
    assert [each.name for each in watched.changes()[-4:]] == [
        "source.propose",
        "source.change",
        "source.approve",
        "source.change",
    ]
    assert watched.bad_rows() == []


def test_a_proposal_about_other_settings_than_there_are_is_not_carried_out(
    watched: Tenant, endpoint: Endpoint
) -> None:
    id = propose(watched, settings(f"{endpoint.url}/new", "***"))
    change(watched, settings(endpoint.url, "***", at_once=9))
    with pytest.raises(Refused, match="was changed since"):
        approve(watched, id)


def test_a_secret_in_a_proposal_is_sealed_hidden_and_brought_under_another_key(
    watched: Tenant, endpoint: Endpoint
) -> None:
    with serving(accepting) as other:
        id = propose(watched, settings(other.url, "the-second-token"))
        kept = str(watched.ask_sql("SELECT wanted FROM proposals"))
        assert "the-second-token" not in kept
        assert "sealed:" not in str(watched.ask_sql("SELECT * FROM changes"))
        renew_secrets(watched.parts.database, Vault(SECRET))
        assert str(watched.ask_sql("SELECT wanted FROM proposals")) != kept
        approve(watched, id)
        assert token(watched, other.url) == "the-second-token"


def test_a_hidden_secret_does_not_follow_a_proposal_to_another_place(watched: Tenant) -> None:
    with serving(accepting) as other, pytest.raises(InvalidInput, match="another address"):
        propose(watched, settings(other.url, "***"))


def test_limits_that_let_triggers_do_less_are_not_raised_alone(simple: Tenant) -> None:
    simple.trigger()
    catalog, proposals = simple.parts.catalog, simple.parts.proposals
    lower = {"review_capacity_per_day": 100, "automatic_moves_per_day": 3}
    catalog.change_feature("acme", "claims", lower, ADA, None)
    higher = {"review_capacity_per_day": None, "automatic_moves_per_day": 50}
    with pytest.raises(Refused) as caught:
        catalog.change_feature("acme", "claims", higher, ADA, None)
    assert [each.field for each in caught.value.refusals] == list(higher)
    id = proposals.propose_feature("acme", "claims", higher, ADA, "more reviewers").proposal.id
    with pytest.raises(Refused):
        proposals.approve("acme", About.FEATURE, "claims", id, ADA)
    proposals.approve("acme", About.FEATURE, "claims", id, BOB)
    [changed] = [
        each for each in simple.changes() if each.name == "feature.change" and each.actor == BOB.name
    ]
    assert changed.after == higher


def test_everything_that_waits_is_listed_across_the_project(watched: Tenant, endpoint: Endpoint) -> None:
    proposals = watched.parts.proposals
    first = propose(watched, settings(f"{endpoint.url}/new", "***"))
    watched.parts.trigger_reviews.propose(watched.where(), "unsupported", None, ADA, "not needed")
    about, [placed] = proposals.waiting("acme")
    assert [each.proposal.id for each in about] == [first]
    assert (placed.environment, placed.feature, placed.trigger) == ("production", "claims", "unsupported")
    proposals.withdraw("acme", About.SOURCE, "metrics", first, ADA)
    assert proposals.waiting("acme")[0] == []


def test_what_waits_about_a_feature_that_is_gone_spoils_no_list(small: Tenant) -> None:
    small.feature()
    proposals = small.parts.proposals
    proposals.propose_feature("acme", "claims", {"automatic_moves_per_day": 9}, ADA, "x")
    assert len(proposals.waiting("acme")[0]) == 1
    small.parts.catalog.delete_feature("acme", "claims", "not needed", ADA)
    assert proposals.waiting("acme") == ([], [])
