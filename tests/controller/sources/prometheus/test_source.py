from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.secrets import Secrets
from controller.sources import BadQuery, BadSetting, Question
from controller.sources.prometheus import Prometheus
from controller.sources.wording import MAX_MESSAGE, one_line
from tests.access import fresh_access
from tests.endpoint import Call, Endpoint, closed_port, replying, serving
from triggers import Reading, Status, Window

PATIENT_S = 20.0
END = datetime(2026, 1, 2, 12, tzinfo=UTC)
WINDOW = Window(END - timedelta(minutes=5), END)


def prometheus(url: str, **settings: object) -> Prometheus:
    return Prometheus.from_settings({"url": url, **settings}, fresh_access())


def sample(value: str) -> list[object]:
    return [END.timestamp(), value]


def success(kind: str, result: object, **more: object) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}, **more}).encode()


def vector(*values: str, **more: object) -> bytes:
    return success(
        "vector", [{"metric": {"i": str(i)}, "value": sample(v)} for i, v in enumerate(values)], **more
    )


def by_query(answers: Mapping[str, bytes]) -> Callable[[Call], None]:
    """Answer each query with its own body."""
    return lambda call: call.reply(200, answers[call.form["query"]])


def read(endpoint: Endpoint, query: Mapping[str, str], **variables: str) -> Reading:
    return prometheus(endpoint.url).read(query, variables, WINDOW, PATIENT_S)


def read_body(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Reading:
    with serving(replying(status, body, headers)) as endpoint:
        return read(endpoint, {"value": "x"})


# What is sent.


def test_every_query_is_about_the_end_of_the_window() -> None:
    source_settings = {"headers": {"X-Scope-OrgID": "acme"}, "params": {"dedup": "true"}}
    with serving(replying(200, vector("1"))) as endpoint:
        source = Prometheus.from_settings({"url": endpoint.url + "/prom/", **source_settings}, fresh_access())
        query = {"bad": 'sum(increase(b{f="${feature}"}[${window}]))', "total": "t"}
        reading = source.read(query, {"feature": 'a"b'}, WINDOW, PATIENT_S)
    first, second = endpoint.calls
    assert (first.method, first.path) == ("POST", "/prom/api/v1/query")
    assert first.form["query"] == 'sum(increase(b{f="a\\"b"}[300s]))'
    assert second.form["query"] == "t"
    for call in endpoint.calls:
        assert float(call.form["time"]) == END.timestamp()
        assert call.form["dedup"] == "true"
        assert call.headers["x-scope-orgid"] == "acme"
        assert 0 < int(call.form["timeout"].removesuffix("ms")) < PATIENT_S * 1000
    assert reading.asked == {"bad": 'sum(increase(b{f="a\\"b"}[300s]))', "total": "t"}


def test_the_second_query_has_only_the_time_that_the_first_has_left() -> None:
    moments = iter([100.0, 100.0, 104.0])
    with serving(replying(200, vector("1"))) as endpoint:
        source = prometheus(endpoint.url)
        source.clock = lambda: next(moments)
        source.read({"bad": "b", "total": "t"}, {}, WINDOW, 10.0)
    assert [call.form["timeout"] for call in endpoint.calls] == ["9000ms", "5400ms"]


def test_after_an_error_nothing_more_is_asked() -> None:
    with serving(replying(503)) as endpoint:
        reading = read(endpoint, {"bad": "b", "total": "t"})
    assert len(endpoint.calls) == 1
    assert reading.status is Status.ERROR
    assert reading.asked == {"bad": "b", "total": "t"}


# What one answer means.


def test_bad_and_total_make_a_ratio() -> None:
    with serving(by_query({"b": vector("2.9999"), "t": success("scalar", sample("10"))})) as endpoint:
        reading = read(endpoint, {"bad": "b", "total": "t"})
    assert (reading.status, reading.bad, reading.total) == (Status.OK, 3, 10)


def test_a_count_and_a_value_with_samples_are_read() -> None:
    with serving(by_query({"c": vector("4"), "v": vector("-1.5e-3"), "n": vector("20")})) as endpoint:
        assert read(endpoint, {"count": "c"}).bad == 4
        assert read(endpoint, {"value": "v"}).value == -0.0015
        assert read(endpoint, {"value": "v"}).samples is None
        assert read(endpoint, {"value": "v", "samples": "n"}).samples == 20


def test_more_bad_than_total_is_invalid() -> None:
    with serving(by_query({"b": vector("3"), "t": vector("2")})) as endpoint:
        assert read(endpoint, {"bad": "b", "total": "t"}).status is Status.INVALID


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (success("vector", []), "value: no series matches"),
    ],
)
def test_an_empty_vector_is_no_data(body: bytes, message: str) -> None:
    reading = read_body(body)
    assert (reading.status, reading.message, reading.value) == (Status.NO_DATA, message, None)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (vector("NaN"), "the answer is NaN"),
        (vector("+Inf"), "the answer is +Inf"),
        (vector("-Inf"), "the answer is -Inf"),
        (vector("1e400"), "the answer is 1e400"),
        (success("scalar", sample("NaN")), "the answer is NaN"),
        (vector("1", "2"), "2 series match"),
        (success("string", sample("text")), "the answer is a string"),
        (success("matrix", []), "the answer is a matrix"),
        (success("vector", [{"metric": {}, "histogram": [1, {"count": "1"}]}]), "native histogram"),
    ],
)
def test_what_is_not_one_finite_number_is_invalid(body: bytes, message: str) -> None:
    reading = read_body(body)
    assert (reading.status, reading.value) == (Status.INVALID, None)
    assert message in reading.message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"status": "success"}',
        b'{"status": "success", "data": null}',
        b'{"status": "success", "data": []}',
        b'{"status": "success", "data": {"resultType": "vector", "result": NaN}}',
        b"[" * 100_000,
        success("vector", None),
        success("vector", {}),
        success("vector", ["x"]),
        success("vector", [{"metric": {}}]),
        success("vector", [{"value": [1]}]),
        success("vector", [{"value": [1, 2]}]),
        success("vector", [{"value": ["1", "2"]}]),
        success("vector", [{"value": {"0": 1}}]),
        success("vector", [{"value": [1, "2", 3]}]),
        success("vector", [{"value": [1, "1_000"]}]),
        success("vector", [{"value": [1, " 1"]}]),
        success("vector", [{"value": [1, "nan"]}]),
        success("vector", [{"value": [1, "infinity"]}]),
        success("vector", [{"value": [1, ""]}]),
        success("scalar", "1"),
        success("table", []),
        vector("1", warnings="x"),
        vector("1", warnings=[1]),
        vector("1").replace(b'"success"', b'"fine"'),
        b"\xff\xfe",
    ],
)
def test_an_answer_in_another_format_is_an_error(body: bytes) -> None:
    reading = read_body(body)
    assert (reading.status, reading.value) == (Status.ERROR, None)
    assert reading.message.startswith("value: ")


JSONS: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.sampled_from(["vector", "success", "1", "NaN"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["status", "data", "resultType", "result", "value", "warnings"]), inner
        )
    ),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(JSONS, JSONS)
def test_whatever_json_comes_back_is_a_reading(endpoint: Endpoint, anything: Any, result: Any) -> None:
    for body in (anything, {"status": "success", "data": {"resultType": "vector", "result": [result]}}):
        endpoint.behaviour = replying(200, json.dumps(body).encode())
        assert read(endpoint, {"value": "x"}).status in Status


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving(replying(200)) as running:
        yield running


def test_warnings_make_a_reading_partial_and_keep_its_numbers() -> None:
    answers = {"b": vector("3", warnings=["store a\nis away"]), "t": vector("10", warnings=["store b"])}
    with serving(by_query(answers)) as endpoint:
        reading = read(endpoint, {"bad": "b", "total": "t"})
    assert (reading.status, reading.bad, reading.total) == (Status.PARTIAL, 3, 10)
    assert reading.warnings == ("store a is away", "store b")


def test_an_empty_list_of_warnings_is_none() -> None:
    assert read_body(vector("1", warnings=[], infos=["metric might not be a counter"])).status is Status.OK


def test_no_data_with_warnings_is_still_no_data() -> None:
    reading = read_body(success("vector", [], warnings=["store a is away"]))
    assert (reading.status, reading.warnings) == (Status.NO_DATA, ("store a is away",))


@pytest.mark.parametrize(
    ("bad", "total", "status", "part"),
    [
        (success("vector", []), vector("1"), Status.NO_DATA, "bad"),
        (vector("1"), success("vector", []), Status.NO_DATA, "total"),
        (vector("NaN"), success("vector", []), Status.INVALID, "bad"),
        (success("vector", []), vector("NaN"), Status.INVALID, "total"),
        (success("vector", []), b"", Status.ERROR, "total"),
        (vector("1", warnings=["w"]), vector("NaN"), Status.INVALID, "total"),
        (b"", vector("NaN"), Status.ERROR, "bad"),
    ],
)
def test_the_worse_part_decides_and_is_named(bad: bytes, total: bytes, status: Status, part: str) -> None:
    with serving(by_query({"b": bad, "t": total})) as endpoint:
        reading = read(endpoint, {"bad": "b", "total": "t"})
    assert reading.status is status
    assert reading.message.startswith(f"{part}: ")
    assert (reading.bad, reading.total) == (None, None)


# What a refusal means.


def test_an_error_of_the_server_is_told_with_its_type_and_message() -> None:
    body = json.dumps(
        {"status": "error", "errorType": "bad_data", "error": "parse error\nat 1:2\x1b[0m"}
    ).encode()
    reading = read_body(body, 400)
    assert (reading.status, reading.message) == (
        Status.ERROR,
        "value: HTTP 400 bad_data: parse error at 1:2 [0m",
    )
    assert read_body(body, 200).status is Status.ERROR


@pytest.mark.parametrize("status", [201, 204, 400, 401, 403, 404, 422, 429, 500, 502, 503, 599])
def test_another_status_is_an_error_whatever_the_body_says(status: int) -> None:
    reading = read_body(vector("1") if status != 204 else b"", status)
    why = ": the source does not accept the credentials" if status in (401, 403) else ""
    assert (reading.status, reading.message) == (Status.ERROR, f"value: HTTP {status}{why}")


def test_a_page_that_is_not_from_prometheus_is_not_repeated() -> None:
    reading = read_body(b"<html>internal secret", 502)
    assert reading.message == "value: HTTP 502"


def test_how_long_a_busy_server_asks_to_wait_is_told() -> None:
    begun, over = "Wed, 21 Oct 2026 07:27:30 GMT", "Wed, 21 Oct 2026 07:28:00 GMT"
    for headers in ({"Retry-After": "30"}, {"Retry-After": over, "Date": begun}):
        assert read_body(b"", 429, headers).message == "value: HTTP 429 (asks to wait 30 s)"
    assert read_body(b"", 429, {"Retry-After": "soon <b>"}).message == "value: HTTP 429"


def test_messages_are_short_and_on_one_line() -> None:
    body = json.dumps({"status": "error", "errorType": "execution", "error": "many\n words " * 1000}).encode()
    message = read_body(body, 422).message
    assert len(message) <= MAX_MESSAGE
    assert message.isprintable()


@given(st.text())
def test_one_line_is_short_and_printable(text: str) -> None:
    line = one_line(text * 50)
    assert len(line) <= MAX_MESSAGE
    assert line.isprintable()


def test_nobody_there_is_an_error() -> None:
    source = prometheus(f"http://127.0.0.1:{closed_port()}")
    reading = source.read({"value": "x"}, {}, WINDOW, PATIENT_S)
    assert reading.status is Status.ERROR
    assert "connection refused" in reading.message


# Queries.


@pytest.mark.parametrize(
    "query",
    [{"bad": "a", "total": "b"}, {"count": "a"}, {"value": "a"}, {"value": "a", "samples": "b"}],
)
def test_the_four_forms_of_a_query_are_accepted(query: dict[str, str]) -> None:
    prometheus("http://127.0.0.1").check_query(query)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "query"),
        ({"bad": "a"}, "total"),
        ({"total": "a"}, "bad"),
        ({"samples": "a"}, "value"),
        ({"value": "a", "count": "a"}, "query"),
        ({"value": "a", "good": "b"}, "good"),
        ({"value": " "}, "value"),
        ({"value": 'a{f="${tenant}"}'}, "value"),
        ({"bad": "a", "total": 'a{f="'}, "total"),
    ],
)
def test_a_query_that_cannot_be_asked_is_refused_and_read_as_an_error(
    query: dict[str, str], field: str
) -> None:
    source = prometheus(f"http://127.0.0.1:{closed_port()}")
    with pytest.raises(BadQuery) as refused:
        source.check_query(query)
    assert refused.value.field == field
    assert refused.value.remedy
    assert source.read(query, {}, WINDOW, PATIENT_S).status is Status.ERROR


def test_a_variable_without_a_value_is_an_error_and_nothing_is_asked() -> None:
    with serving(replying(200, vector("1"))) as endpoint:
        reading = read(endpoint, {"value": 'a{r="${release}"}'})
    assert reading.status is Status.ERROR
    assert "release" in reading.message
    assert endpoint.calls == []


# Settings.


@pytest.mark.parametrize(
    ("given_settings", "field"),
    [
        ({}, "url"),
        ({"url": 5}, "url"),
        ({"url": "ftp://a"}, "url"),
        ({"url": "http://u:p@a"}, "url"),
        ({"url": "http://169.254.169.254"}, "url"),
        ({"url": "http://a?b=c"}, "url"),
        ({"url": "http://a#b"}, "url"),
        ({"url": "http://a/api/v1"}, "url"),
        ({"url": "http://a", "token": "x"}, "token"),
        ({"url": "http://a", "headers": []}, "headers"),
        ({"url": "http://a", "headers": {"X": 1}}, "headers.X"),
        ({"url": "http://a", "headers": {"X": "a\nb"}}, "headers.X"),
        ({"url": "http://a", "headers": {"X Y": "a"}}, "headers.X Y"),
        ({"url": "http://a", "headers": {"Authorization": "Bearer x"}}, "headers.Authorization"),
        ({"url": "http://a", "headers": {"Host": "b"}}, "headers.Host"),
        ({"url": "http://a", "params": {"time": "1"}}, "params.time"),
        ({"url": "http://a", "params": {"dedup": True}}, "params.dedup"),
        ({"url": "http://a", "params": "x"}, "params"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(given_settings: dict[str, Any], field: str) -> None:
    with pytest.raises(BadSetting) as refused:
        Prometheus.from_settings(given_settings, fresh_access())
    assert refused.value.field == field
    assert refused.value.remedy


def test_a_secret_that_the_server_repeats_is_struck_out() -> None:
    def repeating(call: Call) -> None:
        error = f"who are you, {call.headers['authorization']}?"
        call.reply(400, json.dumps({"status": "error", "errorType": "bad_data", "error": error}).encode())

    with serving(repeating) as endpoint:
        secrets = Secrets({"HEADGATE_SECRET_A": f"{endpoint.url} the-token"})
        settings = {"url": endpoint.url, "auth": {"scheme": "bearer", "secret": "env:A"}}
        source = Prometheus.from_settings(settings, fresh_access(secrets=secrets))
        assert source.read({"value": "x"}, {}, WINDOW, PATIENT_S).message.endswith("who are you, Bearer ***?")
        (reading,) = source.read_many([Question({"value": "x"}, {}, WINDOW)], PATIENT_S)
        assert "the-token" not in str(reading)
        assert "the-token" not in source.test(PATIENT_S).message

    def warning(call: Call) -> None:
        call.reply(200, vector("1", warnings=[f"a store refused {call.headers['authorization']}"]))

    with serving(warning) as endpoint:
        secrets = Secrets({"HEADGATE_SECRET_A": f"{endpoint.url} the-token"})
        settings = {"url": endpoint.url, "auth": {"scheme": "bearer", "secret": "env:A"}}
        tried = Prometheus.from_settings(settings, fresh_access(secrets=secrets)).test(PATIENT_S)
        assert (tried.works, tried.message) == (True, "it answers queries; a store refused Bearer ***")


def test_a_server_that_answers_works() -> None:
    with serving(replying(200, vector("1"))) as endpoint:
        assert prometheus(endpoint.url).test(PATIENT_S).works
    with serving(replying(401)) as endpoint:
        tried = prometheus(endpoint.url).test(PATIENT_S)
        assert (tried.works, tried.message) == (False, "HTTP 401: the source does not accept the credentials")


# What is asked about the past.

MINUTES = [Window(END + timedelta(minutes=i - 1), END + timedelta(minutes=i)) for i in range(4)]


def matrix(*values: tuple[int, str], **more: object) -> bytes:
    return success(
        "matrix",
        [{"metric": {}, "values": [[END.timestamp() + 60 * i, text] for i, text in values]}],
        **more,
    )


def history(body: bytes, query: Mapping[str, str], status: int = 200) -> tuple[list[Reading], list[Call]]:
    with serving(replying(status, body)) as endpoint:
        found = prometheus(endpoint.url).history(query, {}, MINUTES, PATIENT_S)
        return found, list(endpoint.calls)


def test_the_past_is_asked_for_in_one_range_query_for_each_part() -> None:
    body = matrix((0, "3"), (1, "NaN"), (3, "4"))
    readings, calls = history(body, {"bad": "b[${window}]", "total": "t[${window}]"})
    assert [call.form["query"] for call in calls] == ["b[60s]", "t[60s]"]
    assert {call.path for call in calls} == {"/api/v1/query_range"}
    form = calls[0].form
    assert (float(form["start"]), float(form["end"]), float(form["step"])) == (
        END.timestamp(),
        END.timestamp() + 180,
        60,
    )
    assert [reading.status for reading in readings] == [
        Status.OK,
        Status.INVALID,
        Status.NO_DATA,
        Status.OK,
    ]
    assert (readings[3].bad, readings[3].total, readings[3].window) == (4, 4, MINUTES[3])


@pytest.mark.parametrize(
    ("body", "status", "becomes"),
    [
        (matrix((0, "1"), warnings=["a store was away"]), 200, Status.PARTIAL),
        (success("matrix", []), 200, Status.NO_DATA),
        (success("matrix", [{"metric": {}, "values": []}] * 2), 200, Status.INVALID),
        (success("vector", []), 200, Status.ERROR),
        (success("matrix", [{"metric": {}, "values": ["x"]}]), 200, Status.ERROR),
        (b"nonsense", 200, Status.ERROR),
        (b"gone", 500, Status.ERROR),
    ],
)
def test_a_range_that_is_no_answer_is_none(body: bytes, status: int, becomes: Status) -> None:
    readings, _ = history(body, {"value": "x"}, status)
    assert readings[0].status is becomes
    assert len(readings) == len(MINUTES)


def test_a_server_that_is_not_there_and_a_query_that_cannot_be_sent_are_errors() -> None:
    for source, query in ((prometheus(f"http://127.0.0.1:{closed_port()}"), {"value": "x"}),):
        found = source.history(query, {}, MINUTES, PATIENT_S)
        assert {reading.status for reading in found} == {Status.ERROR}
    unfilled, calls = history(b"", {"value": 'x{a="${feature}"}'})
    assert ({reading.status for reading in unfilled}, calls) == ({Status.ERROR}, [])
