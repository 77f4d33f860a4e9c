"""What the built-in source makes of many questions at once."""

from __future__ import annotations

from datetime import timedelta

from controller.sources import Question
from controller.sources.outcomes import Outcomes
from tests.conftest import START
from tests.controller.tenant import Tenant
from triggers import Status, Window

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
