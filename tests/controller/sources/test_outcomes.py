"""What the built-in source makes of many questions at once."""

from __future__ import annotations

from datetime import timedelta

from controller.sources import Question
from controller.sources.outcomes import Outcomes
from tests.conftest import START
from tests.controller.tenant import Tenant
from triggers import Reading, Status, Window

WINDOW = Window(START, START + timedelta(minutes=1))
VARIABLES = {"project": "acme", "environment": "production", "feature": "claims", "stage": "beta"}


def test_every_question_has_its_own_answer(tenant: Tenant) -> None:
    tenant.report(3, error=True, release="r-1")
    tenant.report(1, error=False, latency_ms=9000)
    tenant.report(4, "other", error=False)
    error = {"measure": "error"}
    empty = Window(START - timedelta(minutes=1), START)
    questions = [
        Question(error, VARIABLES, WINDOW),
        Question({"measure": "slow", "limit": "8000"}, VARIABLES, WINDOW),
        Question(error, {**VARIABLES, "release": "r-1"}, WINDOW),
        Question(error, {**VARIABLES, "feature": "other"}, WINDOW),
        Question({"measure": "nonsense"}, VARIABLES, WINDOW),
        Question(error, {"project": "acme"}, WINDOW),
        Question(error, {**VARIABLES, "environment": "nowhere"}, WINDOW),
        Question(error, VARIABLES, empty),
    ]
    source = Outcomes(tenant.parts.database)
    readings = source.read_many(questions, 5.0)
    assert [(each.status, each.bad, each.total) for each in readings] == [
        (Status.OK, 3, 4),
        (Status.OK, 1, 1),
        (Status.OK, 3, 3),
        (Status.OK, 0, 4),
        (Status.ERROR, None, None),
        (Status.ERROR, None, None),
        (Status.ERROR, None, None),
        (Status.NO_DATA, None, None),
    ]
    assert [each.asked for each in readings] == [question.query for question in questions]
    assert "environment" in readings[5].message
    assert "nowhere" in readings[6].message
    assert readings == [source.read(each.query, each.variables, each.window, 5.0) for each in questions]


SPEND = {"measure": "spend"}
MINUTE = timedelta(minutes=1)


def spent(tenant: Tenant, window: Window, **variables: str) -> Reading:
    return Outcomes(tenant.parts.database).read(SPEND, {**VARIABLES, **variables}, window, 5.0)


def test_what_answers_cost_is_added_up_of_those_that_say(tenant: Tenant) -> None:
    tenant.report(3, cost_usd=0.25, release="r-1")
    tenant.report(2, cost_usd=1.5)
    tenant.report(7, grounded=True)
    whole = spent(tenant, WINDOW)
    assert (whole.status, whole.value, whole.samples) == (Status.OK, 3.75, 5)
    assert whole.newest_sample_at == START
    assert spent(tenant, WINDOW, release="r-1").value == 0.75


def test_where_costs_are_told_a_time_without_answers_cost_nothing(tenant: Tenant) -> None:
    later = Window(START + 5 * MINUTE, START + 6 * MINUTE)
    assert spent(tenant, later).status is Status.NO_DATA
    tenant.report(1, cost_usd=2.0)
    silent = spent(tenant, later)
    assert (silent.status, silent.value, silent.newest_sample_at) == (Status.OK, 0, START)
    much_later = Window(START + timedelta(days=32), START + timedelta(days=33))
    assert spent(tenant, much_later).status is Status.NO_DATA
    assert spent(tenant, later, feature="other").status is Status.NO_DATA


def test_the_past_of_what_was_spent_is_the_same_asked_at_once_or_one_by_one(tenant: Tenant) -> None:
    tenant.report(2, cost_usd=1.0)
    tenant.clock.pass_(150)
    tenant.report(1, cost_usd=3.0)
    source = Outcomes(tenant.parts.database)
    touching = [Window(START + place * MINUTE, START + (place + 1) * MINUTE) for place in range(4)]
    assert [each.value for each in source.history(SPEND, VARIABLES, touching, 5.0)] == [2.0, 0.0, 3.0, 0.0]
    overlapping = [Window(each.start - 5 * MINUTE, each.end) for each in touching]
    asked = source.history(SPEND, VARIABLES, overlapping, 5.0)
    assert [each.value for each in asked] == [2.0, 2.0, 5.0, 5.0]
