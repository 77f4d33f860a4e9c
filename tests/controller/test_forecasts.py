"""What would be noticed, and from which traffic that is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.forecasts import Forecast, Traffic
from controller.rollouts import locate
from stages import Stage
from tests.controller.climbing import Climber
from tests.controller.tenant import ADA, Tenant
from triggers import Action, Arming, Rung

PLAN = """
tiers:
  T1: &plan
    beta: {ceiling: 5000, start: 1000, planned_days: 1}
    pilot: {ceiling: 5000, start: 2000, planned_days: 2}
    scaled: {ceiling: 10000, start: 5000, planned_days: 2, approvals: 1}
  T2: *plan
  T3: *plan
"""
NOTIFY = Rung(Action.NOTIFY)


@pytest.fixture
def plans_file(tmp_path: Path) -> str:
    path = tmp_path / "plans.yaml"
    path.write_text(PLAN)
    return str(path)


def forecast(tenant: Tenant, stage: Stage = Stage.PILOT, **asked: int | None) -> Forecast:
    with tenant.parts.database.read() as tx:
        return tenant.parts.forecasts.forecast(tx, locate(tx, tenant.where()), stage, **asked)


def describe(tenant: Tenant, answers: int) -> None:
    tenant.sql("UPDATE features SET expected_daily_answers = :answers", answers=answers)


def test_without_any_traffic_nothing_is_told(small: Tenant) -> None:
    small.feature()
    small.trigger()
    found = forecast(small, Stage.BETA)
    assert (found.traffic, found.answers_per_hour, found.triggers) == (Traffic.UNKNOWN, None, ())
    assert found.sentences[0].startswith("unknown traffic")


def test_what_the_team_expects_is_scaled_to_the_share_of_the_stage(small: Tenant) -> None:
    small.feature()
    describe(small, 2400)
    found = forecast(small, Stage.BETA)
    assert (found.traffic, found.share, found.answers_per_hour) == (Traffic.EXPECTED, 1000, 10)
    assert forecast(small, Stage.BETA, share=5000).answers_per_hour == 50


def test_what_was_observed_goes_before_what_is_expected(tenant: Tenant) -> None:
    tenant.beta(share=1000)
    describe(tenant, 2400)
    tenant.clock.pass_(1800)
    tenant.report(40)
    assert forecast(tenant).traffic is Traffic.EXPECTED
    tenant.clock.pass_(1800)
    found = forecast(tenant)
    assert (found.traffic, found.share, found.answers_per_hour) == (Traffic.OBSERVED, 2000, 80)
    assert forecast(tenant, share=1000).answers_per_hour == 40


def test_nobody_observes_a_feature_that_nobody_gets_or_asks(small: Tenant) -> None:
    small.beta(share=1000)
    describe(small, 240)
    small.clock.pass_(7200)
    assert forecast(small).traffic is Traffic.EXPECTED
    small.report(10)
    small.clock.pass_(1)
    assert forecast(small).traffic is Traffic.OBSERVED
    small.move("narrow", exposure={"share": 0})
    assert forecast(small).traffic is Traffic.EXPECTED


def test_only_the_answers_of_the_last_days_are_looked_at(small: Tenant) -> None:
    small.beta(share=1000)
    small.clock.pass_(3600)
    small.report(700)
    small.clock.pass_(8 * 86_400)
    assert forecast(small).traffic is Traffic.UNKNOWN


def test_a_step_of_the_ramp_begins_the_observation_anew(small: Tenant) -> None:
    small.beta(share=1000)
    small.clock.pass_(7200)
    small.report(50)
    small.sql(
        "INSERT INTO ramps (rollout_id, state, why, started_by, step_since, credited_us, counted_at, held, approvals)"
        " SELECT id, 'off', '', 'user:ada', :now, 0, :now, 0, '[]' FROM rollouts",
        now=int(small.clock().timestamp() * 1_000_000),
    )
    assert forecast(small).traffic is Traffic.UNKNOWN


def test_whoever_asks_may_say_what_the_traffic_will_be(small: Tenant) -> None:
    small.feature()
    found = forecast(small, Stage.BETA, share=500, answers_per_day=240)
    assert (found.traffic, found.answers_per_hour, found.planned_s) == (Traffic.ASKED, 10, 86_400)


def test_what_never_notices_comes_first_and_then_the_slowest(small: Tenant) -> None:
    small.feature()
    small.trigger("quick", NOTIFY, params={"limit": 0.4}, window_s=86_400)
    small.trigger("never", NOTIFY, params={"limit": 0.1, "min_samples": 500})
    small.trigger("slow", NOTIFY, params={"limit": 0.1, "min_samples": 50}, window_s=86_400)
    small.trigger("shadow", NOTIFY, params={"limit": 0.4}, arming=Arming.SHADOW, window_s=86_400)
    small.trigger("unreadable", NOTIFY)
    small.sql("UPDATE triggers SET method = 'none' WHERE key = 'unreadable'")
    found = forecast(small, Stage.BETA, answers_per_day=2400)
    assert [each.trigger.key for each in found.triggers][:2] == ["never", "slow"]
    assert [sentence.split(":")[0] for sentence in found.sentences] == ["never", "slow", "quick"]
    within = [each.detection.within for each in found.triggers]
    assert within[0] == 0.0
    assert within[1] == pytest.approx(1.0)


def test_a_feature_that_nobody_watches_is_told_so(small: Tenant) -> None:
    small.feature()
    assert forecast(small, Stage.BETA, answers_per_day=1).sentences == (
        "no armed trigger would notice anything",
    )


def test_who_decides_about_a_promotion_sees_the_forecast_while_it_is_open(small: Tenant) -> None:
    climber = Climber(small)
    climber.enter(share=1000)
    describe(small, 2400)
    small.ask(Stage.PILOT)
    climber.watch(params={"limit": 0.1}, window_s=86_400)
    asked = small.ask(Stage.SCALED)
    assert asked.refusals[0].code == "approvals_missing"
    assert [sentence.split(":")[0] for sentence in asked.forecast] == ["errors"]
    with small.parts.database.read() as tx:
        again = small.parts.promotions.standing(tx, locate(tx, small.where()), asked.promotion)
    assert again.forecast == asked.forecast
    withdrawn = small.promotions.withdraw(small.where(), asked.promotion.id, ADA)
    assert withdrawn.forecast == ()


def test_a_trigger_notices_only_what_is_reported_of_the_answers(small: Tenant) -> None:
    small.beta("claims", 1000)
    small.trigger(
        "rejected",
        NOTIFY,
        query={"measure": "rejected"},
        params={"limit": 0.1, "min_samples": 5},
        window_s=7200,
    )
    small.trigger("unsupported", NOTIFY, params={"limit": 0.1, "min_samples": 5}, window_s=7200)
    small.trigger(
        "retiring", NOTIFY, source="records", query={"measure": "models_retiring"}, params={"limit": 0}
    )
    small.report(19, grounded=True)
    small.clock.pass_(1)
    assert " tell" not in "".join(forecast(small, answers_per_day=2400).sentences)
    small.report(1, grounded=True, review="accepted")
    small.clock.pass_(1)
    told = dict(sentence.split(": ", 1) for sentence in forecast(small, answers_per_day=2400).sentences)
    assert told["rejected"].endswith("100 answers an hour, of which 5% tell")
    assert told["unsupported"].endswith("100 answers an hour")
    assert told["retiring"] == "when it would fire cannot be told: it looks at records, not at answers"
