from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.cases import Cases, measure, watch_of
from controller.errors import InvalidInput
from controller.rollouts import locate
from controller.store.columns import Broken
from controller.store.features import get_feature
from controller.store.projects import get_project
from stages import (
    UNPROTECTED,
    Autonomy,
    Case,
    Count,
    Goodness,
    Progress,
    Refused,
    Request,
    Rollout,
    Share,
    Stage,
    Watch,
    check_promotion,
)
from tests.controller.conftest import MakeTenant
from tests.controller.tenant import ADA, BOB, EVE, TRIGGER, Tenant
from triggers import Action, Arming, Rung

PLANS = """
requirements:
  owner: {gate: business_fit, title: Owner, artifact: record, fields: [owner]}
criteria:
  supported: {title: Supported answers, measure: unsupported, at_most: 0.1, min_samples: 5, window_days: 1}
  quick: {title: Quick answers, measure: slow, at_most: 0.1, limit: 800, window_days: 1}
  calm: {title: No automatic action, measure: automatic_actions, window_days: 1}
  worth: {title: Business metric, measure: business_metric}
tiers:
  T1: &plan
    pinned_models: true
    beta:
      ceiling: 10000
      start: 1000
      planned_days: 30
      exit_criteria: [supported, quick, calm, worth]
    pilot: {ceiling: 10000, start: 5000, planned_days: 30, min_samples: 3, approvals: 1, approver_groups: [risk]}
    scaled: {ceiling: 10000, start: 10000, planned_days: 30, min_samples: 3, approvals: 1}
  T2: *plan
  T3: *plan
"""
PINNED = "model-2026-01-01"
METRIC = {"name": "time saved", "unit": "h", "baseline": 1.0, "target": 3.0, "window_days": 30}
NOTIFY = Rung(Action.NOTIFY)


@pytest.fixture
def plans_file(tmp_path: Path) -> str:
    path = tmp_path / "plans.yaml"
    path.write_text(PLANS)
    return str(path)


@pytest.fixture
def beta(make_tenant: MakeTenant, database_url: str) -> Tenant:
    """A feature in beta, with a business metric."""
    tenant = make_tenant(database_url)
    described = {"name": "c", "risk_tier": "T1", "when_lost": "review", "business_metric": METRIC}
    tenant.parts.catalog.make_feature("acme", "claims", described, ADA)
    tenant.move("introduce", release=tenant.release(PINNED))
    tenant.ask()
    return tenant


def cases(tenant: Tenant) -> Cases:
    return tenant.parts.cases


def case(tenant: Tenant, stage: Stage = Stage.PILOT) -> Case:
    with tenant.parts.database.read() as tx:
        stored = locate(tx, tenant.where())
        return cases(tenant).case(tx, stored, Request(move="promote", stage=stage), ADA.name, tenant.clock())


def codes(tenant: Tenant, stage: Stage = Stage.PILOT) -> list[str]:
    with tenant.parts.database.read() as tx:
        plan = cases(tenant).plan_of(tx, locate(tx, tenant.where()))
    return [refusal.code for refusal in check_promotion(case(tenant, stage), plan, tenant.clock())]


def measured(tenant: Tenant) -> dict[str, Any]:
    with tenant.parts.database.read() as tx:
        stored = locate(tx, tenant.where())
        feature = get_feature(tx, get_project(tx, "acme").id, "claims")
        return measure(tx, stored, feature, cases(tenant).plan_of(tx, stored), tenant.clock())


def test_a_plan_is_tightened_by_the_project_and_capped_by_the_feature(beta: Tenant) -> None:
    tightening = {"tiers": {"T1": {"beta": {"ceiling": 4000}}}}
    beta.parts.governance.tighten("acme", tightening, ADA, "smaller")
    beta.sql("UPDATE features SET autonomy_cap = 'draft'")
    with beta.parts.database.read() as tx:
        stored = locate(tx, beta.where())
        plan = cases(beta).plan_of(tx, stored)
        assert set(cases(beta).requirements_of(tx, stored.project_id)) == {"owner"}
    assert (plan[Stage.BETA].ceiling, plan[Stage.BETA].autonomy) == (4000, Autonomy.DRAFT)


def test_an_environment_that_is_not_protected_asks_for_nothing(
    make_tenant: MakeTenant, sqlite_url: str
) -> None:
    tenant = make_tenant(sqlite_url, protected=False)
    tenant.feature()
    with tenant.parts.database.read() as tx:
        assert cases(tenant).plan_of(tx, locate(tx, tenant.where())) == UNPROTECTED.capped(Autonomy.EXECUTE)


@pytest.mark.parametrize("stored", ["{", "[]", "7", '{"tiers": {"T1": {"beta": {"luck": 1}}}}'])
def test_rules_that_cannot_be_used_keep_a_feature_from_going_up_and_never_from_going_down(
    beta: Tenant, stored: str
) -> None:
    beta.move("hold")
    beta.sql("UPDATE projects SET tightening = :stored", stored=stored)
    if stored != "[]":
        with pytest.raises(InvalidInput):
            beta.ask(Stage.PILOT)
        with pytest.raises(InvalidInput):
            beta.move("resume")
    for move in ("review", "disable", "demote"):
        beta.move(move, actor=TRIGGER)
    assert beta.rollout().stage is Stage.READINESS


def test_what_is_measured_of_the_present_stage_goes_by_criterion(beta: Tenant) -> None:
    assert measured(beta) == {"calm": Count(0)}
    release = beta.rollout().stable
    beta.report(3, release=release, grounded=True, latency_ms=700)
    beta.report(1, release=release, grounded=False, latency_ms=900)
    beta.report(2, release=release)
    beta.report(5, release="r-0123456789ab", grounded=False, latency_ms=900)
    beta.clock.pass_(1)
    assert measured(beta) == {"calm": Count(0), "supported": Share(1, 4), "quick": Share(1, 4)}
    beta.clock.pass_(86_400)
    assert measured(beta) == {"calm": Count(0)}


def test_answers_from_before_the_stage_count_for_nothing(make_tenant: MakeTenant, sqlite_url: str) -> None:
    tenant = make_tenant(sqlite_url)
    tenant.feature()
    release = tenant.release(PINNED)
    tenant.move("introduce", release=release)
    tenant.report(3, release=release, grounded=True)
    tenant.clock.pass_(1)
    assert measured(tenant) == {}
    assert case(tenant, Stage.BETA).answers == 0
    tenant.ask()
    assert case(tenant).answers == 0
    tenant.report(2, release=release, grounded=True)
    tenant.clock.pass_(1)
    assert case(tenant).answers == 2
    assert measured(tenant)["supported"] == Share(0, 2)


def test_moves_of_triggers_are_counted_and_those_of_people_are_not(beta: Tenant) -> None:
    beta.move("review", actor=TRIGGER)
    beta.move("resume")
    beta.move("review")
    assert measured(beta)["calm"] == Count(1)
    beta.clock.pass_(86_401)
    assert measured(beta)["calm"] == Count(0)


def test_the_business_metric_is_what_was_measured_last(beta: Tenant) -> None:
    at = beta.clock() - timedelta(days=1)
    for value, when in ((2.5, at), (1.1, at - timedelta(days=1))):
        beta.parts.evidence.measure("acme", "claims", value, when, "", ADA)
    progress = Progress(baseline=1.0, target=3.0, value=2.5, at=at, window_s=30 * 86_400)
    assert measured(beta)["worth"] == progress
    for garbage in ("{", "[]", "{}", '{"baseline": 1}'):
        beta.sql("UPDATE features SET business_metric = :garbage", garbage=garbage)
        assert "worth" not in measured(beta)


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ({"provider": "openai", "id": "gpt-4.1"}, "model_unpinned"),
        ({"provider": "openai", "id": "gpt-4-0613"}, "model_retired"),
        ({"provider": "openai", "id": "gpt-5-2025-08-07"}, "model_retires"),
    ],
)
def test_a_model_is_looked_at_wherever_it_would_serve(beta: Tenant, model: dict[str, str], code: str) -> None:
    bundle = {"prompt": {"ref": "git:a@1"}, "model": model}
    release = beta.parts.catalog.make_release("acme", "claims", bundle, "", ADA)[0].public_id
    with pytest.raises(Refused) as refused:
        beta.move("introduce", release=release, share=100)
    assert code in [refusal.code for refusal in refused.value.refusals]
    beta.sql("UPDATE rollouts SET stable = :release", release=release)
    assert code in codes(beta)


def test_a_release_that_is_known_to_be_bad_is_not_promoted_and_not_adopted(beta: Tenant) -> None:
    judge = beta.parts.catalog.judge_release
    other = beta.release("model-2026-02-02")
    beta.move("introduce", release=other, share=100)
    judge("acme", "claims", other, Goodness.BAD, "it lies", ADA)
    with pytest.raises(Refused) as refused:
        beta.move("adopt")
    assert [refusal.code for refusal in refused.value.refusals] == ["release_bad"]
    beta.move("revert")
    assert "release_bad" not in codes(beta)
    judge("acme", "claims", str(beta.rollout().stable), Goodness.BAD, "it lies too", ADA)
    assert case(beta).verdict is Goodness.BAD
    assert "release_bad" in codes(beta)


def test_whoever_approved_speaks_for_the_groups_he_belongs_to_now(beta: Tenant) -> None:
    for _ in range(60):
        beta.report(1, release=beta.rollout().stable, grounded=True, latency_ms=1)
    beta.parts.evidence.measure("acme", "claims", 2.5, beta.clock(), "", ADA)
    beta.clock.pass_(1)
    asked = beta.ask(Stage.PILOT)
    approved = beta.promotions.approve(beta.where(), asked.promotion.id, BOB)
    assert [refusal.message for refusal in approved.refusals] == [
        "nobody of the group risk has approved what is asked now"
    ]
    beta.parts.governance.set_group("acme", "risk", [EVE.name], ADA)
    assert beta.promotions.approve(beta.where(), asked.promotion.id, EVE).refusals == ()
    assert beta.rollout().stage is Stage.PILOT


def fires(tenant: Tenant) -> None:
    tenant.report(1, sensitive_data=True)
    tenant.after(10)


LEAKS: dict[str, Any] = {"query": {"measure": "sensitive_data"}, "method": "any_event", "params": {}}


@pytest.mark.parametrize(
    ("arming", "happens", "acts", "firing", "blind"),
    [
        (Arming.ACT, lambda _: None, True, False, True),
        (Arming.ACT, Tenant.evaluate, True, False, False),
        (Arming.HOLD, Tenant.evaluate, False, False, False),
        (Arming.ACT, fires, True, True, False),
        (Arming.HOLD, fires, False, True, False),
        (Arming.SHADOW, fires, False, False, False),
        (Arming.ACT, lambda tenant: (tenant.evaluate(), tenant.clock.pass_(69)), True, False, False),
        (Arming.ACT, lambda tenant: (tenant.evaluate(), tenant.clock.pass_(71)), True, False, True),
    ],
)
def test_a_trigger_is_seen_as_acting_firing_or_blind(
    beta: Tenant,
    arming: Arming,
    happens: Callable[[Tenant], object],
    acts: bool,
    firing: bool,
    blind: bool,
) -> None:
    beta.trigger("leaks", NOTIFY, arming=arming, **LEAKS)
    happens(beta)
    [watch] = case(beta).watches
    assert (watch.key, watch.acts, watch.firing, watch.blind) == ("leaks", acts, firing, blind)


def test_a_trigger_that_cannot_be_read_sees_nothing() -> None:
    now = datetime(2026, 11, 20, tzinfo=UTC)
    for stage in (Stage.READINESS, Stage.BETA):
        rollout = Rollout(feature="claims", environment="production", stage=stage, stage_since=now)
        watch = watch_of(Broken(1, "leaks", "garbage"), now, rollout)
        assert watch == Watch(key="leaks", version=0, acts=True, firing=False, blind=True)
