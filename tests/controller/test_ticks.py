from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import psycopg
import pytest
from flask import Flask

from app import services_of
from controller.lanes import Lanes
from controller.observability import LATENESS, TICK_FAILURES
from controller.sources import SOURCES, Shape, Source
from controller.sources.source import Tried
from controller.store.database import DatabaseUnavailable
from controller.ticks import Ticks
from tests.controller.tenant import ADA, PATIENCE_S, Tenant
from tests.endpoint import hanging, serving
from triggers import Reading, Window


def eventually(happened: Callable[[], bool]) -> bool:
    """Whether something that other threads do comes true in time."""
    until = time.monotonic() + PATIENCE_S
    while not happened():
        if time.monotonic() > until:
            return False
        threading.Event().wait(0.01)
    return True


@pytest.fixture
def two(tenant: Tenant) -> Tenant:
    for key in ("claims", "other"):
        tenant.beta(key)
    return tenant


def connect(tenant: Tenant, key: str, url: str) -> None:
    tenant.parts.sources.connect("acme", key, "prometheus", {"url": url}, ADA)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_source_that_hangs_delays_nobody_else(kind: str, make_tenant, request) -> None:
    tenant = make_tenant(request.getfixturevalue(f"{kind}_url"), read_deadline_s=20.0, lease_s=100.0)
    for key in ("claims", "other"):
        tenant.beta(key)
    with serving(hanging) as endpoint:
        connect(tenant, "stuck", endpoint.url)
        for number in range(30):
            tenant.trigger(f"stuck-{number}", source="stuck", query={"value": "up"})
        tenant.trigger(feature="other")
        tenant.tick()
        for _ in range(4):
            tenant.clock.pass_(10)
            tenant.tick_without_waiting()
            assert eventually(lambda: tenant.standing(feature="other").evaluated_at == tenant.clock())
        assert eventually(lambda: len(endpoint.calls) == 1), "what is due on one source is asked for at once"
        assert tenant.ask_sql("SELECT count(*) FROM readings WHERE trigger_id <= 30") == [(30,)]
        assert tenant.parts.ticks.is_alive
    assert tenant.parts.ticks.join(PATIENCE_S)
    assert tenant.standing("stuck-29").verdict == "source_error"


def test_one_bad_row_does_not_stop_the_others(two: Tenant) -> None:
    for number in range(20):
        two.trigger(f"trigger-{number}")
    two.sql("UPDATE triggers SET ladder = '{' WHERE id = 3")
    two.tick()
    assert two.ask_sql("SELECT count(*) FROM triggers WHERE evaluated_at IS NOT NULL") == [(19,)]
    assert [row[0] for row in two.ask_sql("SELECT id FROM triggers WHERE broken IS NOT NULL")] == [3]
    two.clock.pass_(10)
    two.tick()
    assert two.ask_sql("SELECT count(*) FROM readings") == [(38,)]


class Raising(Source):
    """A source that breaks its promise when it is asked one certain thing."""

    kind: ClassVar[str] = "raising"
    shapes: ClassVar[tuple[Shape, ...]] = (Shape.VALUE,)
    at_once: ClassVar[int] = 100

    @classmethod
    def from_settings(cls, settings: Any, access: Any) -> Raising:
        return cls()

    def check_query(self, query: Any) -> None:
        pass

    def test(self, deadline_s: float) -> Tried:
        return Tried(works=True, message="it answers")

    def read(self, query: Any, variables: Any, window: Window, deadline_s: float) -> Reading:
        if query["value"] == "evil":
            raise RuntimeError("secret details")
        return Reading.gauge(window, 0)


def test_a_source_that_raises_is_an_error_of_the_one_trigger_it_was_asked_for(
    two: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SOURCES, "raising", Raising)
    two.parts.sources.connect("acme", "raising", "raising", {}, ADA)
    two.trigger(source="raising", query={"value": "evil"})
    two.trigger("fine", source="raising", query={"value": "good"})
    two.trigger(feature="other")
    two.tick()
    two.clock.pass_(10)
    two.tick()
    assert two.standing().verdict == "source_error"
    assert two.standing().sentence == "error: the source failed: RuntimeError"
    assert two.standing("fine").verdict == "ok"
    assert two.standing(feature="other").evaluated_at == two.clock()


def failures() -> float:
    return TICK_FAILURES._value.get()


@contextmanager
def gone(tenant: Tenant, postgres_server: str) -> Iterator[None]:
    """The database cannot be reached for a while."""
    database = tenant.parts.database
    if database.is_sqlite:
        tenant.sql("ALTER TABLE triggers RENAME TO elsewhere")
        yield
        tenant.sql("ALTER TABLE elsewhere RENAME TO triggers")
        return
    name = database.engine.url.database
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        yield
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def test_a_tick_that_fails_is_counted_and_the_next_one_works(two: Tenant, postgres_server: str) -> None:
    two.trigger()
    before = failures()
    with gone(two, postgres_server):
        two.tick()
        assert failures() == before + 1
        with pytest.raises(DatabaseUnavailable):
            two.standing()
    two.tick()
    assert failures() == before + 1
    assert two.standing().evaluated_at == two.clock()


def test_the_longest_wait_is_measured(two: Tenant) -> None:
    two.trigger()
    two.clock.pass_(7)
    two.tick()
    assert LATENESS._value.get() == 7
    two.tick()
    assert LATENESS._value.get() == 0


def test_messages_are_delivered_and_what_is_old_is_forgotten(two: Tenant) -> None:
    two.trigger()
    two.tick()
    assert two.ask_sql("SELECT count(*) FROM outbox WHERE delivered_at IS NULL") == [(0,)]
    two.clock.pass_(36 * 86_400)
    two.sql("UPDATE triggers SET due_at = due_at * 2")
    two.tick()
    assert two.ask_sql("SELECT (SELECT count(*) FROM readings), (SELECT count(*) FROM outbox)") == [(0, 0)]
    assert two.bad_rows() == []


class Monotonic:
    """Seconds that pass when told to."""

    time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def monotonic() -> Monotonic:
    return Monotonic()


@pytest.fixture
def ticks(app: Flask, monotonic: Monotonic) -> Ticks:
    """The ticks of the application, on a clock of the test."""
    parts = services_of(app)
    ticks = Ticks(
        parts.database,
        parts.evaluations,
        lambda: datetime.now(UTC),
        tick_s=0.02,
        lease_s=60,
        lane_width=4,
        monotonic=monotonic,
    )
    app.extensions["headgate"] = replace(parts, ticks=ticks)
    return ticks


def readiness(app: Flask) -> tuple[int, str]:
    answer = app.test_client().get("/readyz")
    return answer.status_code, answer.get_json()["checks"]["scheduler"]


def test_a_dead_scheduler_turns_readiness_red_until_a_tick_succeeds(
    app: Flask, ticks: Ticks, monotonic: Monotonic
) -> None:
    ticks.start()
    try:
        for monotonic.time in (100.0, 200.0):
            assert eventually(lambda: ticks.is_alive), "the scheduler ticks by itself"
        assert readiness(app) == (200, "ok")
    finally:
        ticks.stop()
    assert not ticks._scheduler.running
    assert ticks.join(PATIENCE_S)
    monotonic.time = 210.0
    assert readiness(app) == (200, "ok")
    monotonic.time = 210.1
    assert readiness(app) == (503, "no tick has succeeded lately")
    assert app.test_client().get("/livez").status_code == 200
    ticks.tick()
    assert readiness(app) == (200, "ok")


def test_ticks_that_fail_turn_readiness_red(app: Flask, ticks: Ticks, monotonic: Monotonic) -> None:
    database = services_of(app).database
    from sqlalchemy import text

    ticks.tick()
    with database.write() as tx:
        tx.execute(text("ALTER TABLE triggers RENAME TO elsewhere"))
    monotonic.time = 11.0
    ticks.tick()
    assert readiness(app) == (503, "no tick has succeeded lately")
    with database.write() as tx:
        tx.execute(text("ALTER TABLE elsewhere RENAME TO triggers"))
    ticks.tick()
    assert readiness(app) == (200, "ok")


def test_a_lane_is_no_wider_than_it_is_and_survives_what_its_work_raises() -> None:
    begun, release, width = [], threading.Event(), 3

    def drain(source: int) -> None:
        begun.append(source)
        assert release.wait(PATIENCE_S)
        raise RuntimeError

    lanes = Lanes(width, drain)
    for _ in range(10):
        lanes.wake(1)
    lanes.wake(2)
    assert eventually(lambda: len(begun) == width + 1)
    assert not lanes.join(0.01)
    release.set()
    assert lanes.join(PATIENCE_S)
    assert sorted(begun) == [1] * width + [2]
