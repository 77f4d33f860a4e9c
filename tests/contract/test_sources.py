"""What every metric source promises, whatever it is made of.

A new kind of source registers here how to bring about each case, and gives a reason for every case that it
cannot meet.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import pytest

from controller.model_calendar import ModelCalendar
from controller.secrets import Secrets
from controller.sources import SOURCES, Question, Source
from controller.sources.cloudwatch import CloudWatch
from controller.sources.datadog import Datadog
from controller.sources.http_json import HttpJson
from controller.sources.inbound import Inbound
from controller.sources.langfuse import Langfuse
from controller.sources.outcomes import Outcomes
from controller.sources.prometheus import Prometheus
from controller.sources.records import Records
from controller.sources.sql import Sql
from controller.store.database import Database
from controller.store.features import add_feature
from controller.store.inbound import Event, add_events
from controller.store.migrate import migrate
from controller.store.outcomes import add_outcomes
from controller.store.projects import add_environment, add_project
from controller.store.releases import add_release
from controller.store.rollouts import add_rollout
from controller.store.sources import add_source
from stages import Calendar, ModelEnd, Rollout, seal
from tests.access import fresh_access
from tests.endpoint import (
    SLOW_BODY,
    SLOW_CHUNKS,
    SLOW_HEADER,
    Behaviour,
    Call,
    Endpoint,
    closed_port,
    flooding,
    hanging,
    replying,
    serving,
)
from tests.relay import over_tcp
from triggers import Status, Window

END = datetime(2026, 11, 20, 12, tzinfo=UTC)
WINDOW = Window(END - timedelta(minutes=5), END)
VARIABLES = {
    "project": "acme",
    "environment": "production",
    "feature": "claims-assistant",
    "release": "r-0123456789ab",
    "stage": "pilot",
}
MARGIN_S = 15.0
MAX_SENT = 30_000_000
"""Far more than any source may read, and what the buffers of both sides hold, but far less than a flood."""


class Case(StrEnum):
    """What a metric source meets in the world."""

    OK = "ok"
    EMPTY = "empty"
    NAN = "NaN"
    INFINITY = "+Inf"
    TWO_SERIES = "two series"
    PARTIAL = "partial"
    TEXT = "text instead of a number"
    REFUSED_QUERY = "refused query"
    TOO_MANY_REQUESTS = "429"
    SERVER_ERROR = "500"
    UNAVAILABLE = "503"
    SLOW_BODY = "slow body"
    SLOW_CHUNKS = "slow chunks"
    SLOW_HEADER = "slow header"
    HANG = "hang"
    REDIRECT = "redirect"
    WRONG_JSON = "wrong JSON"
    WRONG_TYPES = "wrong types"
    BROKEN_OFF = "broken off"
    FLOOD = "100 MB"
    NOBODY_THERE = "connection refused"


EXPECTED = dict.fromkeys(Case, Status.ERROR) | {
    Case.OK: Status.OK,
    Case.EMPTY: Status.NO_DATA,
    Case.NAN: Status.INVALID,
    Case.INFINITY: Status.INVALID,
    Case.TWO_SERIES: Status.INVALID,
    Case.PARTIAL: Status.PARTIAL,
    Case.TEXT: Status.INVALID,
}
DEADLINES_S = dict.fromkeys(Case, 20.0) | dict.fromkeys(
    (Case.SLOW_BODY, Case.SLOW_CHUNKS, Case.SLOW_HEADER, Case.HANG), 0.4
)


@dataclass(frozen=True)
class Met:
    """A source in front of a case, and a query to ask it; ``sent`` tells how many bytes came back so far."""

    source: Source
    query: Mapping[str, str]
    sent: Callable[[], int] = lambda: 0


@dataclass(frozen=True)
class Kind:
    """How a kind of source meets the cases, and the reasons for those it cannot meet."""

    meet: Callable[[Case], AbstractContextManager[Met]]
    queries: tuple[Mapping[str, str], ...]
    """One good query of every shape that the kind can answer."""
    unmet: Mapping[Case, str] = field(default_factory=dict)


OVER_HTTP: Mapping[Case, Behaviour] = {
    Case.TOO_MANY_REQUESTS: replying(429, b"slow down", {"Retry-After": "30"}),
    Case.SERVER_ERROR: replying(500, b"<h1>oops</h1>"),
    Case.UNAVAILABLE: replying(503),
    Case.SLOW_BODY: SLOW_BODY,
    Case.SLOW_CHUNKS: SLOW_CHUNKS,
    Case.SLOW_HEADER: SLOW_HEADER,
    Case.HANG: hanging,
    Case.REDIRECT: replying(302, b"", {"Location": "http://127.0.0.1:1/"}),
    Case.WRONG_JSON: replying(200, b'{"status": "success", "data": '),
    Case.WRONG_TYPES: replying(200, b'[{"status": 1}, null, {"data": [[[]]]}]'),
    Case.BROKEN_OFF: lambda call: call.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
    Case.FLOOD: flooding(100_000_000),
}
"""The cases that are the same for every source that is asked over HTTP."""


def meet_over_http(
    make: Callable[[str], Source], query: Mapping[str, str], answers: Mapping[Case, Behaviour]
) -> Callable[[Case], AbstractContextManager[Met]]:
    """Meet the cases with a server on this machine; ``answers`` are those that depend on the kind."""
    behaviours = {**OVER_HTTP, **answers}

    @contextlib.contextmanager
    def meet(case: Case) -> Iterator[Met]:
        if case is Case.NOBODY_THERE:
            yield Met(make(f"http://127.0.0.1:{closed_port()}"), query)
            return
        with serving(behaviours[case]) as endpoint:
            yield Met(make(endpoint.url), query, sent=lambda: _sent(endpoint))

    return meet


def _sent(endpoint: Endpoint) -> int:
    """How much the server could send before its caller hung up."""
    endpoint.stop()
    return endpoint.bytes_sent


def _prometheus() -> Kind:
    def vector(*values: str, **more: object) -> Behaviour:
        result = [{"metric": {"i": str(i)}, "value": [END.timestamp(), v]} for i, v in enumerate(values)]
        return answer("vector", result, **more)

    def answer(kind: str, result: object, **more: object) -> Behaviour:
        body = {"status": "success", "data": {"resultType": kind, "result": result}, **more}
        return replying(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    refusal = {"status": "error", "errorType": "bad_data", "error": "parse error"}
    query = {"bad": 'sum(increase(bad{feature="${feature}"}[${window}]))', "total": "sum(all)"}
    return Kind(
        meet_over_http(
            lambda url: Prometheus.from_settings({"url": url}, fresh_access()),
            query,
            {
                Case.OK: vector("3"),
                Case.EMPTY: vector(),
                Case.NAN: vector("NaN"),
                Case.INFINITY: vector("+Inf"),
                Case.TWO_SERIES: vector("1", "2"),
                Case.PARTIAL: vector("3", warnings=["a store did not answer"]),
                Case.TEXT: answer("string", [END.timestamp(), "text"]),
                Case.REFUSED_QUERY: replying(400, json.dumps(refusal).encode()),
            },
        ),
        queries=(query, {"count": "sum(bad)"}, {"value": "p95", "samples": "n"}, {"value": "p95"}),
    )


def _json(body: object, status: int = 200) -> Behaviour:
    return replying(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


def _http_json() -> Kind:
    return Kind(
        meet_over_http(
            lambda url: HttpJson.from_settings({"url": url}, fresh_access()),
            {"path": "/quality?f=${feature}", "bad": "$..bad", "total": "$..total"},
            {
                Case.OK: _json({"bad": 3, "total": "10"}),
                Case.EMPTY: _json({"bad": None, "total": None}),
                Case.NAN: _json({"bad": "NaN", "total": 10}),
                Case.INFINITY: _json({"bad": "+Inf", "total": 10}),
                Case.TWO_SERIES: replying(200, b'[{"bad": 1, "total": 2}, {"bad": 1, "total": 2}]'),
                Case.TEXT: _json({"bad": "three", "total": 10}),
                Case.WRONG_TYPES: replying(200, b'"three"'),
                Case.REFUSED_QUERY: replying(400, b"what?"),
            },
        ),
        queries=(
            {"path": "/q", "bad": "$.bad", "total": "$.total", "newest": "$.at"},
            {"path": "/q", "body": '{"f": "${feature}"}', "count": "$..count"},
            {"value": "$.value", "samples": "$.n"},
        ),
        unmet={Case.PARTIAL: "a JSON API has no word for it that all of them share"},
    )


def _datadog() -> Kind:
    def columns(*values: object) -> Behaviour:
        def answer(call: Call) -> None:
            formulas = json.loads(call.body)["data"]["attributes"]["formulas"]
            found = [{"name": each["formula"], "type": "number", "values": [*values]} for each in formulas]
            body = {"data": {"type": "scalar_response", "attributes": {"columns": found}}}
            call.reply(200, json.dumps(body).encode())

        return answer

    def make(url: str) -> Source:
        secrets = Secrets({f"HEADGATE_SECRET_{key}": f"{url} the-secret-{key}" for key in ("API", "APP")})
        keys = {"api_key": "env:API", "application_key": "env:APP"}
        return Datadog.from_settings({"url": url, **keys}, fresh_access(secrets=secrets))

    query = {"bad": "sum:bad{f:${feature}}.as_count()", "total": "sum:all{f:${feature}}.as_count()"}
    return Kind(
        meet_over_http(
            make,
            query,
            {
                Case.OK: columns(3),
                Case.EMPTY: columns(None),
                Case.NAN: columns("NaN"),
                Case.INFINITY: columns("Infinity"),
                Case.TWO_SERIES: columns(1, 2),
                Case.TEXT: columns("three"),
                Case.REFUSED_QUERY: _json({"errors": ["Error parsing query"]}, 400),
            },
        ),
        queries=(query, {"count": "sum:bad{*}"}, {"value": "p95:latency{*}", "aggregator": "max"}),
        unmet={Case.PARTIAL: "Datadog does not tell when a part of the data is missing"},
    )


def _cloudwatch() -> Kind:
    def results(*values: object, code: str = "Complete", each: int = 1) -> Behaviour:
        def answer(call: Call) -> None:
            found = [
                {"Id": query["Id"], "StatusCode": code, "Timestamps": [], "Values": [*values]}
                for query in json.loads(call.body)["MetricDataQueries"]
                for _ in range(each)
            ]
            call.reply(200, json.dumps({"MetricDataResults": found, "Messages": []}).encode())

        return answer

    def make(url: str) -> Source:
        secrets = Secrets({"HEADGATE_SECRET_AWS": f"{url} the-secret-access-key"})
        settings = {"url": url, "region": "eu-central-1", "access_key_id": "AKID", "secret": "env:AWS"}
        return CloudWatch.from_settings(settings, fresh_access(secrets=secrets))

    def metric(name: str, statistic: str = "Sum") -> str:
        dimensions = {"Feature": "${feature}"}
        described = {"Namespace": "App", "MetricName": name, "Stat": statistic, "Dimensions": dimensions}
        return json.dumps(described)

    query = {"bad": metric("Bad"), "total": metric("Answers")}
    refused = {"__type": "com.amazonaws.cloudwatch#ValidationError", "message": "no"}
    return Kind(
        meet_over_http(
            make,
            query,
            {
                Case.OK: results(1, 2.0),
                Case.EMPTY: results(),
                Case.NAN: results("NaN"),
                Case.INFINITY: results(1, "Infinity"),
                Case.TWO_SERIES: results(1, each=2),
                Case.PARTIAL: results(1, code="PartialData"),
                Case.TEXT: results("three"),
                Case.REFUSED_QUERY: _json(refused, 400),
            },
        ),
        queries=(query, {"count": metric("Bad")}, {"value": metric("Latency", "Maximum")}),
    )


def _langfuse() -> Kind:
    def rows(*given: Mapping[str, object]) -> Behaviour:
        return _json({"data": [{"traceName": VARIABLES["feature"], **row} for row in given]})

    def make(url: str) -> Source:
        secrets = Secrets({"HEADGATE_SECRET_LANGFUSE": f"{url} pk-lf-1234:sk-lf-5678"})
        auth = {"scheme": "basic", "secret": "env:LANGFUSE"}
        return Langfuse.from_settings({"url": url, "auth": auth}, fresh_access(secrets=secrets))

    def row(value: object, count: object = "20") -> dict[str, object]:
        return {"traceRelease": VARIABLES["release"], "count_count": count, "avg_value": value}

    return Kind(
        meet_over_http(
            make,
            {"score": "unsupported"},
            {
                Case.OK: rows(row(0.1)),
                Case.EMPTY: rows(),
                Case.NAN: rows(row("NaN")),
                Case.INFINITY: rows(row("Infinity")),
                Case.TWO_SERIES: rows(row(0.1), row(0.2)),
                Case.PARTIAL: rows(row(0.1), *([{"count_count": 1}] * 999)),
                Case.TEXT: rows(row("a tenth")),
                Case.REFUSED_QUERY: _json({"message": "Invalid request data"}, 400),
            },
        ),
        queries=(
            {"score": "unsupported"},
            {"score": "review", "bad": "rejected"},
            {"score": "grounded", "aggregation": "avg"},
            {"measure": "totalCost", "aggregation": "sum"},
        ),
    )


def _outcomes() -> Kind:
    """The built-in source has no server to misbehave: what can go wrong is its own store."""

    @contextlib.contextmanager
    def meet(case: Case) -> Iterator[Met]:
        with tempfile.TemporaryDirectory() as folder:
            database = Database(f"sqlite:///{folder}/outcomes.db")
            if case is not Case.NOBODY_THERE:
                _store_outcomes(database, bad=3 if case is Case.OK else 0)
            yield Met(Outcomes(database), {"measure": "unsupported"})
            database.close()

    no_server = "the built-in source counts rows of its own; nothing is sent"
    queries = ({"measure": "unsupported"}, {"measure": "slow", "limit": "2000"})
    met = (Case.OK, Case.EMPTY, Case.NOBODY_THERE)
    return Kind(meet, queries, {case: no_server for case in Case if case not in met})


def _store_outcomes(database: Database, bad: int) -> None:
    migrate(database)
    with database.write() as tx:
        project = add_project(tx, VARIABLES["project"], "", "", END)
        key = VARIABLES["environment"]
        environment = add_environment(tx, project, key, "", protected=True, now=END)
        outcomes = [
            {"public_id": f"outcome-{n}", "feature": VARIABLES["feature"], "release": VARIABLES["release"]}
            | {"at": END, "grounded": False}
            for n in range(bad)
        ]
        add_outcomes(tx, environment.id, outcomes, END - timedelta(seconds=1))


def _records() -> Kind:
    """As the outcomes, it asks its own store alone."""

    @contextlib.contextmanager
    def meet(case: Case) -> Iterator[Met]:
        with tempfile.TemporaryDirectory() as folder:
            database = Database(f"sqlite:///{folder}/records.db")
            if case is not Case.NOBODY_THERE:
                _store_records(database, with_release=case is Case.OK)
            ending = ModelCalendar(Calendar([ModelEnd("example", "one", END.date())]), {}, lambda: END)
            yield Met(
                Records(database, ending, lambda _tx, _stored: {}),
                {"measure": "models_retiring", "limit": "30"},
            )
            database.close()

    no_server = "the built-in source counts rows of its own; nothing is sent"
    queries = ({"measure": "models_retiring", "limit": "30"}, {"measure": "evidence_expired"})
    met = (Case.OK, Case.EMPTY, Case.NOBODY_THERE)
    return Kind(meet, queries, {case: no_server for case in Case if case not in met})


def _store_records(database: Database, *, with_release: bool) -> None:
    migrate(database)
    with database.write() as tx:
        project = add_project(tx, VARIABLES["project"], "", "", END)
        key = VARIABLES["environment"]
        environment = add_environment(tx, project, key, "", protected=True, now=END)
        described = {"name": "", "risk_tier": "T1", "when_lost": "off"}
        feature = add_feature(tx, project.id, VARIABLES["feature"], END, **described)
        sealed = seal({"prompt": {"ref": "a"}, "model": {"provider": "example", "id": "one"}})
        release, _ = add_release(tx, feature.id, sealed, "", "ada", END)
        stable = release.public_id if with_release else None
        rollout = Rollout(feature=feature.key, environment=key, stable=stable, stage_since=END)
        add_rollout(tx, feature.id, environment.id, rollout)


def _inbound() -> Kind:
    """Nobody is asked: what can go wrong is its own store, and that nobody told anything."""

    @contextlib.contextmanager
    def meet(case: Case) -> Iterator[Met]:
        with tempfile.TemporaryDirectory() as folder:
            database = Database(f"sqlite:///{folder}/inbound.db")
            secrets = Secrets({"HEADGATE_SECRET_IN": "https://headgate.invalid the-secret"})
            settings = {"sender": "generic", "secret": "env:IN"}
            if case is not Case.NOBODY_THERE:
                _store_events(database, settings, told=case is Case.OK)
            access = fresh_access(database=database, secrets=secrets)
            yield Met(Inbound.from_settings(settings, access), {"alert": "HighErrorRate"})
            database.close()

    no_server = "nothing is sent; alerts come in"
    queries = ({"alert": "*", "labels": "team=claims"}, {"alert": "HighErrorRate"})
    met = (Case.OK, Case.EMPTY, Case.NOBODY_THERE)
    return Kind(meet, queries, {case: no_server for case in Case if case not in met})


def _store_events(database: Database, settings: Mapping[str, str], *, told: bool) -> None:
    migrate(database)
    with database.write() as tx:
        project = add_project(tx, VARIABLES["project"], "", "", END)
        source = add_source(tx, project.id, "alerts", "inbound", settings, END)
        names = ("HighErrorRate", "Other") if told else ("Other",)
        events = [
            Event(event=name, fingerprint=name, alert=name, firing=True, labels={}, at=END) for name in names
        ]
        add_events(tx, source.id, events, END - timedelta(seconds=1), repeats=False)


def _sql() -> Kind:
    """A real database for what one answers, and something else in its place for what goes wrong with one."""
    statements = {
        Case.OK: "SELECT 3 AS bad, 10 AS total",
        Case.EMPTY: "SELECT sum(n) AS count FROM generate_series(1, 0) AS n",
        Case.NAN: "SELECT 'NaN'::float AS value",
        Case.INFINITY: "SELECT 'Infinity'::float AS value",
        Case.TWO_SERIES: "SELECT n AS count FROM generate_series(1, 2) AS n",
        Case.TEXT: "SELECT 'three' AS count",
        Case.REFUSED_QUERY: "SELECT nothing AS count",
        Case.WRONG_TYPES: "SELECT count AS count FROM (SELECT 1) AS count WHERE :feature",
        Case.SLOW_BODY: "SELECT 1 AS count FROM pg_sleep(60)",
    }
    others: Mapping[Case, Behaviour] = {
        Case.HANG: hanging,
        Case.SLOW_HEADER: SLOW_HEADER,
        Case.SERVER_ERROR: replying(500, b"<h1>no database</h1>"),
        Case.BROKEN_OFF: lambda call: call.write(b"N"),
        Case.FLOOD: flooding(100_000_000),
    }

    def make(port: int) -> Source:
        settings = {"url": f"postgresql://postgres@127.0.0.1:{port}/postgres", "tls": "disable"}
        return Sql.from_settings(settings, fresh_access())

    @contextlib.contextmanager
    def meet(case: Case) -> Iterator[Met]:
        query = {"sql": statements.get(case, statements[Case.OK])}
        if case is Case.NOBODY_THERE:
            yield Met(make(closed_port()), query)
        elif case in others:
            with serving(others[case], read_request=False) as endpoint:
                yield Met(make(endpoint.port), query, sent=lambda: _sent(endpoint))
        else:
            with over_tcp(POSTGRES[0]) as port:
                yield Met(make(port), query)

    met = {*statements, *others, Case.NOBODY_THERE}
    no_http = "a database is not asked over HTTP"
    return Kind(meet, ({"sql": statements[Case.OK]},), {case: no_http for case in Case if case not in met})


POSTGRES: list[str] = []


@pytest.fixture(scope="module", autouse=True)
def _postgres(postgres_server: str) -> Iterator[None]:
    POSTGRES.append(postgres_server)
    yield
    POSTGRES.clear()


KINDS: Mapping[str, Callable[[], Kind]] = {
    "cloudwatch": _cloudwatch,
    "datadog": _datadog,
    "http_json": _http_json,
    "inbound": _inbound,
    "langfuse": _langfuse,
    "outcomes": _outcomes,
    "prometheus": _prometheus,
    "records": _records,
    "sql": _sql,
}
"""How each kind in the registry meets the cases; one line for every line there."""


def test_every_kind_in_the_registry_meets_the_cases_and_no_other_does() -> None:
    assert set(KINDS) == set(SOURCES)


@pytest.mark.parametrize("kind", SOURCES)
def test_every_kind_is_registered_under_its_own_name(kind: str) -> None:
    assert SOURCES[kind].kind == kind
    assert SOURCES[kind].shapes


@pytest.mark.parametrize("kind", SOURCES)
def test_a_case_is_left_out_only_for_a_reason(kind: str) -> None:
    assert all(reason.strip() for reason in KINDS[kind]().unmet.values())
    assert Case.OK not in KINDS[kind]().unmet


@pytest.mark.parametrize("kind", SOURCES)
def test_every_shape_that_a_kind_answers_has_a_query_that_is_accepted(kind: str) -> None:
    with KINDS[kind]().meet(Case.OK) as met:
        for query in KINDS[kind]().queries:
            met.source.check_query(query)
        shapes = {
            shape
            for shape in met.source.shapes
            for query in KINDS[kind]().queries
            if set(shape.required) <= set(query)
        }
        assert shapes == set(met.source.shapes)


@pytest.mark.parametrize("case", Case)
@pytest.mark.parametrize("kind", SOURCES)
def test_each_case_has_its_status_in_time(kind: str, case: Case) -> None:
    registered = KINDS[kind]()
    if reason := registered.unmet.get(case):
        pytest.skip(reason)
    with registered.meet(case) as met:
        began = time.monotonic()
        reading = met.source.read(met.query, VARIABLES, WINDOW, DEADLINES_S[case])
        elapsed = time.monotonic() - began
        sent = met.sent()
    assert reading.status is EXPECTED[case], reading.message
    assert elapsed < DEADLINES_S[case] + MARGIN_S
    assert sent < MAX_SENT
    has_numbers = any(number is not None for number in (reading.bad, reading.total, reading.value))
    assert has_numbers == (reading.status in (Status.OK, Status.PARTIAL))
    assert bool(reading.message) == (reading.status is not Status.OK)
    assert len(reading.message) <= 300
    assert reading.message.isprintable()
    assert reading.asked
    assert reading.window == WINDOW
    assert "the-secret" not in str(reading)


@pytest.mark.parametrize("case", [Case.OK, Case.EMPTY, Case.TWO_SERIES, Case.SERVER_ERROR, Case.WRONG_JSON])
@pytest.mark.parametrize("kind", SOURCES)
def test_many_questions_have_the_readings_that_each_of_them_has(kind: str, case: Case) -> None:
    registered = KINDS[kind]()
    if reason := registered.unmet.get(case):
        pytest.skip(reason)
    with registered.meet(case) as met:
        good = Question(met.query, VARIABLES, WINDOW)
        readings = met.source.read_many([good, Question({}, VARIABLES, WINDOW), good], DEADLINES_S[case])
    assert [reading.status for reading in readings] == [EXPECTED[case], Status.ERROR, EXPECTED[case]]


@pytest.mark.parametrize("case", [Case.OK, Case.SERVER_ERROR, Case.HANG, Case.REDIRECT, Case.NOBODY_THERE])
@pytest.mark.parametrize("kind", SOURCES)
def test_trying_a_source_tells_whether_it_works(kind: str, case: Case) -> None:
    registered = KINDS[kind]()
    if reason := registered.unmet.get(case):
        pytest.skip(reason)
    with registered.meet(case) as met:
        tried = met.source.test(DEADLINES_S[case])
    assert tried.works == (case is Case.OK)
    assert tried.message
    assert "the-secret" not in tried.message


@pytest.mark.parametrize("kind", SOURCES)
def test_a_query_that_cannot_be_asked_is_a_reading_too(kind: str) -> None:
    with KINDS[kind]().meet(Case.OK) as met:
        for query in ({}, {"nonsense": "x"}, dict.fromkeys(met.query, "")):
            assert met.source.read(query, {}, WINDOW, 20.0).status is Status.ERROR
