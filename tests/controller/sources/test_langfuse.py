"""What is sent to Langfuse, and what its answers mean."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from controller.errors import BadSetting
from controller.sources import BadQuery, Question
from controller.sources.langfuse import Langfuse
from controller.sources.langfuse.source import MAX_FEATURES
from tests.access import fresh_access
from tests.endpoint import Call, Endpoint, replying, serving
from triggers import Status, Window

PATIENT_S = 20.0
END = datetime(2026, 1, 2, 12, tzinfo=UTC)
WINDOW = Window(END - timedelta(minutes=5), END)


def source(endpoint: Endpoint, **settings: str) -> Langfuse:
    return Langfuse.from_settings({"url": endpoint.url, **settings}, fresh_access())


def asked(call: Call) -> dict[str, Any]:
    query: dict[str, Any] = json.loads(parse_qs(urlsplit(call.path).query)["query"][0])
    return query


def answering(rows: Callable[[dict[str, Any]], list[dict[str, Any]]]) -> Callable[[Call], None]:
    return lambda call: call.reply(200, json.dumps({"data": rows(asked(call))}).encode())


def question(query: Mapping[str, str], feature: str = "claims", **more: str) -> Question:
    return Question(query, {"feature": feature, **more}, WINDOW)


def test_a_score_of_many_features_is_one_request() -> None:
    found = [
        {"traceName": "claims", "count_count": "20", "avg_value": 0.15},
        {"traceName": "search", "count_count": 10, "avg_value": 0},
        {"traceName": "unasked", "count_count": 10, "avg_value": 1},
    ]
    with serving(answering(lambda _: found)) as endpoint:
        features = ("claims", "search", "quiet")
        readings = source(endpoint, environment="prod").read_many(
            [question({"score": "unsupported"}, feature) for feature in features], PATIENT_S
        )
        (call,) = endpoint.calls
    assert [(each.status, each.bad, each.total) for each in readings] == [
        (Status.OK, 3, 20),
        (Status.OK, 0, 10),
        (Status.NO_DATA, None, None),
    ]
    query = asked(call)
    assert call.path.startswith("/api/public/v2/metrics?query=")
    assert query["view"] == "scores-boolean"
    assert query["dimensions"] == [{"field": "traceName"}]
    assert query["metrics"] == [
        {"measure": "count", "aggregation": "count"},
        {"measure": "value", "aggregation": "avg"},
    ]
    assert [(each["column"], each["value"]) for each in query["filters"]] == [
        ("traceName", ["claims", "quiet", "search"]),
        ("name", "unsupported"),
        ("environment", ["prod"]),
    ]
    assert (query["fromTimestamp"], query["toTimestamp"]) == ("2026-01-02T11:55:00Z", "2026-01-02T12:00:00Z")


def test_of_categories_the_bad_one_is_counted() -> None:
    found = [
        {"traceName": "claims", "traceRelease": release, "stringValue": value, "count_count": count}
        for release, value, count in (("r-1", "rejected", 3), ("r-1", "accepted", 7), ("r-2", "rejected", 50))
    ]
    with serving(answering(lambda _: found)) as endpoint:
        rejected = question({"score": "review", "bad": "rejected"}, release="r-1")
        (reading,) = source(endpoint).read_many([rejected], PATIENT_S)
        query = asked(endpoint.calls[0])
    assert (reading.bad, reading.total) == (3, 10)
    assert query["view"] == "scores-categorical"
    assert [each["field"] for each in query["dimensions"]] == ["traceName", "traceRelease", "stringValue"]


def test_latency_and_cost_are_values_with_their_samples() -> None:
    def rows(query: dict[str, Any]) -> list[dict[str, Any]]:
        name = "{aggregation}_{measure}".format(**query["metrics"][1])
        return [{"traceName": "claims", "release": "r-1", "count_count": "12", name: "3.5"}]

    with serving(answering(rows)) as endpoint:
        for query in ({"measure": "latency", "aggregation": "p95"}, {"score": "x", "aggregation": "avg"}):
            (reading,) = source(endpoint).read_many([question(query)], PATIENT_S)
            assert (reading.value, reading.samples) == (3.5, 12)
        of_release = question({"measure": "totalCost", "aggregation": "sum"}, release="r-1")
        assert source(endpoint).read_many([of_release], PATIENT_S)[0].value == 3.5
        assert asked(endpoint.calls[-1])["dimensions"][1] == {"field": "release"}


def test_where_there_is_no_version_2_version_1_is_asked_from_then_on() -> None:
    def old(call: Call) -> None:
        if "/v2/" in call.path:
            call.reply(404, b'{"message": "Not Found"}')
            return
        row = {"traceName": "claims", "traceRelease": "r-1", "count_count": 4, "avg_value": 0.5}
        call.reply(200, json.dumps({"data": [row]}).encode())

    with serving(old) as endpoint:
        langfuse = source(endpoint)
        for query in ({"score": "unsupported"}, {"score": "unsupported"}):
            (reading,) = langfuse.read_many([question(query, release="r-1")], PATIENT_S)
            assert (reading.bad, reading.total) == (2, 4)
        paths = [call.path.split("?")[0] for call in endpoint.calls]
        assert paths == ["/api/public/v2/metrics", "/api/public/metrics", "/api/public/metrics"]
        assert asked(endpoint.calls[-1])["view"] == "scores-numeric"
        assert "version 1" in langfuse.test(PATIENT_S).message


def test_very_many_features_are_several_requests() -> None:
    with serving(answering(lambda _: [])) as endpoint:
        features = [f"f-{n}" for n in range(2 * MAX_FEATURES + 1)]
        readings = source(endpoint).read_many(
            [question({"score": "x"}, each) for each in features], PATIENT_S
        )
        assert {each.status for each in readings} == {Status.NO_DATA}
        assert len(endpoint.calls) == 3


def test_an_answer_that_may_have_been_cut_off_is_asked_for_in_halves() -> None:
    def rows(query: dict[str, Any]) -> list[dict[str, Any]]:
        names = query["filters"][0]["value"]
        filler = 1000 if len(names) > 1 else 1
        return [{"traceName": name, "count_count": 2, "avg_value": 0.5} for name in names] + [{}] * filler

    with serving(answering(rows)) as endpoint:
        readings = source(endpoint).read_many(
            [question({"score": "x"}, each) for each in ("a", "b", "c")], PATIENT_S
        )
        assert [(each.status, each.bad) for each in readings] == [(Status.OK, 1)] * 3
        assert len(endpoint.calls) == 5


def test_what_langfuse_says_of_its_refusal_is_told() -> None:
    with serving(replying(400, b'{"message": "Invalid filter"}')) as endpoint:
        (reading,) = source(endpoint).read_many([question({"score": "x"})], PATIENT_S)
        assert reading.message == "HTTP 400: Invalid filter"


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ({"score": "x", "aggregation": "median"}, "aggregation"),
        ({"measure": "vibes", "aggregation": "avg"}, "measure"),
        ({"measure": "latency"}, "aggregation"),
        ({"score": "x", "bad": "y", "aggregation": "avg"}, "bad"),
        ({"score": ""}, "score"),
    ],
)
def test_a_query_that_cannot_be_used_is_refused_by_its_part(query: dict[str, str], part: str) -> None:
    made = Langfuse.from_settings({"url": "http://127.0.0.1"}, fresh_access())
    with pytest.raises(BadQuery) as bad:
        made.check_query(query)
    assert bad.value.field == part


def test_a_dimension_is_a_word() -> None:
    with pytest.raises(BadSetting, match="feature"):
        Langfuse.from_settings({"url": "http://127.0.0.1", "feature": "a b"}, fresh_access())


def test_a_question_about_no_feature_is_an_error() -> None:
    made = Langfuse.from_settings({"url": "http://127.0.0.1"}, fresh_access())
    assert made.read({"score": "x"}, {}, WINDOW, PATIENT_S).status is Status.ERROR
