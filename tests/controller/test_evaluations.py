from __future__ import annotations

import pytest

from controller.observability import SLOTS_MISSED
from stages import Mode, Refused, Stage
from tests.controller.tenant import ADA, Tenant
from tests.controller.watching import bad, candidate, good
from tests.endpoint import replying, serving
from triggers import Action, Arming, Baseline, Phase, Rung, Scope


def test_an_outage_neither_fires_nor_calms(simple: Tenant) -> None:
    one = b'{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}'
    with serving(replying(200, one)) as endpoint:
        simple.parts.sources.connect("acme", "metrics", "prometheus", {"url": endpoint.url}, ADA)
        simple.trigger(
            source="metrics", query={"value": "up"}, params={"limit": 0.5}, hold_s=30, clear_s=20, latch=False
        )
        simple.evaluate()
        for _ in range(3):
            assert simple.after(10) == ["done"]
        assert simple.standing().state.phase is Phase.PENDING
        endpoint.behaviour = replying(500)
        simple.after(10)
        assert (simple.standing().verdict, simple.standing().state.phase) == ("source_error", Phase.QUIET)
        assert simple.moves() == []
        endpoint.behaviour = replying(200, one)
        for _ in range(4):
            simple.after(10)
        assert [name for name, _ in simple.moves()] == ["review"]
        endpoint.behaviour = replying(500)
        for _ in range(20):
            simple.after(10)
        assert simple.standing().state.phase is Phase.FIRING
        assert [name for name, _ in simple.moves()] == ["review"]
        with pytest.raises(Refused):
            simple.move("resume")


def test_a_trigger_that_latches_fires_until_a_person_has_seen_to_it(simple: Tenant) -> None:
    simple.trigger("unsupported", Rung(Action.DISABLE), latch=True)
    simple.evaluate()
    bad(simple)
    simple.clock.pass_(60)
    good(simple, 10)
    assert simple.standing().state.phase is Phase.FIRING
    with pytest.raises(Refused, match="is firing"):
        simple.move("resume")
    seen = simple.parts.trigger_edits.acknowledge(simple.where(), "unsupported", ADA, "index cleaned")
    assert seen.state.phase is Phase.QUIET
    simple.move("resume")
    good(simple)
    assert simple.rollout().mode is Mode.LIVE
    assert [name for name, _ in simple.moves()] == ["disable"]
    acknowledged = simple.changes()[-2]
    assert (acknowledged.name, acknowledged.actor, acknowledged.reason) == (
        "trigger.acknowledge",
        ADA.name,
        "index cleaned",
    )
    [(told,)] = simple.ask_sql("SELECT payload FROM outbox WHERE event = 'trigger.cleared'")
    assert "acknowledged it: index cleaned" in told


def test_whoever_was_told_that_a_trigger_fires_hears_of_its_removal_and_nobody_else(simple: Tenant) -> None:
    simple.trigger("unsupported", Rung(Action.DISABLE), arming=Arming.SHADOW)
    simple.evaluate()
    bad(simple)
    simple.trigger("calm", Rung(Action.DISABLE), arming=Arming.SHADOW)
    simple.parts.trigger_edits.acknowledge(simple.where(), "calm", ADA, "seen")
    for key in ("unsupported", "calm"):
        simple.parts.trigger_edits.drop(simple.where(), key, ADA, "not needed")
    [(told,)] = simple.ask_sql("SELECT payload FROM outbox WHERE event = 'trigger.cleared'")
    assert '"unsupported"' in told
    assert "removed it: not needed" in told


def test_without_a_latch_good_readings_calm_it_and_the_feature_stays_where_it_is(watched: Tenant) -> None:
    bad(watched)
    watched.clock.pass_(60)
    good(watched)
    assert watched.standing().state.phase is Phase.QUIET
    assert watched.rollout().mode is Mode.REVIEW
    assert watched.ask_sql("SELECT count(*) FROM outbox WHERE event = 'trigger.cleared'") == [(1,)]
    watched.move("resume")


def test_evaluations_that_could_not_take_place_are_counted_and_not_made_up_for(simple: Tenant) -> None:
    simple.trigger()
    simple.evaluate()
    before = SLOTS_MISSED._value.get()
    simple.after(57)
    assert SLOTS_MISSED._value.get() == before + 4
    assert len(simple.readings()) == 2
    assert (simple.standing().due_at - simple.readings()[0].slot).total_seconds() == 60


def test_the_window_of_a_candidate_knows_its_release(simple: Tenant) -> None:
    tried = candidate(simple)
    simple.trigger(scope=Scope.CANDIDATE)
    simple.evaluate()
    simple.report(5, grounded=False)
    simple.report(5, grounded=True, release=tried)
    simple.after(10)
    assert (simple.readings()[-1].bad, simple.readings()[-1].total) == (0, 5)


def test_a_rollout_that_cannot_be_read_lets_its_triggers_rest(watched: Tenant) -> None:
    watched.sql("UPDATE rollouts SET mode = 'sideways'")
    assert watched.after(10) == ["broken"]
    assert watched.after(30) == []
    watched.sql("UPDATE rollouts SET mode = 'live'")
    assert watched.after(30) == ["done"]


def test_a_trigger_of_a_deleted_feature_is_not_evaluated(watched: Tenant) -> None:
    [mine] = [*watched.claims(), *(watched.clock.pass_(10) and watched.claims())]
    watched.move("demote", stage=Stage.READINESS)
    watched.parts.catalog.delete_feature("acme", "claims", "pruned", ADA)
    assert watched.parts.evaluations.evaluate(mine) == "broken"
    assert watched.ask_sql("SELECT count(*) FROM triggers") == [(0,)]


def test_more_than_a_column_holds_is_recorded_as_that_many(simple: Tenant) -> None:
    many = b'{"status":"success","data":{"resultType":"scalar","result":[1,"3e30"]}}'
    with serving(replying(200, many)) as endpoint:
        simple.parts.sources.connect("acme", "metrics", "prometheus", {"url": endpoint.url}, ADA)
        simple.trigger(source="metrics", query={"count": "up"}, params={"limit": 5})
        simple.evaluate()
        assert simple.after(10) == ["done"]
    assert simple.readings()[-1].bad == 2**63 - 1
    assert [name for name, _ in simple.moves()] == ["review"]


def test_counts_above_those_of_a_small_integer_are_recorded_on_postgresql_too(
    make_tenant, postgres_url: str
) -> None:
    tenant = make_tenant(postgres_url)
    tenant.beta()
    many = b'{"status":"success","data":{"resultType":"scalar","result":[1,"3000000000"]}}'
    with serving(replying(200, many)) as endpoint:
        tenant.parts.sources.connect("acme", "metrics", "prometheus", {"url": endpoint.url}, ADA)
        tenant.trigger(source="metrics", query={"bad": "a", "total": "b"})
        tenant.evaluate()
        assert tenant.after(10) == ["done"]
    assert tenant.readings()[-1].total == 3_000_000_000


@pytest.mark.parametrize("phase", ["never", "source_error", "late"])
def test_a_trigger_that_sees_nothing_refuses_a_promotion(simple: Tenant, phase: str) -> None:
    simple.trigger()
    if phase != "never":
        simple.evaluate()
        good(simple)
    if phase == "source_error":
        simple.sql("UPDATE sources SET kind = 'garbage'")
        simple.after(10)
    if phase == "late":
        simple.clock.pass_(70)
        simple.ask(Stage.PILOT)
        assert simple.rollout().stage is Stage.PILOT
        simple.clock.pass_(1)
    with pytest.raises(Refused) as refused:
        simple.ask(Stage.SCALED if phase == "late" else Stage.PILOT)
    stopped = ["evaluations_stopped"] if phase == "late" else []
    assert [refusal.code for refusal in refused.value.refusals] == [*stopped, "trigger_blind"]


def test_a_candidate_is_not_blamed_for_what_the_stable_release_does_too(simple: Tenant) -> None:
    simple.trigger(scope=Scope.CANDIDATE, baseline=Baseline.STABLE)
    bad(simple)
    assert (simple.standing().verdict, simple.moves()) == ("insufficient", [])
    stable, tried = simple.rollout().stable, candidate(simple)
    simple.after(10)
    for release in (stable, tried):
        simple.report(5, grounded=False, release=release)
    simple.after(10)
    assert (simple.standing().verdict, simple.moves()) == ("ok", [])
    simple.report(500, grounded=True, release=stable)
    simple.report(5, grounded=False, release=tried)
    simple.after(10)
    assert (simple.standing().verdict, simple.moves()) == ("breach", [("review", "trigger:unsupported")])
