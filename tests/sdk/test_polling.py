"""The poller, one turn at a time, against a real server and a clock that the test moves."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from headgate.polling import MAX_BACKOFF_S, MAX_RETRY_AFTER_S, REFUSED_S, Backoff, Poller
from headgate.transport import Transport
from hypothesis import given
from hypothesis import strategies as st

KEY = "hg_server_1_secret"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def poller(server: Any, clock: Clock) -> Poller:
    return Poller(Transport(server.url, KEY), interval_s=5.0, monotonic=clock, draw=lambda: 0.5)


def mode(poller: Poller, user: str = "user-1") -> str:
    assert poller.view is not None
    return poller.view.decide("feature", {"targetingKey": user}, None).mode


def test_the_first_document_makes_it_ready(server: Any, poller: Poller, document: Any) -> None:
    server.serve(document())
    assert poller.status == "starting"
    assert poller.turn() == 5.0
    assert poller.status == "ready"
    assert poller.ready.is_set()
    assert server.requests[0]["authorization"] == f"Bearer {KEY}"
    assert "if-none-match" not in server.requests[0]


def test_an_unchanged_document_is_not_sent_again(server: Any, poller: Poller, document: Any) -> None:
    server.serve(document())
    poller.turn()
    view = poller.view
    poller.turn()
    assert server.requests[1]["if-none-match"] == '"1"'
    assert poller.view is view


def test_a_new_revision_is_seen_and_told(server: Any, poller: Poller, document: Any) -> None:
    told: list[Any] = []
    poller.listen(lambda revision: 1 / 0)
    poller.listen(told.append)
    server.serve(document("live", revision=1))
    poller.turn()
    server.serve(document("review", revision=2))
    poller.turn()
    poller.turn()
    assert mode(poller) == "review"
    assert told == [1, 2]


BAD_BODIES = [
    b"",
    b"garbage",
    b"[]",
    b"{}",
    b'{"flags": []}',
    b'{"flags": {}, "metadata": {"a": NaN}}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("body", BAD_BODIES, ids=range(len(BAD_BODIES)))
def test_a_bad_document_keeps_the_old_one(server: Any, poller: Poller, document: Any, body: bytes) -> None:
    server.serve(document())
    poller.turn()
    view = poller.view
    server.fail(200, {"ETag": '"2"'}, body)
    assert poller.turn() > 0
    assert poller.view is view
    server.serve(document(revision=1))
    poller.turn()
    assert server.requests[-1]["if-none-match"] == '"1"'


@pytest.mark.parametrize("status", [204, 302, 304, 400, 401, 403, 404, 405, 410, 429, 500, 503])
def test_no_status_stops_it_for_good(server: Any, poller: Poller, document: Any, status: int) -> None:
    server.fail(status, {"Location": "/elsewhere"})
    for _ in range(3):
        assert 0 < poller.turn() < float("inf")
    assert poller.status == "starting"
    server.serve(document())
    poller.turn()
    assert poller.status == "ready"
    assert len(server.requests) == 4


def test_a_refused_key_is_tried_less_often(server: Any, poller: Poller) -> None:
    server.fail(500)
    normal = poller.turn()
    server.fail(401)
    assert poller.turn() >= REFUSED_S / 2 > normal


@pytest.mark.parametrize(
    ("text", "least"), [("40", 40.0), ("soon", 0.0), ("-1", 0.0), ("1" * 8, MAX_RETRY_AFTER_S)]
)
def test_a_numeric_retry_after_is_honoured(server: Any, poller: Poller, text: str, least: float) -> None:
    server.fail(503, {"Retry-After": text})
    wait = poller.turn()
    assert least <= wait <= max(least, 5.0)


def test_a_truncated_body_is_not_applied(server: Any, poller: Poller, document: Any) -> None:
    body = json.dumps(document()).encode()
    server.fail(200, {"Content-Length": str(len(body) + 10), "Connection": "close"}, body)
    poller.turn()
    assert poller.status == "starting"


def test_a_body_that_is_too_big_is_not_applied(server: Any, clock: Clock, document: Any) -> None:
    poller = Poller(Transport(server.url, KEY, max_bytes=100), interval_s=5.0, monotonic=clock)
    server.serve(document())
    poller.turn()
    assert poller.status == "starting"


def test_an_unreachable_server_is_no_more_than_a_failure(clock: Clock) -> None:
    poller = Poller(Transport("http://127.0.0.1:1", KEY), interval_s=5.0, monotonic=clock)
    assert poller.turn() > 0
    assert poller.status == "starting"


def test_trouble_is_logged_once_and_so_is_its_end(
    server: Any, poller: Poller, document: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "headgate"):
        server.fail(500)
        poller.turn()
        poller.turn()
        server.serve(document())
        poller.turn()
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert KEY not in caplog.text


def test_when_the_lease_runs_out_the_flag_falls_back_and_a_304_brings_it_back(
    server: Any, poller: Poller, clock: Clock, document: Any
) -> None:
    server.serve(document(valid_for_s=60))
    poller.turn()
    server.fail(500)
    clock.now += 59
    poller.turn()
    assert (poller.status, mode(poller)) == ("ready", "live")
    clock.now += 1
    poller.check_lease()
    assert (poller.status, mode(poller)) == ("lost", "review")
    server.serve(document(valid_for_s=60))
    poller.turn()
    assert server.requests[-1]["if-none-match"] == '"1"'
    assert (poller.status, mode(poller)) == ("ready", "live")


def test_a_304_renews_the_lease(server: Any, poller: Poller, clock: Clock, document: Any) -> None:
    server.serve(document(valid_for_s=60))
    for _ in range(5):
        poller.turn()
        clock.now += 50
        poller.check_lease()
    assert poller.status == "ready"


def test_garbage_does_not_renew_the_lease(server: Any, poller: Poller, clock: Clock, document: Any) -> None:
    server.serve(document(valid_for_s=60))
    poller.turn()
    server.fail(200, {}, b"garbage")
    clock.now += 61
    poller.turn()
    assert poller.status == "lost"


@pytest.mark.parametrize("valid_for_s", [0, -1, True, "60"])
def test_without_a_sensible_lease_the_flags_stay(
    server: Any, poller: Poller, clock: Clock, document: Any, valid_for_s: Any
) -> None:
    server.serve(document(valid_for_s=valid_for_s))
    poller.turn()
    clock.now += 1e9
    poller.check_lease()
    assert poller.status == "ready"


@given(
    interval=st.floats(0.01, 600),
    refused=st.lists(st.booleans(), min_size=1, max_size=50),
    draw=st.floats(0, 1, exclude_max=True),
)
def test_waits_are_bounded_and_never_zero(interval: float, refused: list[bool], draw: float) -> None:
    backoff = Backoff(interval, lambda: draw)
    for one in refused:
        assert 0 < backoff.after_failure(refused=one) <= max(300.0, interval)
    assert 0.9 * interval <= backoff.after_success() <= 1.1 * interval


def test_waits_double_up_to_a_minute_and_start_again_after_a_success() -> None:
    backoff = Backoff(5.0, lambda: 0.0)
    waits = [backoff.after_failure() for _ in range(6)]
    assert waits == [5.0, 10.0, 20.0, 40.0, MAX_BACKOFF_S, MAX_BACKOFF_S]
    backoff.after_success()
    assert backoff.after_failure() == 5.0
