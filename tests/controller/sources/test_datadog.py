"""What is sent to Datadog, and what its answers mean."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from controller.errors import BadSetting
from controller.secrets import Secrets
from controller.sources import BadQuery, Question
from controller.sources.datadog import MAX_QUERIES, Datadog
from tests.access import fresh_access
from tests.endpoint import Call, Endpoint, serving
from triggers import Status, Window

PATIENT_S = 20.0
END = datetime(2026, 1, 2, 12, tzinfo=UTC)
WINDOW = Window(END - timedelta(minutes=5), END)
KEYS = {"api_key": "env:API", "application_key": "env:APP"}


def source(endpoint: Endpoint) -> Datadog:
    secrets = Secrets(
        {f"HEADGATE_SECRET_{key}": f"{endpoint.url} the-secret-{key}" for key in ("API", "APP")}
    )
    return Datadog.from_settings({"url": endpoint.url, **KEYS}, fresh_access(secrets=secrets))


def counting(call: Call) -> None:
    """Each query is worth the number in its last character; one about ``wrong`` is refused."""
    asked = json.loads(call.body)["data"]["attributes"]["queries"]
    if any("wrong" in each["query"] for each in asked):
        call.reply(400, json.dumps({"errors": ["Error parsing query: wrong"]}).encode())
        return
    columns = [{"name": each["name"], "type": "number", "values": [int(each["query"][-1])]} for each in asked]
    call.reply(200, json.dumps({"data": {"attributes": {"columns": columns}}}).encode())


def test_many_queries_are_one_request_with_both_keys() -> None:
    questions = [
        Question(
            {"bad": "sum:bad{f:${feature}}1", "total": "sum:all{f:${feature}}5"}, {"feature": "a"}, WINDOW
        ),
        Question({"value": "avg:cost{f:${feature}}3"}, {"feature": "b"}, WINDOW),
        Question({"value": "avg:cost{*}4", "aggregator": "max"}, {}, WINDOW),
    ]
    with serving(counting) as endpoint:
        readings = source(endpoint).read_many(questions, PATIENT_S)
        (call,) = endpoint.calls
    assert [(each.bad, each.total, each.value) for each in readings] == [
        (1, 5, None),
        (None, None, 3),
        (None, None, 4),
    ]
    assert (call.method, call.path) == ("POST", "/api/v2/query/scalar")
    assert (call.headers["dd-api-key"], call.headers["dd-application-key"]) == (
        "the-secret-API",
        "the-secret-APP",
    )
    attributes = json.loads(call.body)["data"]["attributes"]
    assert (attributes["from"], attributes["to"]) == (1767354900000, 1767355200000)
    assert [(each["aggregator"], each["query"]) for each in attributes["queries"]] == [
        ("sum", "sum:bad{f:a}1"),
        ("sum", "sum:all{f:a}5"),
        ("avg", "avg:cost{f:b}3"),
        ("max", "avg:cost{*}4"),
    ]


def test_a_wrong_query_spoils_no_other() -> None:
    queries = [f"sum:m{{q:{'wrong' if n == 3 else n}}}{n}" for n in range(8)]
    with serving(counting) as endpoint:
        readings = source(endpoint).read_many(
            [Question({"count": q}, {}, WINDOW) for q in queries], PATIENT_S
        )
    assert [each.bad for each in readings] == [0, 1, 2, None, 4, 5, 6, 7]
    assert "Error parsing query" in readings[3].message


def test_very_many_queries_are_several_requests() -> None:
    queries = [f"sum:m{{q:{n}}}1" for n in range(2 * MAX_QUERIES + 1)]
    with serving(counting) as endpoint:
        source(endpoint).read_many([Question({"count": query}, {}, WINDOW) for query in queries], PATIENT_S)
        assert len(endpoint.calls) == 3


@pytest.mark.parametrize("feature", ["a} by {host", "a,b:c", "a b", "ü", ""])
def test_a_value_cannot_leave_its_tag(feature: str) -> None:
    with serving(counting) as endpoint:
        reading = source(endpoint).read(
            {"count": "sum:m{f:${feature}}1"}, {"feature": feature}, WINDOW, PATIENT_S
        )
        assert (reading.status, endpoint.calls) == (Status.ERROR, [])


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"site": "evil/x"}, "site"),
        ({"site": "datadoghq.eu"}, "api_key"),
        ({"auth": {"scheme": "none"}}, "auth"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(settings: dict[str, object], field: str) -> None:
    with pytest.raises(BadSetting) as bad:
        Datadog.from_settings({**KEYS, **settings}, fresh_access())
    assert bad.value.field == field


def test_an_unknown_way_to_one_number_is_refused() -> None:
    with serving(counting) as endpoint, pytest.raises(BadQuery, match="aggregator"):
        source(endpoint).check_query({"value": "avg:m{*}", "aggregator": "median"})
