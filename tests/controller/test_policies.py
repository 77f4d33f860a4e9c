"""What follows when there is nothing to judge."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from controller.rollouts import locate
from controller.store.promotions import get_promotion
from controller.trigger_definitions import Definition
from stages import Mode, Refused, Stage
from tests.controller.tenant import ADA, Tenant
from tests.endpoint import Endpoint, replying, serving
from triggers import Action, Lack, Phase, Policy, Reaction, Rung

NOTHING = b'{"status":"success","data":{"resultType":"vector","result":[]}}'
PARTIAL = (
    b'{"status":"success","warnings":["a store was away"],"data":{"resultType":"scalar","result":[1,"1"]}}'
)
ONE = b'{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}'
FINE = b'{"status":"success","data":{"resultType":"scalar","result":[1,"0"]}}'


@pytest.fixture
def endpoint():
    with serving(replying(200, FINE)) as endpoint:
        yield endpoint


@pytest.fixture
def simple(small: Tenant, endpoint: Endpoint) -> Tenant:
    """A feature of the first tier in beta, with a source that says that all is well."""
    small.beta()
    small.parts.sources.connect("acme", "metrics", "prometheus", {"url": endpoint.url}, ADA)
    return small


def watch(tenant: Tenant, *policies: tuple[Lack, Policy], **rest: object) -> None:
    known = {"source": "metrics", "query": {"value": "up"}, "params": {"limit": 0.5}}
    tenant.trigger("unsupported", Rung(Action.REVIEW), policies=dict(policies), **known, **rest)
    tenant.evaluate()
    assert tenant.after(10) == ["done"]


def notices(tenant: Tenant) -> list[str]:
    found = tenant.ask_sql("SELECT event FROM outbox WHERE event LIKE 'trigger.%' ORDER BY id")
    return [str(event) for (event,) in found]


def why_not(tenant: Tenant) -> list[str]:
    with pytest.raises(Refused) as refused:
        tenant.ask(Stage.PILOT)
    return [refusal.code for refusal in refused.value.refusals]


def test_an_outage_is_told_once_holds_back_and_takes_nothing_down(simple: Tenant, endpoint: Endpoint) -> None:
    watch(simple, (Lack.SOURCE_ERROR, Policy(Reaction.NOTIFY)))
    endpoint.behaviour = replying(500)
    for _ in range(3):
        simple.after(10)
    assert notices(simple) == []
    assert why_not(simple) == ["trigger_blind"]
    for _ in range(5):
        simple.after(10)
    assert notices(simple) == ["trigger.blind"]
    assert (simple.rollout().mode, simple.standing().state.phase) == (Mode.LIVE, Phase.QUIET)
    endpoint.behaviour = replying(200, FINE)
    simple.after(10)
    assert notices(simple) == ["trigger.blind", "trigger.sees"]
    [(told,)] = simple.ask_sql("SELECT payload FROM outbox WHERE event = 'trigger.blind'")
    assert json.loads(str(told))["trigger"] == "unsupported"
    simple.ask(Stage.PILOT)


def test_a_trigger_that_shall_acts_when_it_has_gone_blind(simple: Tenant, endpoint: Endpoint) -> None:
    watch(simple, (Lack.NO_DATA, Policy(Reaction.ACT, 20)))
    endpoint.behaviour = replying(200, NOTHING)
    simple.after(10)
    simple.after(10)
    assert simple.moves() == []
    simple.after(10)
    assert simple.moves() == [("review", "trigger:unsupported")]
    assert notices(simple) == ["trigger.blind", "trigger.fired"]
    assert (simple.standing().verdict, simple.standing().state.lack) == ("insufficient", Lack.NO_DATA)
    simple.after(10)
    assert simple.moves() == [("review", "trigger:unsupported")]


def test_what_is_ignored_follows_nothing_and_is_still_not_well(simple: Tenant, endpoint: Endpoint) -> None:
    watch(simple, (Lack.SOURCE_ERROR, Policy(Reaction.IGNORE)))
    endpoint.behaviour = replying(500)
    for _ in range(10):
        simple.after(10)
    assert simple.standing().verdict == "source_error"
    assert notices(simple) == []
    simple.ask(Stage.PILOT)


def test_numbers_of_a_part_of_the_data_are_used_where_that_is_wanted(
    simple: Tenant, endpoint: Endpoint
) -> None:
    watch(simple)
    endpoint.behaviour = replying(200, PARTIAL)
    simple.after(10)
    assert (simple.standing().verdict, simple.standing().state.lack) == ("source_error", Lack.PARTIAL)
    simple.trigger("uses", source="metrics", query={"value": "up"}, params={"limit": 0.5}, use_partial=True)
    simple.evaluate()
    simple.after(10)
    assert simple.standing("uses").verdict == "breach"
    assert simple.readings("uses")[-1].warnings == ["a store was away"]


def test_the_tier_decides_where_the_trigger_says_nothing(simple: Tenant, endpoint: Endpoint) -> None:
    watch(simple)
    endpoint.behaviour = replying(200, NOTHING)
    for _ in range(5):
        simple.after(10)
    assert notices(simple) == []
    simple.sql("UPDATE features SET risk_tier = 'T3'")
    simple.after(10)
    assert notices(simple) == ["trigger.blind"]


def test_when_there_was_last_something_to_judge_is_remembered(simple: Tenant, endpoint: Endpoint) -> None:
    watch(simple)
    seen = simple.clock()
    assert simple.standing().seen_at == seen
    endpoint.behaviour = replying(500)
    simple.after(10)
    assert simple.standing().seen_at == seen
    endpoint.behaviour = replying(200, ONE)
    simple.after(10)
    assert simple.standing().seen_at == simple.clock()


def test_one_silence_is_told_once_whatever_people_do_to_the_trigger_meanwhile(
    simple: Tenant, endpoint: Endpoint
) -> None:
    watch(simple, (Lack.SOURCE_ERROR, Policy(Reaction.NOTIFY)))
    endpoint.behaviour = replying(500)
    for _ in range(5):
        simple.after(10)
    edits, where = simple.parts.trigger_edits, simple.where()
    edits.acknowledge(where, "unsupported", ADA, "seen")
    assert why_not(simple) == ["trigger_blind"]
    for _ in range(5):
        simple.after(10)
    edits.change(where, Definition.of(simple.standing()), ADA, "the same again", None)
    assert why_not(simple) == ["trigger_blind"]
    for _ in range(5):
        simple.after(10)
    assert notices(simple) == ["trigger.blind"]
    endpoint.behaviour = replying(200, FINE)
    for _ in range(3):
        simple.after(10)
    assert notices(simple) == ["trigger.blind", "trigger.sees"]


def test_a_trigger_that_is_changed_while_blind_acts_no_sooner_than_its_policy_says(
    simple: Tenant, endpoint: Endpoint
) -> None:
    watch(simple, (Lack.SOURCE_ERROR, Policy(Reaction.NOTIFY, 20)))
    endpoint.behaviour = replying(500)
    for _ in range(5):
        simple.after(10)
    acting = replace(simple.standing().trigger, policies={Lack.SOURCE_ERROR: Policy(Reaction.ACT, 20)})
    definition = Definition.of(replace(simple.standing(), trigger=acting))
    simple.parts.trigger_edits.change(simple.where(), definition, ADA, "it shall act", None)
    simple.after(10)
    assert simple.standing().state.phase is Phase.QUIET
    simple.after(10)
    assert simple.standing().state.phase is Phase.FIRING


@pytest.mark.parametrize("tier", ["T2", "T3"])
def test_that_nobody_has_it_yet_does_not_keep_a_feature_from_its_first_users(
    small: Tenant, endpoint: Endpoint, tier: str
) -> None:
    small.parts.sources.connect("acme", "metrics", "prometheus", {"url": endpoint.url}, ADA)
    small.feature(tier=tier)
    release = small.release()
    small.move("introduce", release=release)
    small.prove("evaluation-report", release)
    small.trigger(query={"measure": "unsupported"})
    small.clock.pass_(60)
    for _ in range(5):
        small.after(10)
    assert small.standing().verdict == "insufficient"
    assert [refusal.code for refusal in small.ask().refusals] == ["approvals_missing"]
    endpoint.behaviour = replying(500)
    small.trigger("outside", source="metrics", query={"value": "up"}, params={"limit": 0.5})
    for _ in range(4):
        small.after(10)
    with small.parts.database.read() as tx:
        found = locate(tx, small.where())
        standing = small.promotions.standing(tx, found, get_promotion(tx, found.id, 1))
    assert "trigger_blind" in [refusal.code for refusal in standing.refusals]
