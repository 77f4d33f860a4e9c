"""The streamer, one stream at a time, against a real server and a clock that the test moves."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from headgate.backoff import REFUSED_S
from headgate.current import Current
from headgate.streaming import HEALTHY_S, MOST_S, SLOWEST_S, Streamer
from headgate.tallies import Tallies
from headgate.transport import Transport

from tests.endpoint import serving
from tests.sdk.following import KEY, Clock, clock, current, mode

__all__ = ["clock", "current"]


@pytest.fixture
def streamer(server: Any, clock: Clock, current: Current) -> Streamer:
    return Streamer(Transport(server.url, KEY), current, monotonic=clock, draw=lambda: 0.0)


def streams(server: Any, *scripts: Callable[[Any], object]) -> None:
    """Let the n-th stream do what the n-th script does, and then end."""
    left = list(scripts)

    def play(stream: Any) -> None:
        left.pop(0)(stream)
        stream.end()

    server.stream_status = 200
    server.on_stream = play


def test_a_put_brings_all_flags_and_a_patch_changes_one(
    server: Any, streamer: Streamer, current: Current, document: Any
) -> None:
    told: list[Any] = []
    current.listen(lambda revision: told.append((revision, mode(current))))

    def script(stream: Any) -> None:
        stream.put(document("live", revision=1))
        stream.patch(1, document("off", revision=2), "feature", unset=["plain"])

    streams(server, script)
    streamer.turn()
    assert told == [(1, "live"), (2, "off")]
    assert current.etag == "2"
    assert current.view is not None
    assert current.view.find("plain", {}).error_code == "FLAG_NOT_FOUND"
    assert current.view.find("disabled", {}).reason == "DISABLED"
    assert current.view.find("feature", {"targetingKey": "user-1"}).decision.revision == 2
    assert server.streams[0].headers["authorization"] == f"Bearer {KEY}"
    assert server.streams[0].headers["accept"] == "text/event-stream"
    assert server.requests == []


def test_it_goes_on_after_the_last_event_and_a_heartbeat_says_that_nothing_was_missed(
    server: Any, streamer: Streamer, current: Current, clock: Clock, document: Any
) -> None:
    streams(server, lambda stream: stream.put(document(valid_for_s=60)), lambda stream: stream.heartbeat())
    streamer.turn()
    clock.now += 61
    current.check_lease()
    assert current.status == "lost"
    streamer.turn()
    assert server.streams[1].headers["last-event-id"] == "1"
    assert (current.status, mode(current)) == ("ready", "live")


def test_a_heartbeat_of_a_server_that_lost_its_database_does_not_renew_the_lease(
    server: Any, streamer: Streamer, current: Current, clock: Clock, document: Any
) -> None:
    heard: list[Any] = []
    current.listen_to_status(heard.append)

    def beat(age: str) -> None:
        streams(server, lambda stream: stream.raw(f": heartbeat age={age}\n\n".encode()))
        streamer.turn()

    current.replace(json.dumps(document(valid_for_s=60)).encode(), "1", clock())
    clock.now += 50
    beat("40")
    assert current.lease_left_s() == 20
    clock.now += 30
    current.check_lease()
    for age in ("70", "100"):
        beat(age)
    assert heard == ["ready", "lost"]
    beat("no number")
    assert heard == ["ready", "lost", "ready"]


def test_a_heartbeat_before_the_first_document_makes_nothing_live(
    server: Any, streamer: Streamer, current: Current
) -> None:
    streams(server, lambda stream: stream.heartbeat())
    streamer.turn()
    assert current.status == "starting"
    assert streamer.is_live is False


def test_a_patch_that_does_not_fit_fetches_the_whole_document(
    server: Any, streamer: Streamer, current: Current, document: Any
) -> None:
    server.serve(document("review", revision=5))

    def script(stream: Any) -> None:
        stream.put(document("live", revision=1))
        stream.patch(4, document("review", revision=5), "feature")
        stream.patch(5, document("off", revision=6), "feature")

    streams(server, script)
    streamer.turn()
    assert (current.etag, mode(current), len(server.requests)) == ("6", "off", 1)


def test_a_patch_that_came_by_another_way_is_left_out(
    server: Any, streamer: Streamer, current: Current, document: Any
) -> None:
    def script(stream: Any) -> None:
        stream.put(document("live", revision=2))
        stream.patch(1, document("live", revision=2), "feature")

    streams(server, script)
    streamer.turn()
    assert server.requests == []


def test_patches_that_never_fit_end_the_stream_instead_of_hammering(
    server: Any, streamer: Streamer, document: Any
) -> None:
    server.serve(document(revision=5))

    def script(stream: Any) -> None:
        stream.put(document(revision=1))
        for revision in range(100, 200):
            stream.patch(revision, document(revision=revision + 1), "feature")

    streams(server, script)
    assert streamer.turn() >= 1.0
    assert len(server.requests) <= 6


GARBAGE = [
    b"garbage",
    b"event: put\ndata: {\n\n",
    b"event: put\ndata: []\n\n",
    b'event: put\ndata: {"flags": {}, "metadata": {"a": NaN}}\n\n',
    b"event: put\ndata: " + b"[" * 100_000 + b"\n\n",
    b"event: patch\ndata: []\n\n",
    b"event: patch\ndata: nonsense\n\n",
    b'event: patch\ndata: {"from": "1", "set": [], "unset": {}, "metadata": {}}\n\n',
    b'event: patch\ndata: {"from": "1", "set": {}, "unset": [], "metadata": {"a": []}}\n\n',
    b'event: put\nid: 2\ndata: {"flags": {"feature": ',
    b"\xff\xfe\x00\x01\n\n",
    b"event: \xff\nid: \xff\ndata: \xff\n\n",
    b"event: unheard-of\ndata: 1\n\n",
]


@pytest.mark.parametrize("raw", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_and_a_truncated_event_change_nothing(
    server: Any, streamer: Streamer, current: Current, document: Any, raw: bytes
) -> None:
    def script(stream: Any) -> None:
        stream.put(document())
        stream.raw(raw)

    streams(server, script)
    assert streamer.turn() > 0
    assert (current.etag, mode(current)) == ("1", "live")


@pytest.mark.parametrize("name", [b"a\rb", "日".encode(), b'a"b', b"", b"x" * 100_000], ids=range(5))
def test_flags_with_a_name_that_cannot_be_said_again_are_asked_for_without_it(
    server: Any, streamer: Streamer, current: Current, clock: Clock, document: Any, name: bytes
) -> None:
    whole = json.dumps(document(revision=1)).encode()
    streams(
        server,
        lambda stream: stream.raw(b"event: put\nid: " + name + b"\ndata: " + whole + b"\n\n"),
        lambda stream: stream.put(document("off", revision=2)),
    )
    streamer.turn()
    assert (current.etag, mode(current)) == (None, "live")
    streamer.turn()
    assert (current.etag, mode(current)) == ("2", "off")


@pytest.mark.parametrize("status", [204, 301, 400, 401, 403, 404, 429, 500, 503])
def test_no_status_stops_it_for_good_and_what_people_must_change_is_tried_less_often(
    server: Any, streamer: Streamer, current: Current, document: Any, status: int
) -> None:
    server.stream_status, server.stream_headers = status, {"Location": "/elsewhere"}
    first, second = streamer.turn(), streamer.turn()
    slow = status in (401, 403, 404)
    assert (first, second) == ((REFUSED_S, 2 * REFUSED_S) if slow else (1.0, 2.0))
    assert streamer.is_live is False
    streams(server, lambda stream: stream.put(document()))
    streamer.turn()
    assert current.status == "ready"


def test_an_answer_that_is_no_stream_is_refused(server: Any, streamer: Streamer) -> None:
    server.stream_status, server.stream_headers = 200, {}
    streams(server, lambda stream: None)
    transport = streamer._transport
    opened = transport.stream

    def as_html(*given: Any) -> Any:
        stream = opened(*given)
        stream.headers["content-type"] = "text/html"
        return stream

    transport.stream = as_html  # type: ignore[method-assign]
    assert streamer.turn() == REFUSED_S


@pytest.mark.parametrize("as_date", [True, False])
def test_the_server_may_ask_for_patience(server: Any, streamer: Streamer, as_date: bool) -> None:
    until = formatdate(time.time() + 60, usegmt=True) if as_date else "60"
    server.stream_status, server.stream_headers = 503, {"Retry-After": until}
    assert 40 <= streamer.turn() <= 61


def test_waits_grow_to_half_a_minute_and_begin_anew_after_a_healthy_stream(
    server: Any, streamer: Streamer, clock: Clock, document: Any
) -> None:
    server.stream_status = 500
    assert [streamer.turn() for _ in range(7)] == [1, 2, 4, 8, 16, MOST_S, MOST_S]

    def script(stream: Any) -> None:
        stream.put(document())

    streams(server, script)
    assert streamer.turn() == MOST_S
    current_now = clock.now

    def lasting(stream: Any) -> None:
        clock.now = current_now + HEALTHY_S
        stream.put(document())

    streams(server, lasting)
    assert streamer.turn() == 1.0


def test_it_says_when_it_is_live_and_when_no_longer(
    server: Any, clock: Clock, current: Current, document: Any
) -> None:
    heard: list[Any] = []
    streamer = Streamer(
        Transport(server.url, KEY), current, tell=lambda: heard.append(streamer.is_live), monotonic=clock
    )
    streams(server, lambda stream: stream.put(document()), lambda stream: stream.heartbeat())
    assert streamer.is_live is None
    streamer.turn()
    streamer.turn()
    assert heard == [True, False, True, False]


def test_an_unexpected_failure_is_no_live_stream_either(
    server: Any, streamer: Streamer, current: Current, document: Any
) -> None:
    streams(server, lambda stream: stream.put(document()))
    streamer._take = lambda event: 1 / 0  # type: ignore[assignment, method-assign, return-value]
    with pytest.raises(ZeroDivisionError):
        streamer.turn()
    assert streamer.is_live is False
    streamer.worker._step = lambda: 1 / 0  # type: ignore[assignment, return-value]
    assert streamer.worker._survive() > 0


def test_a_server_that_is_not_there_makes_it_known_that_there_is_no_stream(
    clock: Clock, current: Current
) -> None:
    streamer = Streamer(Transport("http://127.0.0.1:1", KEY), current, monotonic=clock)
    streamer.turn()
    assert streamer.is_live is False


def test_a_silent_stream_is_dead(
    server: Any, streamer: Streamer, document: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headgate.streaming.SILENCE_S", 0.05)
    server.stream_document(document())
    assert streamer.turn() == 1.0
    assert streamer.is_live is False


def test_a_stream_that_drips_and_brings_nothing_whole_is_dead(
    server: Any, streamer: Streamer, current: Current, clock: Clock, document: Any
) -> None:
    server.stream_document(document())

    def drip(_: Any) -> None:
        for _ in range(3):
            clock.now += SLOWEST_S / 2
            server.streams[0].raw(b"event: ")

    current.listen(drip)
    assert streamer.turn() == 1.0
    assert streamer.is_live is False


def test_another_thread_can_interrupt_it(server: Any, streamer: Streamer, document: Any) -> None:
    server.stream_document(document())
    live = threading.Event()
    streamer._tell = live.set
    thread = threading.Thread(target=streamer.turn)
    thread.start()
    assert live.wait(20)
    streamer.interrupt()
    thread.join(20)
    assert not thread.is_alive()


@pytest.fixture
def tls_url() -> Iterator[str]:
    """A server whose certificate nobody trusts: it has none, and hangs up in the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    http = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    http.socket = context.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=True)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    yield f"https://127.0.0.1:{http.server_address[1]}"
    http.shutdown()
    http.server_close()
    thread.join()


def test_a_tls_failure_is_tried_less_often_and_never_given_up(
    tls_url: str, clock: Clock, current: Current
) -> None:
    streamer = Streamer(Transport(tls_url, KEY), current, monotonic=clock, draw=lambda: 0.0)
    assert [streamer.turn(), streamer.turn()] == [REFUSED_S, 2 * REFUSED_S]


def test_a_handshake_that_is_cut_off_is_tried_soon_again(clock: Clock, current: Current) -> None:
    with serving(lambda call: call.connection.recv(1 << 14) and None, read_request=False) as endpoint:
        url = endpoint.url.replace("http://", "https://")
        streamer = Streamer(Transport(url, KEY), current, monotonic=clock, draw=lambda: 0.0)
        assert [streamer.turn(), streamer.turn()] == [1.0, 2.0]


def test_a_patch_of_one_of_ten_thousand_flags_keeps_the_others(clock: Clock, document: Any) -> None:
    flag = document()["flags"]["plain"]
    whole = {"metadata": {"revision": 1}, "flags": {f"flag-{n}": flag for n in range(10_000)}}
    current = Current(tallies=Tallies(), monotonic=clock)
    current.replace(json.dumps(whole).encode(), "1", clock())
    changed = {**flag, "defaultVariant": None}
    assert current.patch(
        {"from": "1", "set": {"flag-7": changed}, "unset": [], "metadata": {"revision": 2}}, "2"
    )
    assert current.view is not None
    assert current.view.find("flag-7", {}).variant is None
    assert current.view.find("flag-8", {}).value == "text"
    assert len(current.view.document.keys()) == 10_000
