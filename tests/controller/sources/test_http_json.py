"""What is sent to a JSON API, and what its answers mean."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from controller.sources import BadQuery, Question
from controller.sources.http_json import HttpJson
from tests.access import fresh_access
from tests.endpoint import Call, Endpoint, replying, serving
from triggers import Reading, Status, Window

PATIENT_S = 20.0
END = datetime(2026, 1, 2, 12, tzinfo=UTC)
WINDOW = Window(END - timedelta(minutes=5), END)
VARIABLES = {"feature": 'claims/"assistant"?', "environment": "production", "release": "r-1"}


def source(endpoint: Endpoint) -> HttpJson:
    return HttpJson.from_settings({"url": endpoint.url + "/api/"}, fresh_access())


def read(body: bytes, query: dict[str, str]) -> Reading:
    with serving(replying(200, body)) as endpoint:
        return source(endpoint).read(query, VARIABLES, WINDOW, PATIENT_S)


def test_variables_cannot_leave_their_place_in_the_path() -> None:
    query = {"path": "/q/${feature}?from=${start}&to=${end_ms}&w=${window}", "count": "$.n"}
    with serving(replying(200, b'{"n": 3}')) as endpoint:
        reading = source(endpoint).read(query, VARIABLES, WINDOW, PATIENT_S)
        (call,) = endpoint.calls
    assert (reading.status, reading.bad) == (Status.OK, 3)
    place = "/api/q/claims%2F%22assistant%22%3F"
    assert (call.method, call.path) == (
        "GET",
        f"{place}?from=2026-01-02T11%3A55%3A00Z&to=1767355200000&w=300",
    )
    assert reading.asked["path"] == call.path.removeprefix("/api")


def test_variables_cannot_leave_their_place_in_the_body() -> None:
    body = '{"filter": {"feature": "f:${feature}"}, "to": "${end_s:number}", "at": "${end}"}'
    with serving(replying(200, b'{"n": 3}')) as endpoint:
        source(endpoint).read({"body": body, "count": "$.n"}, VARIABLES, WINDOW, PATIENT_S)
        (call,) = endpoint.calls
    assert call.method == "POST"
    assert call.headers["content-type"] == "application/json"
    assert json.loads(call.body) == {
        "filter": {"feature": f"f:{VARIABLES['feature']}"},
        "to": 1767355200,
        "at": "2026-01-02T12:00:00Z",
    }


def test_questions_with_one_request_share_it() -> None:
    def answer(call: Call) -> None:
        call.reply(200, b'{"bad": 1, "total": 4, "cost": "0.5"}')

    with serving(answer) as endpoint:
        asked = [{"path": "/q", "bad": "$.bad", "total": "$.total"}, {"path": "/q", "value": "$.cost"}]
        readings = source(endpoint).read_many(
            [Question(each, VARIABLES, WINDOW) for each in [*asked, {"path": "/r", "count": "$.bad"}]],
            PATIENT_S,
        )
        assert [call.path for call in endpoint.calls] == ["/api/q", "/api/r"]
    assert [(each.bad, each.total, each.value) for each in readings] == [
        (1, 4, None),
        (None, None, 0.5),
        (1, None, None),
    ]


@pytest.mark.parametrize("at", [b'"2026-01-02T11:59:00Z"', b'"2026-01-02T12:59:00+01:00"', b"1767355140"])
def test_the_time_of_the_newest_sample_is_read(at: bytes) -> None:
    reading = read(b'{"n": 1, "at": ' + at + b"}", {"count": "$.n", "newest": "$.at"})
    assert reading.newest_sample_at == END - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"n": true}', Status.INVALID),
        (b'{"n": [1]}', Status.INVALID),
        (b'{"n": "1_0"}', Status.INVALID),
        (b'{"n": -1}', Status.INVALID),
        (b'{"n": 1e300}', Status.OK),
        (b'{"m": 1}', Status.NO_DATA),
        (b'{"n": 1, "n": 2}', Status.ERROR),
        (b"7", Status.ERROR),
        (b'{"n": 1, "at": 1e30}', Status.OK),
    ],
)
def test_what_is_not_one_number_is_none(body: bytes, status: Status) -> None:
    assert read(body, {"count": "$.n"}).status is status


def test_a_time_that_is_none_makes_the_reading_invalid() -> None:
    assert read(b'{"n": 1, "at": 1e30}', {"count": "$.n", "newest": "$.at"}).status is Status.INVALID
    assert read(b'{"n": 1, "at": "noon"}', {"count": "$.n", "newest": "$.at"}).status is Status.INVALID


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ({"count": "n"}, "count"),
        ({"count": "$[?match(@.a, '(a+)+')]"}, "count"),
        ({"count": "$..a..b"}, "count"),
        ({"count": "$.n", "path": "q"}, "path"),
        ({"count": "$.n", "path": "@evil.example/"}, "path"),
        ({"count": "$.n", "path": "/q?${nonsense}"}, "path"),
        ({"count": "$.n", "path": "/q?${feature"}, "path"),
        ({"count": "$.n", "path": "/ü"}, "path"),
        ({"count": "$.n", "path": " "}, "path"),
        ({"count": "$.n", "body": '{"a": ${feature}}'}, "body"),
        ({"count": "$.n", "body": "[1"}, "body"),
        ({"count": "$.n", "body": "1"}, "body"),
        ({"count": "$.n", "body": '{"a": "' + "x" * 10_000 + '"}'}, "body"),
    ],
)
def test_a_query_that_cannot_be_used_is_refused_by_its_part(query: dict[str, str], part: str) -> None:
    made = HttpJson.from_settings({"url": "http://127.0.0.1"}, fresh_access())
    with pytest.raises(BadQuery) as bad:
        made.check_query(query)
    assert bad.value.field == part


@pytest.mark.parametrize("value", [".", ".."])
def test_a_value_of_dots_leads_nowhere_else(value: str) -> None:
    with serving(replying(200, b'{"n": 1}')) as endpoint:
        query = {"path": "/q/${feature}", "count": "$.n"}
        reading = source(endpoint).read(query, {"feature": value}, WINDOW, PATIENT_S)
        assert (reading.status, endpoint.calls) == (Status.ERROR, [])


def test_a_number_is_wanted_of_what_is_none() -> None:
    with serving(replying(200, b'{"n": 1}')) as endpoint:
        query = {"body": '{"f": "${feature:number}"}', "count": "$.n"}
        reading = source(endpoint).read(query, VARIABLES, WINDOW, PATIENT_S)
        assert "no whole number" in reading.message
        assert endpoint.calls == []
