"""The source that is a database, in front of a real PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from controller.egress import PrivateHosts
from controller.errors import BadSetting
from controller.http import Outbound
from controller.secrets import Secrets
from controller.sources import BadQuery, Question
from controller.sources.sql import MAX_BYTES, Sql
from tests.access import fresh_access
from tests.endpoint import hanging, serving
from tests.relay import over_tcp
from triggers import Reading, Status, Window

PATIENT_S = 20.0
END = datetime(2026, 1, 2, 12, tzinfo=UTC)
WINDOW = Window(END - timedelta(minutes=5), END)
VARIABLES = {"feature": "claims'; DROP TABLE answers; --", "environment": "production"}


@dataclass(frozen=True)
class Warehouse:
    """A database with a reader, who owns nothing, and an owner."""

    port: int
    owner_url: str

    def source(self, **settings: Any) -> Sql:
        place = f"postgresql://127.0.0.1:{self.port}"
        secrets = Secrets({"HEADGATE_SECRET_DB": f"{place} the-password"})
        url = f"postgresql://reader@127.0.0.1:{self.port}/postgres"
        settings = {"url": url, "secret": "env:DB", "tls": "disable", **settings}
        return Sql.from_settings(settings, fresh_access(secrets=secrets))

    def read(
        self, statement: str, variables: dict[str, str] = VARIABLES, deadline_s: float = PATIENT_S
    ) -> Reading:
        return self.source().read({"sql": statement}, variables, WINDOW, deadline_s)


@pytest.fixture(scope="module")
def warehouse(postgres_server: str) -> Iterator[Warehouse]:
    with psycopg.connect(postgres_server, autocommit=True) as owner:
        owner.execute("CREATE ROLE reader LOGIN PASSWORD 'the-password'")
        owner.execute("CREATE TABLE answers (feature text, bad boolean, at timestamptz)")
        owner.execute("GRANT ALL ON answers TO reader")
        rows = [(VARIABLES["feature"], n < 3, END - timedelta(seconds=n)) for n in range(1, 11)]
        owner.cursor().executemany("INSERT INTO answers VALUES (%s, %s, %s)", rows)
        with over_tcp(postgres_server) as port:
            yield Warehouse(port, postgres_server)
        owner.execute("DROP TABLE answers")
        owner.execute("DROP ROLE reader")


def count(warehouse: Warehouse) -> int:
    with psycopg.connect(warehouse.owner_url) as owner:
        (found,) = owner.execute("SELECT count(*) FROM answers").fetchone() or (0,)
    return int(found)


def test_parameters_are_bound_and_never_part_of_the_statement(warehouse: Warehouse) -> None:
    reading = warehouse.read(
        "SELECT count(*) FILTER (WHERE bad) AS bad, count(*) AS total, max(at) AS newest FROM answers\n"
        "WHERE feature = :feature AND at >= :start AND at < :end AND :window_s::int = 300 -- a comment"
    )
    assert (reading.status, reading.bad, reading.total) == (Status.OK, 2, 10)
    assert reading.newest_sample_at == END - timedelta(seconds=1)
    assert count(warehouse) == 10


@pytest.mark.parametrize(
    ("statement", "status"),
    [
        ("SELECT 4 AS count", Status.OK),
        ("WITH x AS (SELECT 0.5 AS value) SELECT value, 7 AS samples FROM x ORDER BY 1", Status.OK),
        ("SELECT 1.25::numeric AS value", Status.OK),
        ("SELECT sum(1) AS count FROM answers WHERE false", Status.NO_DATA),
        ("SELECT 1 AS count WHERE false", Status.NO_DATA),
        ("SELECT 'NaN'::float AS value", Status.INVALID),
        ("SELECT 'NaN'::numeric AS value", Status.INVALID),
        ("SELECT 'Infinity'::float AS value", Status.INVALID),
        ("SELECT true AS count", Status.INVALID),
        ("SELECT 1 AS count FROM generate_series(1, 1000)", Status.INVALID),
        ("SELECT 1 AS n", Status.INVALID),
        ("SELECT 1 AS bad", Status.INVALID),
        ("SELECT nothing AS count", Status.ERROR),
    ],
)
def test_one_row_of_named_numbers_is_a_reading(warehouse: Warehouse, statement: str, status: Status) -> None:
    reading = warehouse.read(statement)
    assert reading.status is status, reading.message
    assert bool(reading.message) == (status is not Status.OK)


@pytest.mark.parametrize(
    "statement",
    [
        "WITH gone AS (DELETE FROM answers RETURNING 1) SELECT count(*) AS count FROM gone",
        "SELECT set_config('transaction_read_only', 'off', true), 1 AS count) AS x, (SELECT nextval('s')",
        "SELECT pg_terminate_backend(pg_backend_pid()) AS count",
        "SELECT lo_create(0) AS count",
    ],
)
def test_nothing_is_changed_even_by_who_may(warehouse: Warehouse, statement: str) -> None:
    assert warehouse.read(statement).status in (Status.ERROR, Status.INVALID)
    assert count(warehouse) == 10


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM answers",
        "SELECT 1 AS count; DROP TABLE answers",
        "SELECT 1 AS count;",
        "SELECT :nonsense AS count",
        "SELEC 1",
        "SELECT '" + "x" * 10_000 + "'",
    ],
)
def test_what_is_not_one_statement_that_reads_is_refused(warehouse: Warehouse, statement: str) -> None:
    with pytest.raises(BadQuery, match="sql"):
        warehouse.source().check_query({"sql": statement})
    assert warehouse.read(statement).status is Status.ERROR


def test_a_slow_statement_ends_in_time_and_says_so(warehouse: Warehouse) -> None:
    began = time.monotonic()
    reading = warehouse.read("SELECT 1 AS count FROM pg_sleep(60)", deadline_s=0.4)
    assert reading.status is Status.ERROR
    assert "time" in reading.message
    assert time.monotonic() - began < PATIENT_S


LET_IN = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"
"""What a PostgreSQL says to whom it asks for no password: you are in, and I am ready."""


def test_a_server_that_lets_in_and_then_falls_silent_is_left_in_time() -> None:
    began = time.monotonic()
    with serving(lambda call: call.write(LET_IN) or hanging(call), read_request=False) as endpoint:
        url = f"postgresql://reader@127.0.0.1:{endpoint.port}/postgres"
        source = Sql.from_settings({"url": url, "tls": "disable"}, fresh_access())
        reading = source.read({"sql": "SELECT 1 AS count"}, {}, WINDOW, 0.4)
        assert not source.test(0.4).works
    assert (reading.status, "in time" in reading.message) == (Status.ERROR, True)
    assert time.monotonic() - began < PATIENT_S


def test_no_more_is_read_than_an_answer_needs(warehouse: Warehouse) -> None:
    reading = warehouse.read(f"SELECT repeat('9', {2 * MAX_BYTES}) AS value")
    assert reading.status is Status.ERROR
    assert f"larger than {MAX_BYTES} bytes" in reading.message


def test_connecting_leaves_no_complaint_of_the_driver(
    warehouse: Warehouse, capfd: pytest.CaptureFixture[str]
) -> None:
    assert warehouse.source().test(PATIENT_S).works
    assert capfd.readouterr().err == ""


def test_one_statement_that_fails_spoils_no_other(warehouse: Warehouse) -> None:
    statements = (
        "SELECT 1 AS count",
        "SELECT 1 / 0 AS count",
        "SELECT :release AS count",
        "SELECT 3 AS count",
    )
    questions = [Question({"sql": statement}, VARIABLES, WINDOW) for statement in statements]
    readings = warehouse.source().read_many(questions, PATIENT_S)
    assert [(each.status, each.bad) for each in readings] == [
        (Status.OK, 1),
        (Status.ERROR, None),
        (Status.ERROR, None),
        (Status.OK, 3),
    ]
    assert "division by zero" in readings[1].message
    assert "release" in readings[2].message


def test_it_is_tried_without_touching_anything(warehouse: Warehouse) -> None:
    assert warehouse.source().test(PATIENT_S).works
    url = f"postgresql://nobody@127.0.0.1:{warehouse.port}/postgres"
    tried = warehouse.source(url=url).test(PATIENT_S)
    assert not tried.works
    assert "nobody" in tried.message
    assert "the-password" not in tried.message


def test_a_database_where_nothing_may_be_sent_is_refused_when_saved_and_when_read(
    warehouse: Warehouse,
) -> None:
    settings = {"url": f"postgresql://reader@127.0.0.1:{warehouse.port}/postgres"}
    outbound = Outbound(private=PrivateHosts.parse(f"loopback:{warehouse.port + 1}"))
    source = Sql.from_settings(settings, fresh_access(outbound=outbound))
    with pytest.raises(BadSetting, match="HEADGATE_OUTBOUND_PRIVATE"):
        source.check_leads()
    assert "HEADGATE_OUTBOUND_PRIVATE" in source.read({"sql": "SELECT 1 AS count"}, {}, WINDOW, 5.0).message
    assert not source.test(5.0).works


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sqlite:////etc/passwd",
        "mysql://u@h/d",
        "postgresql://u:password@h/d",
        "postgresql://h/d",
        "postgresql://u@/d",
        "postgresql://u@h",
        "postgresql://u@h/d?host=/tmp",
        "postgresql://u@a,b/d",
        "postgresql://u@%2Ftmp/d",
        "postgresql://u@h:port/d",
        7,
    ],
)
def test_an_address_that_is_none_is_refused(url: object) -> None:
    with pytest.raises(BadSetting, match="url"):
        Sql.from_settings({"url": url}, fresh_access())


def test_a_password_is_for_its_database_alone() -> None:
    secrets = Secrets({"HEADGATE_SECRET_DB": "postgresql://db.example the-password"})
    settings = {"url": "postgresql://u@db.example:5433/d", "secret": "env:DB"}
    with pytest.raises(BadSetting, match="secret"):
        Sql.from_settings(settings, fresh_access(secrets=secrets))
    Sql.from_settings({**settings, "url": "postgresql://u@db.example/d"}, fresh_access(secrets=secrets))


RATIO = (
    "SELECT count(*) FILTER (WHERE bad) AS bad, count(*) AS total, max(at) AS newest FROM answers "
    "WHERE feature = :feature AND at >= :start AND at < :end AND :window_s::int = 4 HAVING count(*) > 0"
)


def past(count: int, span_s: int = 4, step_s: int = 2) -> list[Window]:
    ends = [END - timedelta(seconds=step_s * place) for place in range(count)][::-1]
    return [Window(end - timedelta(seconds=span_s), end) for end in ends]


@pytest.mark.parametrize(
    "statement",
    [
        RATIO,
        f"WITH counted AS ({RATIO}) SELECT * FROM counted",
        "SELECT extract(epoch FROM :end - :start) AS value",
        "SELECT 1 AS count FROM generate_series(1, 2)",
        "SELECT 1 / (extract(epoch FROM :end)::bigint % 1) AS value",
    ],
)
def test_the_past_is_the_same_asked_at_once_or_window_by_window(warehouse: Warehouse, statement: str) -> None:
    source, windows = warehouse.source(), past(12)
    at_once = source.history({"sql": statement}, VARIABLES, windows, PATIENT_S)
    one_by_one = [source.read({"sql": statement}, VARIABLES, each, PATIENT_S) for each in windows]
    assert at_once == one_by_one


def test_a_month_of_minutes_is_asked_in_few_statements(warehouse: Warehouse) -> None:
    source, windows = warehouse.source(), past(43_200, span_s=60, step_s=60)
    readings = source.history({"sql": "SELECT 0 AS bad, 3 AS total"}, VARIABLES, windows, PATIENT_S)
    assert len(readings) == len(windows) <= source.longest_history
    assert {(each.bad, each.total) for each in readings} == {(0, 3)}
    assert [each.window for each in readings] == windows


def test_what_is_wrong_with_one_window_of_the_past_is_said_of_all(warehouse: Warehouse) -> None:
    source, windows = warehouse.source(), past(3)
    for statement in ("DELETE FROM answers", "SELECT :nothing AS count", "SELECT :stage AS count"):
        readings = source.history({"sql": statement}, VARIABLES, windows, PATIENT_S)
        assert {each.status for each in readings} == {Status.ERROR}
        assert all(each.message for each in readings)


def test_a_past_that_takes_too_long_is_an_error(warehouse: Warehouse) -> None:
    began = time.monotonic()
    slow = {"sql": "SELECT count(*) AS count FROM generate_series(1, 100000)"}
    readings = warehouse.source().history(slow, VARIABLES, past(40_000), 1.0)
    assert time.monotonic() - began < PATIENT_S
    assert {each.status for each in readings} >= {Status.ERROR}
    assert "timeout" in readings[-1].message or "all the time" in readings[-1].message


@pytest.mark.parametrize(
    ("statement", "follows"),
    [
        ("SELECT 1 AS count WHERE :start < :end", True),
        ("SELECT 1 AS count WHERE :window_s > 1", True),
        ("SELECT 1 AS count WHERE now() > :end", False),
    ],
)
def test_a_statement_without_the_start_names_a_span_of_its_own(
    warehouse: Warehouse, statement: str, follows: bool
) -> None:
    assert warehouse.source().follows_window({"sql": statement}) is follows
