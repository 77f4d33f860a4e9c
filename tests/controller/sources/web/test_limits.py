"""A source is not asked more than it, or who runs it, can bear."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from controller.sources.web import WEB_SETTINGS, Entered, Web, web_from
from controller.sources.web.limits import LONGEST_PAUSE_S, Busy, Gate
from controller.store.budgets import take
from controller.store.database import Database
from tests.access import fresh_access
from tests.conftest import START, Clock
from tests.endpoint import Endpoint, replying, serving

PATIENT_S = 20.0
A_DATE, A_MINUTE_BEFORE = "Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:27:00 GMT"


def web(endpoint: Endpoint, **settings: object) -> Web:
    return web_from(Entered({"url": endpoint.url, **settings}, WEB_SETTINGS), fresh_access())


def test_no_more_than_so_many_ask_at_once() -> None:
    gate = Gate(2)
    inside, leave = threading.Barrier(3), threading.Event()

    def stay() -> None:
        with gate.passed(PATIENT_S):
            inside.wait(PATIENT_S)
            leave.wait(PATIENT_S)

    threads = [threading.Thread(target=stay) for _ in range(2)]
    for thread in threads:
        thread.start()
    inside.wait(PATIENT_S)
    with pytest.raises(Busy, match="2 requests"), gate.passed(0.01):
        pass
    leave.set()
    for thread in threads:
        thread.join(PATIENT_S)
    with gate.passed(0.01):
        pass


@pytest.mark.parametrize(
    ("status", "headers", "pause_s"),
    [
        (429, {"Retry-After": "30"}, 30),
        (503, {"Retry-After": "30"}, 30),
        (429, {"Retry-After": "86400"}, LONGEST_PAUSE_S),
        (200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "12"}, 12),
        (200, {"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "12"}, 0),
        (429, {"Date": A_MINUTE_BEFORE, "Retry-After": A_DATE}, 60),
        (503, {"Date": A_DATE, "Retry-After": A_MINUTE_BEFORE}, 0),
        (429, {"Retry-After": "soon", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "12"}, 12),
        (429, {}, 0),
        (500, {"Retry-After": "30"}, 0),
    ],
)
def test_a_source_that_asks_to_be_left_alone_is(status: int, headers: dict[str, str], pause_s: float) -> None:
    with serving(replying(status, b"", headers)) as endpoint:
        source = web(endpoint)
        now = source.gate.clock()
        source.gate.clock = lambda: now
        source.send("GET", "/", PATIENT_S)
        source.gate.clock = lambda: now + pause_s - 1
        if pause_s:
            with pytest.raises(Busy, match="left alone"):
                source.send("GET", "/", PATIENT_S)
        source.gate.clock = lambda: now + pause_s + 1
        source.send("GET", "/", PATIENT_S)
        assert len(endpoint.calls) == 2


def test_a_budget_is_shared_by_all_workers_and_refills(database: Database, clock: Clock) -> None:
    one, other = (fresh_access(database=database, now=clock).budget("source", 60) for _ in range(2))
    taken = [take_one() for _ in range(5) for take_one in (one, other)]
    assert taken == [0.0] * 10
    assert one() == other() == pytest.approx(1.0)
    clock.pass_(1)
    assert one() == 0.0
    assert other() == pytest.approx(1.0)
    clock.pass_(3600)
    assert [one() for _ in range(11)] == [*[0.0] * 10, pytest.approx(1.0)]


def test_a_small_budget_allows_one_request_at_a_time(database: Database) -> None:
    with database.write() as tx:
        assert take(tx, "small", 1, START) == 0.0
        assert take(tx, "small", 1, START) == pytest.approx(60.0)
        assert take(tx, "other", 1, START) == 0.0
        assert take(tx, "small", 1, START + timedelta(seconds=60)) == 0.0


def test_a_request_beyond_the_budget_is_not_sent(database: Database) -> None:
    with serving(replying(200)) as endpoint:
        settings = {"url": endpoint.url, "per_minute": 1}
        source = web_from(Entered(settings, WEB_SETTINGS), fresh_access(database=database))
        source.send("GET", "/", PATIENT_S)
        with pytest.raises(Busy, match="used up"):
            source.send("GET", "/", PATIENT_S)
        assert len(endpoint.calls) == 1


def test_where_the_budget_cannot_be_read_nothing_is_asked() -> None:
    assert fresh_access().budget("source", 60)() > 0
