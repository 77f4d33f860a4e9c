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
from controller.sources import SOURCES, Source
from controller.sources.outcomes import Outcomes
from controller.sources.prometheus import Prometheus
from controller.sources.records import Records
from controller.store.database import Database
from controller.store.features import add_feature
from controller.store.migrate import migrate
from controller.store.outcomes import add_outcomes
from controller.store.projects import add_environment, add_project
from controller.store.releases import add_release
from controller.store.rollouts import add_rollout
from stages import Calendar, ModelEnd, Rollout, seal
from tests.access import fresh_access
from tests.endpoint import (
    SLOW_BODY,
    SLOW_CHUNKS,
    SLOW_HEADER,
    Behaviour,
    Endpoint,
    closed_port,
    flooding,
    hanging,
    replying,
    serving,
)
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
            yield Met(Records(database, ending), {"measure": "models_retiring", "limit": "30"})
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


KINDS: Mapping[str, Callable[[], Kind]] = {
    "outcomes": _outcomes,
    "prometheus": _prometheus,
    "records": _records,
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


@pytest.mark.parametrize("kind", SOURCES)
def test_a_query_that_cannot_be_asked_is_a_reading_too(kind: str) -> None:
    with KINDS[kind]().meet(Case.OK) as met:
        for query in ({}, {"nonsense": "x"}, dict.fromkeys(met.query, "")):
            assert met.source.read(query, {}, WINDOW, 20.0).status is Status.ERROR
