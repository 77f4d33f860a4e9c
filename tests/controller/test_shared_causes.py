from __future__ import annotations

import json
import re

import pytest

from controller.errors import Conflict
from controller.store.releases import get_release
from controller.store.shared_incidents import SharedIncident
from stages import Mode
from tests.controller.tenant import ADA, Tenant
from tests.controller.watching import bad
from tests.endpoint import Behaviour, Call, serving
from triggers import Action, Baseline, Rung, Scope, TriggerClass

FEATURES = ("claims", "letters", "search")
LADDER = (Rung(Action.REVERT, 20), Rung(Action.DISABLE, 600))


def adopted(tenant: Tenant, feature: str, provider: str = "example", before: str = "example") -> str:
    """A feature in beta with a release to go back to; gives the one it serves."""
    tenant.feature(feature)
    for id, served in (("one", before), ("two", provider)):
        bundle = {"prompt": {"ref": f"git:a@{id}"}, "model": {"provider": served, "id": "large"}}
        release = tenant.parts.catalog.make_release("acme", feature, bundle, "", ADA)[0].public_id
        tenant.move("introduce", feature, release=release, share=5000 if id == "two" else None)
        if id == "one":
            tenant.ask(share=10_000, feature=feature)
    tenant.move("adopt", feature)
    return release


def watch(tenant: Tenant, *features: str, **rest: object) -> None:
    for feature in features:
        tenant.trigger("unsupported", *LADDER, feature=feature, **rest)
    tenant.evaluate()


def suffer(tenant: Tenant, *features: str, times: int = 3) -> None:
    for _ in range(times):
        for feature in features:
            tenant.report(5, feature, grounded=False)
        tenant.clock.pass_(10)
        while "lost" in tenant.evaluate():
            pass


def incidents(tenant: Tenant) -> list[SharedIncident]:
    return tenant.parts.shared_causes.of("acme", before=None, limit=10)


def verdict(tenant: Tenant, feature: str, release: str) -> str:
    with tenant.parts.database.read() as tx:
        id = tenant.ask_sql("SELECT id FROM features WHERE key = :key", key=feature)[0][0]
        return get_release(tx, id, release).verdict


def results(tenant: Tenant, feature: str) -> list[str]:
    return [one["result"] for reading in tenant.readings(feature=feature) for one in reading.due]


def test_when_three_features_of_one_provider_suffer_no_release_is_blamed_and_there_is_one_incident(
    tenant: Tenant,
) -> None:
    releases = {feature: adopted(tenant, feature) for feature in FEATURES}
    watch(tenant, *FEATURES)
    suffer(tenant, *FEATURES)
    for feature, release in releases.items():
        rollout = tenant.rollout(feature)
        assert (rollout.stable, rollout.mode) == (release, Mode.LIVE)
        assert rollout.holds == {"trigger:unsupported"}
        assert verdict(tenant, feature, release) == "unknown"
        assert results(tenant, feature)[0].startswith("held: shared cause: claims, letters, search began")
    [incident] = incidents(tenant)
    assert {member.feature for member in incident.members} == set(FEATURES)
    [(payload,)] = tenant.ask_sql("SELECT payload FROM outbox WHERE event = 'incident.shared'")
    assert json.loads(str(payload))["features"] == sorted(FEATURES)
    assert tenant.bad_rows() == []


def test_the_rest_of_the_ladder_goes_on(small: Tenant) -> None:
    for feature in FEATURES:
        adopted(small, feature)
    watch(small, *FEATURES)
    suffer(small, *FEATURES)
    suffer(small, *FEATURES, times=60)
    assert {small.rollout(feature).mode for feature in FEATURES} == {Mode.OFF}


def test_a_review_that_reviewers_have_no_time_for_is_not_made_up_for_by_a_hold(small: Tenant) -> None:
    for feature in FEATURES:
        adopted(small, feature)
    watch(small, *FEATURES[1:])
    small.parts.catalog.change_feature("acme", "claims", {"review_capacity_per_day": 1}, ADA, None)
    small.trigger("unsupported", Rung(Action.REVIEW), Rung(Action.REVERT, 60))
    small.evaluate()
    suffer(small, *FEATURES)
    review, revert, disable = results(small, "claims")
    assert review.startswith("impossible")
    assert revert.startswith("held")
    assert disable == "done"
    assert small.rollout("claims").mode is Mode.OFF


def test_two_features_may_suffer_by_chance(small: Tenant) -> None:
    for feature in FEATURES:
        adopted(small, feature)
    watch(small, *FEATURES)
    suffer(small, *FEATURES[:2])
    assert incidents(small) == []
    assert verdict(small, "claims", small.rollout("claims").stable or "") == "unknown"
    assert results(small, "claims") == ["done"]


def test_leaked_data_is_reverted_whosever_fault_it_is(small: Tenant) -> None:
    for feature in FEATURES:
        adopted(small, feature)
    watch(small, *FEATURES, trigger_class=TriggerClass.SENSITIVE_DATA)
    suffer(small, *FEATURES)
    assert incidents(small) == []
    assert results(small, "claims") == ["done"]


def test_going_back_to_another_provider_helps_and_blames_nobody(small: Tenant) -> None:
    release = adopted(small, "claims", before="other")
    for feature in FEATURES[1:]:
        adopted(small, feature)
    watch(small, *FEATURES)
    suffer(small, *FEATURES)
    assert results(small, "claims") == ["done"]
    assert small.rollout("claims").stable != release
    assert verdict(small, "claims", release) == "unknown"
    assert {member.feature for member in incidents(small)[0].members} == set(FEATURES)


def test_the_first_to_suffer_are_cleared_when_the_cause_is_known(tenant: Tenant) -> None:
    releases = {feature: adopted(tenant, feature) for feature in FEATURES}
    for feature in FEATURES:
        tenant.trigger("unsupported", Rung(Action.REVERT), feature=feature)
    tenant.evaluate()
    suffer(tenant, *FEATURES[:2], times=1)
    assert {verdict(tenant, feature, releases[feature]) for feature in FEATURES[:2]} == {"bad"}
    suffer(tenant, *FEATURES, times=1)
    assert {verdict(tenant, feature, releases[feature]) for feature in FEATURES} == {"unknown"}
    assert tenant.rollout("search").stable == releases["search"]
    assert {member.feature for member in incidents(tenant)[0].members} == set(FEATURES)
    assert tenant.bad_rows() == []


def test_it_is_over_when_nothing_fires_any_more_and_until_then_others_join(small: Tenant) -> None:
    for feature in (*FEATURES, "mail"):
        adopted(small, feature)
    watch(small, *FEATURES)
    suffer(small, *FEATURES)
    small.clock.pass_(3600)
    watch(small, "mail")
    suffer(small, "mail")
    assert results(small, "mail")[0].startswith("held")
    assert {member.feature for member in incidents(small)[0].members} == {*FEATURES, "mail"}
    small.parts.shared_causes.close_those_over()
    assert incidents(small)[0].closed_at is None
    for feature in (*FEATURES, "mail"):
        small.parts.trigger_edits.acknowledge(small.where(feature), "unsupported", ADA, "they are back")
    small.parts.shared_causes.close_those_over()
    assert incidents(small)[0].closed_by == "headgate"
    assert small.ask_sql("SELECT count(*) FROM outbox WHERE event = 'incident.shared_closed'") == [(1,)]


def test_a_person_closes_it_once(small: Tenant) -> None:
    for feature in FEATURES:
        adopted(small, feature)
    watch(small, *FEATURES)
    suffer(small, *FEATURES)
    [incident] = incidents(small)
    closed = small.parts.shared_causes.close("acme", incident.id, ADA, "they say it is fixed")
    assert (closed.closed_by, closed.resolution) == (ADA.name, "they say it is fixed")
    with pytest.raises(Conflict, match="closed it before"):
        small.parts.shared_causes.close("acme", incident.id, ADA, "again")


def test_a_candidate_whose_control_does_as_badly_is_not_to_blame(simple: Tenant) -> None:
    stable = simple.rollout().stable
    tried = simple.release("two")
    simple.move("introduce", release=tried, share=1000)
    simple.trigger("unsupported", Rung(Action.REVERT))
    simple.evaluate()
    simple.report(30, grounded=False, release=stable)
    bad(simple)
    assert simple.rollout().candidate == tried
    assert simple.rollout().holds == {"trigger:unsupported"}
    assert results(simple, "claims")[0].startswith(
        "held: shared cause: the stable release suffers too: 30 of 30"
    )
    assert incidents(simple) == []


def test_a_candidate_that_does_worse_than_its_control_is_dropped(simple: Tenant) -> None:
    tried = simple.release("two")
    simple.move("introduce", release=tried, share=1000)
    simple.trigger("unsupported", Rung(Action.REVERT))
    simple.evaluate()
    simple.report(30, grounded=True, release=simple.rollout().stable)
    simple.report(30, grounded=False, release=tried)
    bad(simple)
    assert simple.rollout().candidate is None


def by_release(bad: dict[str, int]) -> Behaviour:
    """A Prometheus in which so many of 40 answers of each release were bad."""

    def answer(call: Call) -> None:
        # Queries are asked together: each is a branch with a number of its own.
        result = []
        for place, branch in enumerate(
            re.findall(r"(bad|total)\{release=\"([\w-]+)\"\}", call.form["query"])
        ):
            kind, release = branch
            metric = {"headgate_q": str(place)} if "headgate_q" in call.form["query"] else {}
            result.append({"metric": metric, "value": [0, str(bad[release] if kind == "bad" else 40)]})
        body = {"status": "success", "data": {"resultType": "vector", "result": result}}
        call.reply(200, json.dumps(body).encode())

    return answer


QUERY = {"bad": 'bad{release="${release}"}[${window}]', "total": 'total{release="${release}"}[${window}]'}


@pytest.mark.parametrize(
    ("of_stable", "of_candidate", "baseline", "dropped"),
    [
        (20, 20, Baseline.NONE, False),
        (0, 20, Baseline.NONE, True),
        # Of two that are beyond the limit, the one that is beyond the other by the tolerance is to blame.
        (5, 40, Baseline.STABLE, True),
    ],
)
def test_the_control_is_asked_of_any_source_whose_query_names_the_release(
    simple: Tenant, of_stable: int, of_candidate: int, baseline: Baseline, dropped: bool
) -> None:
    tried, bad = simple.release("two"), {}
    simple.move("introduce", release=tried, share=1000)
    bad |= {str(simple.rollout().stable): of_stable, tried: of_candidate}
    with serving(by_release(bad)) as endpoint:
        simple.parts.sources.connect("acme", "metrics", "prometheus", {"url": endpoint.url}, ADA)
        known = {"source": "metrics", "query": QUERY, "scope": Scope.CANDIDATE, "baseline": baseline}
        simple.trigger("unsupported", Rung(Action.REVERT), **known)
        simple.after(70)
    assert (simple.rollout().candidate is None) is dropped
    if not dropped:
        assert simple.rollout().holds == {"trigger:unsupported"}
        assert "the stable release suffers too: 20 of 40" in results(simple, "claims")[-1]


def test_evidence_against_an_old_baseline_blames_no_candidate_whose_control_suffers_now(
    simple: Tenant,
) -> None:
    tried = simple.release("two")
    stable = str(simple.rollout().stable)
    simple.move("introduce", release=tried, share=1000)
    bad = {stable: 0, tried: 0}
    with serving(by_release(bad)) as endpoint:
        simple.parts.sources.connect("acme", "metrics", "prometheus", {"url": endpoint.url}, ADA)
        known = {"source": "metrics", "query": QUERY, "scope": Scope.CANDIDATE, "baseline": Baseline.STABLE}
        params = {"limit": 0.1, "baseline_min": 40}
        simple.trigger("unsupported", Rung(Action.REVERT), method="evidence", params=params, **known)
        simple.after(70)
        bad |= {stable: 30, tried: 30}
        for _ in range(3):
            simple.after(10)
    assert simple.rollout().candidate == tried
    assert simple.rollout().holds == {"trigger:unsupported"}


def test_a_control_that_cannot_be_read_keeps_nothing_from_going_down(simple: Tenant) -> None:
    tried = simple.release("two")
    simple.move("introduce", release=tried, share=1000)
    stable = str(simple.rollout().stable)
    answer = by_release({tried: 40, stable: 40})

    def half(call: Call) -> None:
        if stable in call.form["query"]:
            call.reply(500)
        else:
            answer(call)

    with serving(half) as endpoint:
        simple.parts.sources.connect("acme", "metrics", "prometheus", {"url": endpoint.url}, ADA)
        known = {"source": "metrics", "query": QUERY, "scope": Scope.CANDIDATE}
        simple.trigger("unsupported", Rung(Action.REVERT), **known)
        simple.after(70)
    assert simple.rollout().candidate is None
