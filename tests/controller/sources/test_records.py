from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from controller.model_calendar import ModelCalendar
from controller.rollouts import locate
from controller.sources import BadQuery, BadSetting
from controller.sources.records import Records
from controller.store.measurements import add_measurement
from stages import Calendar, Gate, Missed, ModelEnd, Requirement
from tests.access import ACCESS
from tests.conftest import START
from tests.controller.tenant import Tenant
from triggers import Reading, Status, Window


def ask(tenant: Tenant, measure: str, days: float = 0, *ends: ModelEnd) -> Reading:
    source = Records(
        tenant.parts.database, ModelCalendar(Calendar(ends), {}, tenant.clock), tenant.parts.cases.needs_of
    )
    variables = {"project": "acme", "environment": "production", "feature": "claims"}
    now = tenant.clock()
    query = {"measure": measure, **({"limit": f"{days:g}"} if days else {})}
    return source.read(query, variables, Window(now - timedelta(minutes=5), now), 5.0)


def test_it_has_no_settings() -> None:
    with pytest.raises(BadSetting, match="has no settings"):
        Records.from_settings({"url": "x"}, ACCESS)
    assert Records.from_settings({}, ACCESS).kind == "records"


@pytest.mark.parametrize(
    "query",
    [
        {"measure": "moons"},
        {"measure": "models_retiring", "limit": "soon"},
        {"measure": "review_load", "limit": "1"},
    ],
)
def test_what_it_does_not_count_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(BadQuery):
        Records.from_settings({}, ACCESS).check_query(query)


def test_a_model_that_ends_within_the_days_is_counted(tenant: Tenant) -> None:
    tenant.beta()
    end = ModelEnd("example", "one", START.date() + timedelta(days=20))
    assert (ask(tenant, "models_retiring", 30, end).bad, ask(tenant, "models_retiring", 10, end).bad) == (
        1,
        0,
    )
    assert ask(tenant, "models_retiring", 30, end).total == 1


def test_a_model_that_has_ended_is_counted(tenant: Tenant) -> None:
    tenant.beta()
    assert ask(tenant, "models_retiring", 0, ModelEnd("example", "one", date(2026, 1, 1))).bad == 1


def test_a_candidates_model_counts_too(tenant: Tenant) -> None:
    tenant.beta()
    tenant.move("introduce", release=tenant.release("two"), share=100)
    reading = ask(tenant, "models_retiring", 30, ModelEnd("example", "two", START.date()))
    assert (reading.bad, reading.total) == (1, 2)


def test_without_a_release_it_cannot_be_told(tenant: Tenant) -> None:
    tenant.feature()
    assert ask(tenant, "models_retiring").status is Status.NO_DATA
    assert ask(tenant, "evidence_expired").status is Status.NO_DATA


def test_of_each_requirement_the_newest_evidence_decides(tenant: Tenant) -> None:
    tenant.feature()
    tenant.prove("runbook", expires_at=START + timedelta(days=1))
    assert (ask(tenant, "evidence_expired").bad, ask(tenant, "evidence_expired", 2).bad) == (0, 1)
    tenant.clock.pass_(2 * 86_400)
    assert ask(tenant, "evidence_expired").bad == 1
    tenant.prove("runbook")
    reading = ask(tenant, "evidence_expired")
    assert (reading.bad, reading.total) == (0, 1)


def test_evidence_ends_by_the_age_that_the_plan_of_the_stage_allows(tenant: Tenant) -> None:
    tenant.feature()
    tenant.prove("runbook")
    runbook = Requirement(key="runbook", gate=Gate.OPERATIONS, title="Runbook", valid_s=30 * 86_400)
    assert expired(tenant, runbook, 29) == (Status.OK, 0)
    assert expired(tenant, runbook, 30) == (Status.OK, 1)
    tenant.clock.pass_(30 * 86_400 - 1)
    assert expired(tenant, runbook) == (Status.OK, 0)
    tenant.clock.pass_(1)
    assert expired(tenant, runbook) == (Status.OK, 1)
    assert expired(tenant, replace(runbook, missed=Missed.REMIND))[0] is Status.NO_DATA


def expired(tenant: Tenant, need: Requirement, days: float = 0) -> tuple[Status, float | None]:
    """What is told where the stage asks for one requirement."""
    calendar = ModelCalendar(Calendar(), {}, tenant.clock)
    source = Records(tenant.parts.database, calendar, lambda _tx, _stored: {need.key: need})
    variables = {"project": "acme", "environment": "production", "feature": "claims"}
    query = {"measure": "evidence_expired", "limit": f"{days:g}"}
    now = tenant.clock()
    reading = source.read(query, variables, Window(now - timedelta(minutes=5), now), 5.0)
    return reading.status, reading.bad


def test_what_a_stage_asks_for_is_what_ages(small: Tenant) -> None:
    small.feature("claims", "T2")
    with small.parts.database.read() as tx:
        stored = locate(tx, small.where())
        assert [*small.parts.cases.needs_of(tx, stored)] == ["evaluation-report"]


def test_a_feature_that_is_gone_is_an_error_and_no_health(tenant: Tenant) -> None:
    assert ask(tenant, "evidence_expired").status is Status.ERROR


def test_the_review_load_is_told_in_parts_of_what_reviewers_can_look_at(tenant: Tenant) -> None:
    tenant.beta()
    assert "does not say" in ask(tenant, "review_load").message
    tenant.sql("UPDATE features SET review_capacity_per_day = 20")
    tenant.report(30, mode="review")
    tenant.report(50, mode="live")
    tenant.clock.pass_(86_400 - 60)
    assert ask(tenant, "review_load").value == 1.5
    tenant.clock.pass_(86_400)
    assert ask(tenant, "review_load").value == 0


def test_a_business_metric_no_better_than_its_baseline_is_behind(tenant: Tenant) -> None:
    tenant.beta()
    assert ask(tenant, "business_metric_behind").status is Status.NO_DATA
    measure(tenant, 95)
    assert ask(tenant, "business_metric_behind").bad == 0
    measure(tenant, 100)
    assert (ask(tenant, "business_metric_behind").bad, ask(tenant, "business_metric_behind").total) == (1, 1)
    tenant.clock.pass_(40 * 86_400)
    assert "too long ago" in ask(tenant, "business_metric_behind").message


def measure(tenant: Tenant, value: float) -> None:
    """Measure minutes per claim, which were 100 and shall be 80."""
    metric = '{"name": "minutes", "baseline": 100, "target": 80, "window_days": 30}'
    tenant.sql(f"UPDATE features SET business_metric = '{metric}'")
    now = tenant.clock.pass_(1)
    values = {"note": "", "reported_by": "key:ada", "reported_at": now, "at": now}
    with tenant.parts.database.write() as tx:
        add_measurement(tx, feature_id=1, value=value, **values)
