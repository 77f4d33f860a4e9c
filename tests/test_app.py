"""The application as a whole: what each kind of process opens, and a real one with our own SDK before it."""

from __future__ import annotations

import http.client
import json
import logging
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from flask import Flask
from headgate import Client

from app import create_app, services_of, utc_now
from controller.api.parsing import MAX_BODY_BYTES
from controller.settings import Role, Settings
from tests.conftest import SECRET, MakeApp
from tests.contract.headgate_process import FEATURE, PATIENCE_S, Headgate, eventually, serving
from tests.endpoint import Call
from tests.endpoint import serving as endpoint
from tests.planes import both_planes


@pytest.fixture(scope="module")
def headgate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Headgate]:
    with serving(tmp_path_factory.mktemp("headgate")) as started:
        yield started


@pytest.fixture
def client(headgate: Headgate) -> Iterator[Client]:
    with Client(headgate.url, headgate.server_key, poll_interval_s=0.05) as connected:
        assert connected.wait_until_ready(PATIENCE_S)
        yield connected
    headgate.move("resume")


def test_the_clock_of_a_process_is_in_utc() -> None:
    assert utc_now().tzinfo is UTC
    assert abs((datetime.now(UTC) - utc_now()).total_seconds()) < 60


def test_a_worker_opens_nothing_but_its_health(make_app: MakeApp, sqlite_url: str) -> None:
    app = make_app(sqlite_url, role=Role.WORKER)
    assert {rule.rule for rule in app.url_map.iter_rules()} == {"/livez", "/readyz", "/metrics"}
    client = app.test_client()
    assert client.get("/livez").status_code == 200
    assert client.get("/api/v1/projects").status_code == 404


def test_an_application_does_nothing_by_itself(app: Flask) -> None:
    assert services_of(app).ticks._scheduler.running is False
    assert "scheduler" in app.test_client().get("/readyz").get_json()["checks"]


def test_a_process_whose_schema_is_missing_says_that_it_is_not_ready(tmp_path: Any) -> None:
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path / 'empty.db'}", secret_key=SECRET))
    try:
        answer = app.test_client().get("/readyz")
        assert answer.status_code == 503
        assert "migrate" in answer.get_json()["checks"]["database"]
        assert app.test_client().get("/livez").status_code == 200
    finally:
        services_of(app).database.close()


@pytest.mark.parametrize(
    "path", ["/livez", "/docs/", "/openapi.json", "/nowhere", "/api/v1/projects", "/sdk/v1/flags"]
)
def test_every_answer_is_hardened(app: Flask, path: str) -> None:
    headers = both_planes(app).get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"]
    assert "*" not in headers.get("Access-Control-Allow-Origin", "")


def test_a_move_through_the_api_is_seen_by_the_sdk(headgate: Headgate, client: Client) -> None:
    def mode() -> str:
        return client.decide(FEATURE, "user-1").mode

    decision = client.decide(FEATURE, "user-1")
    assert (decision.mode, decision.release, decision.fallback) == ("live", headgate.release, "search")
    assert client.enabled(FEATURE, "user-1")
    for move, expected in (("review", "review"), ("disable", "off"), ("resume", "live")):
        headgate.move(move)
        eventually(lambda expected=expected: mode() == expected)
        assert client.enabled(FEATURE, "user-1") is (expected == "live")
        assert client.decide(FEATURE, "user-1").revision == client.revision


def test_a_candidate_reaches_the_share_of_users_it_was_given(headgate: Headgate, client: Client) -> None:
    bundle = {"prompt": {"ref": "x@2"}, "model": {"provider": "p", "id": "m"}}
    path = f"/projects/acme/features/{FEATURE}/releases"
    candidate = headgate.ok("POST", path, {"bundle": bundle})["id"]
    headgate.move("introduce", release=candidate, share=5000)

    def releases() -> set[str | None]:
        return {client.decide(FEATURE, f"user-{number}").release for number in range(50)}

    eventually(lambda: releases() == {candidate, headgate.release})
    headgate.move("revert")
    eventually(lambda: releases() == {headgate.release})


def forward(headgate: Headgate, lose: Callable[[Call], bool]) -> Callable[[Call], None]:
    """A door in between that passes everything on, and loses the answers it is told to lose."""

    def behave(call: Call) -> None:
        if call.path == "/sdk/v1/stream":
            call.reply(503, b"it passes on whole answers only")
            return
        passed = {name: value for name, value in call.headers.items() if name not in ("host", "connection")}
        answer = requests.request(
            call.method, headgate.url + call.path, data=call.body, headers=passed, timeout=30
        )
        if lose(call):
            call.reply(502, b"lost")
            return
        kept = {name: answer.headers[name] for name in ("Content-Type", "ETag") if name in answer.headers}
        call.reply(answer.status_code, answer.content, kept)

    return behave


def counted(headgate: Headgate, measure: str) -> Callable[[], int]:
    """A stop rule that watches what is reported from now on, and how many answers it has read of."""
    triggers = f"/projects/acme/environments/staging/rollouts/{FEATURE}/triggers"
    trigger = {"key": measure, "source": "outcomes", "query": {"measure": measure}}
    trigger |= {"method": "threshold", "params": {"limit": 1.0}, "interval_s": 1, "window_s": 600}
    headgate.ok("POST", triggers, trigger | {"ladder": [{"do": "notify"}]})

    def readings() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = headgate.ok("GET", f"{triggers}/{measure}/readings?limit=1")["items"]
        return found

    eventually(readings)  # It counts what arrives after it looked for the first time.
    return lambda: readings()[0]["total"] or 0


def test_outcomes_arrive_once_although_they_are_sent_twice(headgate: Headgate, client: Client) -> None:
    sent: list[set[str]] = []

    def lose(call: Call) -> bool:
        if call.path != "/sdk/v1/outcomes":
            return False
        sent.append({outcome["id"] for outcome in json.loads(call.body)["outcomes"]})
        return len(sent) == 1

    total = counted(headgate, "escalated")
    with (
        endpoint(forward(headgate, lose)) as between,
        Client(between.url, headgate.server_key, poll_interval_s=5, stream=False) as reporting,
    ):
        assert reporting.wait_until_ready(PATIENCE_S)
        decision = reporting.decide(FEATURE, "user-1")
        assert decision.mode == "live"
        for _ in range(7):
            reporting.report(decision, latency_ms=120, escalated=False)
        assert reporting.flush(PATIENCE_S)
        assert reporting.dropped_outcomes == 0
    assert sent[0] <= set().union(*sent[1:]), "the batch whose answer was lost was sent again"
    assert eventually(total) == 7


def test_a_batch_that_is_sent_twice_is_counted_once(headgate: Headgate) -> None:
    outcome = {"feature": FEATURE, "at": "2026-11-20T12:00:00Z", "abandoned": True}
    batch = {"outcomes": [{"id": f"outcome-{number}", **outcome} for number in range(5)]}
    twice = {
        "outcomes": [batch["outcomes"][0], {"id": "outcome-5", **outcome}, {"id": "outcome-5", **outcome}]
    }
    total = counted(headgate, "abandoned")
    answers = [
        requests.post(
            f"{headgate.url}/sdk/v1/outcomes",
            json=content,
            headers={"Authorization": f"Bearer {headgate.server_key}"},
            timeout=30,
        )
        for content in (batch, batch, twice)
    ]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert [answer.json() for answer in answers] == [
        {"accepted": 5, "duplicates": 0},
        {"accepted": 0, "duplicates": 5},
        {"accepted": 1, "duplicates": 2},
    ]
    assert eventually(total) == 6


def raw(headgate: Headgate, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes as they are, and read the answer."""
    address = urlsplit(headgate.url)
    with socket.create_connection((str(address.hostname), int(address.port or 0)), 30) as connection:
        connection.sendall(request)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def head(headgate: Headgate, *lines: str) -> bytes:
    authorization = f"Authorization: Bearer {headgate.admin_key}"
    first = ["POST /api/v1/projects HTTP/1.1", "Host: x", authorization, "Content-Type: application/json"]
    return "\r\n".join([*first, *lines, "", ""]).encode()


def chunked(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def test_a_real_server_refuses_a_body_that_is_too_large_however_it_is_sent(headgate: Headgate) -> None:
    announced = head(headgate, f"Content-Length: {MAX_BODY_BYTES + 1}") + b" " * (MAX_BODY_BYTES + 1)
    valid_in_front = b'{"key": "smuggled"}' + b" " * MAX_BODY_BYTES
    unannounced = head(headgate, "Transfer-Encoding: chunked") + chunked(valid_in_front)
    for request in (announced, unannounced):
        status, headers, body = raw(headgate, request)
        assert (status, headers["content-type"]) == (413, "application/problem+json")
        assert json.loads(body)["code"] == "body_too_large"
    assert headgate.ask("GET", "/projects/smuggled").status_code == 404


def test_a_real_server_reads_a_body_in_chunks(headgate: Headgate) -> None:
    request = head(headgate, "Transfer-Encoding: chunked") + chunked(b'{"key": "in-', b'chunks"}')
    status, _, body = raw(headgate, request)
    assert (status, json.loads(body)["key"]) == (201, "in-chunks")


def test_a_real_server_does_not_fall_over_a_request_that_is_none(headgate: Headgate) -> None:
    for path in (b"/%00", b"/%ff%fe", b"/api/v1/projects/%00", b"/" + b"a" * 4000):
        request = (
            b"GET "
            + path
            + b" HTTP/1.1\r\nHost: x\r\nX-API-Key: "
            + headgate.admin_key.encode()
            + b"\r\n\r\n"
        )
        status, headers, _ = raw(headgate, request)
        assert (status, headers["content-type"]) == (404, "application/problem+json")
    assert headgate.is_ready()


def test_no_key_stands_in_the_log_of_a_real_server(headgate: Headgate) -> None:
    for key in (headgate.admin_key, headgate.server_key, headgate.admin_key[:-1] + "~"):
        headers = {"Authorization": f"Bearer {key}"}
        requests.get(f"{headgate.url}/api/v1/projects?key={key[:20]}", headers=headers, timeout=30)
    log = headgate.log.read_text()
    logging.getLogger(__name__).debug("%d characters of log", len(log))
    for key in (headgate.admin_key, headgate.server_key):
        assert key.split("_", 3)[3] not in log
    assert "Traceback" not in log
