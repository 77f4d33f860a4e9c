"""Many queries in one request, in front of servers that answer in unusual ways."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from controller.sources import Question
from controller.sources.prometheus import Prometheus
from tests.access import fresh_access
from tests.endpoint import Call, Endpoint, hanging, replying, serving
from triggers import Reading, Status, Window

PATIENT_S = 20.0
END = datetime(2026, 1, 2, 12, tzinfo=UTC)
WINDOW = Window(END - timedelta(minutes=5), END)
BRANCH = re.compile(r'label_replace\(\((.*?)\n\), "headgate_q", "([0-9]+)"', re.DOTALL)


def prometheus(url: str, **settings: object) -> Prometheus:
    return Prometheus.from_settings({"url": url, **settings}, fresh_access())


def values(*queries: str) -> list[Question]:
    return [Question({"value": query}, {}, WINDOW) for query in queries]


def read(endpoint: Endpoint, *queries: str) -> list[Reading]:
    return prometheus(endpoint.url).read_many(values(*queries), PATIENT_S)


def asked_together(call: Call) -> list[str]:
    return [query for query, _ in BRANCH.findall(call.form["query"])] or [call.form["query"]]


def series(call: Call) -> list[dict[str, object]]:
    """Each query is worth the number in its name, as ``m7`` is worth 7."""
    found = BRANCH.findall(call.form["query"]) or [(call.form["query"], "0")]
    return [
        {"metric": {"headgate_q": branch}, "value": [END.timestamp(), query.strip("mbad ")]}
        for query, branch in found
    ]


def answer(call: Call, status: int = 200, **more: object) -> None:
    body = {"status": "success", "data": {"resultType": "vector", "result": series(call)}, **more}
    call.reply(status, json.dumps(body).encode())


def refuse(call: Call, status: int, kind: str) -> None:
    body = {"status": "error", "errorType": kind, "error": "no"}
    call.reply(status, json.dumps(body).encode())


def spoiled_by(query: str, spoil: Callable[[Call], None]) -> Callable[[Call], None]:
    return lambda call: spoil(call) if query in asked_together(call) else answer(call)


def test_queries_about_one_moment_are_one_request() -> None:
    with serving(answer) as endpoint:
        readings = read(endpoint, "m1", "m2", "m3", "m1")
    assert [reading.value for reading in readings] == [1, 2, 3, 1]
    assert [reading.asked for reading in readings][1] == {"value": "m2"}
    (call,) = endpoint.calls
    assert asked_together(call) == ["m1", "m2", "m3"]
    assert float(call.form["time"]) == END.timestamp()


def test_each_moment_is_a_request_of_its_own() -> None:
    later = Window(WINDOW.start, END + timedelta(seconds=10))
    with serving(answer) as endpoint:
        source = prometheus(endpoint.url)
        readings = source.read_many([*values("m1", "m2"), Question({"value": "m3"}, {}, later)], PATIENT_S)
    assert [reading.value for reading in readings] == [1, 2, 3]
    assert [float(call.form["time"]) for call in endpoint.calls] == [END.timestamp(), END.timestamp() + 10]


def test_bad_and_total_go_together() -> None:
    with serving(answer) as endpoint:
        question = Question({"bad": "m1", "total": "m4"}, {}, WINDOW)
        (reading,) = prometheus(endpoint.url).read_many([question], PATIENT_S)
    assert (reading.bad, reading.total, len(endpoint.calls)) == (1, 4, 1)


def test_a_question_that_cannot_be_asked_does_not_keep_the_others_from_being_asked() -> None:
    with serving(answer) as endpoint:
        readings = read(endpoint, "m1", 'm{a="${nonsense}"}', "m3")
    assert [reading.value for reading in readings] == [1, None, 3]
    assert readings[1].status is Status.ERROR


@pytest.mark.parametrize(("status", "kind"), [(400, "bad_data"), (422, "execution"), (503, "timeout")])
def test_a_query_that_the_server_refuses_is_found_and_spoils_no_other(status: int, kind: str) -> None:
    names = [f"m{number}" for number in range(16)]
    with serving(spoiled_by("m5", lambda call: refuse(call, status, kind))) as endpoint:
        source = prometheus(endpoint.url)
        readings = source.read_many(values(*names), PATIENT_S)
        found_in = len(endpoint.calls)
        again = source.read_many(values(*names), PATIENT_S)
    for read_ in (readings, again):
        assert [reading.value for reading in read_] == [None if n == 5 else n for n in range(16)]
        assert kind in read_[5].message
    assert found_in == 9, "halving sixteen takes nine requests"
    assert len(endpoint.calls) - found_in == 2, "it is remembered, and asked alone from now on"


def test_a_warning_about_one_query_makes_only_that_one_partial() -> None:
    warn = spoiled_by("m2", lambda call: answer(call, warnings=["PromQL warning: bucket label (1:9)"]))
    with serving(warn) as endpoint:
        readings = read(endpoint, "m1", "m2", "m3", "m4")
    assert [reading.status for reading in readings] == [Status.OK, Status.PARTIAL, Status.OK, Status.OK]


def test_a_warning_about_a_store_makes_all_partial_and_is_not_asked_about_again() -> None:
    with serving(lambda call: answer(call, warnings=["no store matched"])) as endpoint:
        readings = read(endpoint, "m1", "m2")
    assert [(reading.status, reading.value) for reading in readings] == [
        (Status.PARTIAL, 1),
        (Status.PARTIAL, 2),
    ]
    assert len(endpoint.calls) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_trouble_is_asked_once(status: int) -> None:
    with serving(replying(status, b"oops", {"Retry-After": "7"})) as endpoint:
        readings = read(endpoint, "m1", "m2", "scalar(m)")
    assert [reading.status for reading in readings] == [Status.ERROR] * 3
    assert "asks to wait 7 s" in readings[0].message
    assert len(endpoint.calls) == 1


def test_a_server_that_hangs_is_asked_once_and_leaves_half_of_the_time() -> None:
    with serving(hanging) as endpoint:
        readings = prometheus(endpoint.url).read_many(values("m1", "m2"), 0.4)
    assert [reading.status for reading in readings] == [Status.ERROR] * 2
    assert len(endpoint.calls) == 1


def test_a_server_that_loses_the_labels_is_asked_one_by_one() -> None:
    def forgetful(call: Call) -> None:
        result = [{"metric": {}, "value": [END.timestamp(), "1"]}]
        body = {"status": "success", "data": {"resultType": "vector", "result": result}}
        call.reply(200, json.dumps(body).encode())

    with serving(forgetful) as endpoint:
        readings = read(endpoint, "m1", "m2")
    assert [reading.value for reading in readings] == [1, 1]
    assert len(endpoint.calls) == 3


def test_an_answer_that_is_too_large_is_asked_for_in_halves() -> None:
    def large(call: Call) -> None:
        call.reply(200, b" " * 2_000_000)

    with serving(spoiled_by("m3", large)) as endpoint:
        readings = read(endpoint, "m1", "m2", "m3", "m4")
    assert [reading.value for reading in readings] == [1, 2, None, 4]
    assert "more than" in readings[2].message
