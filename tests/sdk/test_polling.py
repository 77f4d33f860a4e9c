"""The poller, one turn at a time, against a real server and a clock that the test moves."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from headgate.backoff import MAX_RETRY_AFTER_S, REFUSED_S
from headgate.current import Current
from headgate.polling import Poller
from headgate.tallies import Tallies
from headgate.transport import Transport

from tests.sdk.following import KEY, Clock, clock, current, mode

__all__ = ["clock", "current"]


@pytest.fixture
def poller(server: Any, clock: Clock, current: Current) -> Poller:
    return poller_of(Transport(server.url, KEY), current, clock)


def poller_of(transport: Transport, current: Current, clock: Clock) -> Poller:
    return Poller(transport, current, interval_s=5.0, monotonic=clock, draw=lambda: 0.5)


def test_the_first_document_makes_it_ready(
    server: Any, poller: Poller, current: Current, document: Any
) -> None:
    server.serve(document())
    assert current.status == "starting"
    assert poller.turn() == 5.0
    assert current.status == "ready"
    assert current.ready.is_set()
    assert server.requests[0]["authorization"] == f"Bearer {KEY}"
    assert "if-none-match" not in server.requests[0]


def test_an_unchanged_document_is_not_sent_again(
    server: Any, poller: Poller, current: Current, document: Any
) -> None:
    server.serve(document())
    poller.turn()
    view = current.view
    poller.turn()
    assert server.requests[1]["if-none-match"] == '"1"'
    assert current.view is view


def test_a_new_revision_is_seen_and_told(
    server: Any, poller: Poller, current: Current, document: Any
) -> None:
    told: list[Any] = []
    current.listen(lambda revision: 1 / 0)
    current.listen(told.append)
    server.serve(document("live", revision=1))
    poller.turn()
    server.serve(document("review", revision=2))
    poller.turn()
    poller.turn()
    assert mode(current) == "review"
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
def test_a_bad_document_keeps_the_old_one(
    server: Any, poller: Poller, current: Current, document: Any, body: bytes
) -> None:
    server.serve(document())
    poller.turn()
    view = current.view
    server.fail(200, {"ETag": '"2"'}, body)
    assert poller.turn() > 0
    assert current.view is view
    server.serve(document(revision=1))
    poller.turn()
    assert server.requests[-1]["if-none-match"] == '"1"'


@pytest.mark.parametrize("status", [204, 302, 304, 400, 401, 403, 404, 405, 410, 429, 500, 503])
def test_no_status_stops_it_for_good(
    server: Any, poller: Poller, current: Current, document: Any, status: int
) -> None:
    server.fail(status, {"Location": "/elsewhere"})
    for _ in range(3):
        assert 0 < poller.turn() < float("inf")
    assert current.status == "starting"
    server.serve(document())
    poller.turn()
    assert current.status == "ready"
    assert len(server.requests) == 4


def test_a_refused_key_is_tried_less_often(server: Any, poller: Poller) -> None:
    server.fail(500)
    normal = poller.turn()
    server.fail(401)
    assert poller.turn() >= REFUSED_S / 2 > normal


@pytest.mark.parametrize(
    ("text", "least"),
    [
        ("40", 40.0),
        ("soon", 0.0),
        ("-1", 0.0),
        ("1" * 5000, MAX_RETRY_AFTER_S),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER_S),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
    ],
    ids=range(6),
)
def test_what_a_server_asks_for_is_honoured_within_an_hour(
    server: Any, poller: Poller, text: str, least: float
) -> None:
    server.fail(503, {"Retry-After": text})
    wait = poller.turn()
    assert least <= wait <= max(least + 5.0, 5.0)


def test_a_truncated_body_is_not_applied(
    server: Any, poller: Poller, current: Current, document: Any
) -> None:
    body = json.dumps(document()).encode()
    server.fail(200, {"Content-Length": str(len(body) + 10), "Connection": "close"}, body)
    poller.turn()
    assert current.status == "starting"


def test_a_body_that_is_too_big_is_not_applied(
    server: Any, clock: Clock, current: Current, document: Any
) -> None:
    poller = poller_of(Transport(server.url, KEY, max_bytes=100), current, clock)
    server.serve(document())
    poller.turn()
    assert current.status == "starting"


def test_an_unreachable_server_is_no_more_than_a_failure(clock: Clock, current: Current) -> None:
    poller = poller_of(Transport("http://127.0.0.1:1", KEY), current, clock)
    assert poller.turn() > 0
    assert current.status == "starting"


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
    server: Any, poller: Poller, current: Current, clock: Clock, document: Any
) -> None:
    server.serve(document(valid_for_s=60))
    poller.turn()
    server.fail(500)
    clock.now += 59
    poller.turn()
    assert (current.status, mode(current)) == ("stale", "live")
    clock.now += 1
    current.check_lease()
    assert (current.status, mode(current)) == ("lost", "review")
    server.serve(document(valid_for_s=60))
    poller.turn()
    assert server.requests[-1]["if-none-match"] == '"1"'
    assert (current.status, mode(current)) == ("ready", "live")


def test_a_304_renews_the_lease(
    server: Any, poller: Poller, current: Current, clock: Clock, document: Any
) -> None:
    server.serve(document(valid_for_s=60))
    for _ in range(5):
        poller.turn()
        clock.now += 50
        current.check_lease()
    assert current.status == "ready"


def test_the_lease_counts_how_old_the_answer_was_at_the_server(
    server: Any, poller: Poller, current: Current, clock: Clock, document: Any
) -> None:
    server.serve(document(valid_for_s=60))
    poller.turn()
    assert current.lease_left_s() == 60
    clock.now += 30
    server.fail(304, {"Age": "25"})
    poller.turn()
    assert current.lease_left_s() == 35
    heard: list[Any] = []
    current.listen_to_status(heard.append)
    clock.now += 35
    for age in ("90", "95"):
        old = json.dumps(document(revision=2, valid_for_s=60)).encode()
        server.fail(200, {"Age": age, "ETag": f'"{age}"'}, old)
        poller.turn()
        server.fail(304, {"Age": age})
        poller.turn()
    # It was not back in between.
    assert heard == ["lost"]


def test_a_wall_clock_that_jumps_changes_nothing(server: Any, clock: Clock, document: Any) -> None:
    wall = [1.8e9]
    current = Current(tallies=Tallies(), monotonic=clock, clock=lambda: wall[0])
    poller = poller_of(Transport(server.url, KEY), current, clock)
    server.serve(document(valid_for_s=60))
    poller.turn()
    for jump in (1e9, -1e9, -1e12):
        wall[0] = 1.8e9 + jump
        poller.turn()
        current.check_lease()
        assert (current.status, mode(current)) == ("ready", "live")


def test_a_day_without_a_server_is_asked_through_patiently_and_survived(
    clock: Clock, current: Current, document: Any
) -> None:
    """Nobody is hammered, the flags keep what their lease says, and the first answer counts."""
    poller = poller_of(Transport("http://127.0.0.1:1", KEY), current, clock)
    current.replace(json.dumps(document(valid_for_s=300)).encode(), "1", clock())
    begun, questions = clock.now, 0
    while clock.now < begun + 86_400:
        clock.now += poller.turn()
        questions += 1
    assert 1440 <= questions <= 2 * 1440
    assert (current.status, mode(current)) == ("lost", "review")
    current.replace(json.dumps(document(revision=2)).encode(), "2", clock())
    assert (current.status, mode(current)) == ("ready", "live")


def test_garbage_does_not_renew_the_lease(
    server: Any, poller: Poller, current: Current, clock: Clock, document: Any
) -> None:
    server.serve(document(valid_for_s=60))
    poller.turn()
    server.fail(200, {}, b"garbage")
    clock.now += 61
    poller.turn()
    assert current.status == "lost"


@pytest.mark.parametrize("valid_for_s", [0, -1, True, "60", 10**400], ids=range(5))
def test_without_a_sensible_lease_the_flags_stay(
    server: Any, poller: Poller, current: Current, clock: Clock, document: Any, valid_for_s: Any
) -> None:
    server.serve(document(valid_for_s=valid_for_s))
    poller.turn()
    clock.now += 1e9
    current.check_lease()
    assert current.status == "ready"


@pytest.fixture
def streaming() -> list[bool | None]:
    return [True]


@pytest.fixture
def beside_a_stream(server: Any, clock: Clock, current: Current, streaming: list[bool | None]) -> Poller:
    return Poller(
        Transport(server.url, KEY),
        current,
        interval_s=5.0,
        is_streaming=lambda: streaming[0],
        monotonic=clock,
        draw=lambda: 0.5,
    )


def test_it_only_watches_the_lease_while_a_stream_brings_the_flags(
    server: Any,
    clock: Clock,
    current: Current,
    document: Any,
    beside_a_stream: Poller,
    streaming: list[bool | None],
) -> None:
    server.serve(document(valid_for_s=60))
    assert beside_a_stream.step() == 60.0
    current.replace(json.dumps(document(valid_for_s=60)).encode(), "1", clock())
    assert beside_a_stream.step() == pytest.approx(40.0)
    clock.now += 39
    current.renew(clock())
    assert beside_a_stream.step() == pytest.approx(40.0)
    streaming[0] = False
    assert beside_a_stream.step() == 2.5
    assert server.requests == []
    clock.now += 2.5
    assert beside_a_stream.step() == 5.0
    assert (len(server.requests), current.status) == (1, "ready")


def test_a_stream_that_is_silent_for_long_is_asked_after_before_the_lease_ends(
    server: Any, clock: Clock, current: Current, document: Any, beside_a_stream: Poller
) -> None:
    server.fail(503)
    current.replace(json.dumps(document(valid_for_s=30)).encode(), "1", clock())
    clock.now += 20.5
    waits = [beside_a_stream.step() for _ in range(2)]
    assert len(server.requests) == 1
    assert all(0 < wait <= 9.5 for wait in waits)
    clock.now += 10
    beside_a_stream.step()
    assert (len(server.requests), current.status) == (2, "lost")
    server.serve(document(valid_for_s=30))
    clock.now += 60
    beside_a_stream.step()
    assert current.status == "ready"


def test_a_stream_that_is_lost_does_not_shorten_what_the_server_asked_for(
    server: Any,
    clock: Clock,
    current: Current,
    document: Any,
    beside_a_stream: Poller,
    streaming: list[bool | None],
) -> None:
    current.replace(json.dumps(document(valid_for_s=30)).encode(), "1", clock())
    server.fail(429, {"Retry-After": "300"})
    clock.now += 25
    assert beside_a_stream.step() >= 300
    for lives in (False, True, False):
        streaming[0] = lives
        beside_a_stream.step()
        clock.now += 60
    beside_a_stream.renew()
    assert beside_a_stream.step() >= 100
    assert len(server.requests) == 1


def test_it_waits_a_moment_for_the_first_stream_and_then_asks_by_itself(
    server: Any, clock: Clock, current: Current, document: Any
) -> None:
    poller = Poller(
        Transport(server.url, KEY), current, interval_s=5.0, is_streaming=lambda: None, monotonic=clock
    )
    server.serve(document())
    assert poller.step() == 1.0
    assert server.requests == []
    clock.now += 1
    poller.step()
    assert current.status == "ready"


def test_a_failed_question_makes_the_flags_stale_and_the_next_answer_current_again(
    server: Any, poller: Poller, current: Current, document: Any
) -> None:
    heard: list[Any] = []
    current.listen_to_status(heard.append)
    server.serve(document())
    poller.turn()
    server.fail(503)
    poller.turn()
    server.serve(document())
    poller.turn()
    assert heard == ["ready", "stale", "ready"]


def test_an_answer_that_took_too_long_does_not_undo_what_came_by_another_way(
    clock: Clock, current: Current, document: Any
) -> None:
    asked = clock()
    clock.now += 1
    current.replace(json.dumps(document("off", revision=7)).encode(), "7", clock())
    current.replace(json.dumps(document("live", revision=6)).encode(), "6", asked)
    assert (mode(current), current.etag) == ("off", "7")
    clock.now += 1
    current.replace(json.dumps(document("review", revision=3)).encode(), "3", clock())
    assert mode(current) == "review"
