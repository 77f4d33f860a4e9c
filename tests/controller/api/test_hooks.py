"""Alerts come in: who is let in, what is kept of them, and what a trigger then reads."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from controller.sources import SOURCES
from controller.store.projects import get_project
from controller.store.sources import get_source
from tests.controller.api.world import World
from triggers import Reading, Status, Window

SECRET = "the-secret-of-the-sender"
ALERT: dict[str, Any] = {
    "status": "firing",
    "labels": {"alertname": "HighErrorRate", "feature": "claims", "severity": "critical"},
    "annotations": {"summary": "too many"},
    "startsAt": "2026-11-20T11:59:00Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "fingerprint": "d1",
}
RESOLVED = {**ALERT, "status": "resolved", "endsAt": "2026-11-20T12:00:00Z"}
GENERIC = {"alert": "HighErrorRate", "status": "firing", "labels": {"feature": "claims"}}
MONITOR = {
    "type": "monitor-alert",
    "monitorId": "m-1",
    "severity": "ALERT",
    "message": {"title": "HighErrorRate", "body": "…"},
}
MESSAGES = {
    "alertmanager": {"version": "4", "status": "firing", "alerts": [ALERT]},
    "grafana": {"status": "firing", "alerts": [ALERT], "title": "[FIRING:1]"},
    "langfuse": MONITOR,
    "generic": GENERIC,
}


@dataclass
class Hook:
    """A source that is told, and its sender."""

    world: World
    sender: str

    def send(self, body: object, headers: Mapping[str, str] | None = None) -> tuple[int, dict[str, Any]]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        signed = self.signed(data) if headers is None else headers
        content = {"Content-Type": "application/json", **signed}
        answer = self.world.api.client.post("/hooks/v1/acme/alerts", data=data, headers=content)
        return answer.status_code, answer.get_json()

    def signed(
        self, body: bytes, secret: str = SECRET, age_s: float = 0, id: str = "msg_1"
    ) -> dict[str, str]:
        stamp = str(int(self.world.parts.now().timestamp() - age_s))
        if self.sender == "generic":
            digest = hmac.new(secret.encode(), f"{id}.{stamp}.".encode() + body, hashlib.sha256).digest()
            shown = f"v1,bm9wZQ== v1,{base64.b64encode(digest).decode()}"
            return {"webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": shown}
        if self.sender == "langfuse":
            found = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256)
            return {"x-langfuse-signature": f"t={stamp},v1={found.hexdigest()}"}
        return {"Authorization": f"Bearer {secret}"}

    def read(self, alert: str = "HighErrorRate", feature: str = "claims", labels: str = "") -> Reading:
        parts = self.world.parts
        with parts.database.read() as tx:
            settings = get_source(tx, get_project(tx, "acme").id, "alerts").settings
        source = SOURCES["inbound"].from_settings(settings, parts.sources.access)
        end = parts.now() + timedelta(seconds=1)
        variables = {"project": "acme", "environment": "production", "feature": feature}
        query = {"alert": alert} | ({"labels": labels} if labels else {})
        return source.read(query, variables, Window(end - timedelta(minutes=5), end), 5.0)


def hook(world: World, sender: str) -> Hook:
    settings = {"sender": sender, "secret": SECRET}
    content = {"key": "alerts", "kind": "inbound", "settings": settings}
    made = world.api.ok("POST", "/projects/acme/sources", content)
    assert made["settings"] == {"sender": sender, "secret": "***"}
    return Hook(world, sender)


@pytest.mark.parametrize("sender", MESSAGES)
def test_an_alert_that_fires_is_bad_and_silence_is_no_data(world: World, sender: str) -> None:
    told = hook(world, sender)
    assert told.read().status is Status.NO_DATA
    assert told.send(MESSAGES[sender]) == (202, {"accepted": 1})
    reading = told.read()
    assert (reading.status, reading.bad, reading.total) == (Status.OK, 1, 1)
    assert reading.newest_sample_at == world.parts.now()
    assert told.read("AnotherAlert").status is Status.NO_DATA
    assert told.read("*").bad == 1


@pytest.mark.parametrize("sender", MESSAGES)
def test_who_cannot_show_who_it_is_is_not_let_in(world: World, sender: str) -> None:
    told = hook(world, sender)
    body = json.dumps(MESSAGES[sender]).encode()
    wrong = [{}, told.signed(body, secret="another-secret"), dict.fromkeys(told.signed(body), "")]
    if sender in ("langfuse", "generic"):
        wrong += [told.signed(body, age_s=301), told.signed(body, age_s=-301), told.signed(body + b" ")]
    for headers in wrong:
        status, problem = told.send(body, headers)
        assert (status, problem["code"]) == (401, "not_from_sender")
    assert told.read().status is Status.NO_DATA


def test_where_there_is_no_such_source_nobody_learns_of_it(world: World) -> None:
    told = Hook(world, "generic")
    assert told.send(GENERIC)[0] == 401
    answer = world.api.client.post("/hooks/v1/acme/outcomes", json=GENERIC)
    assert answer.status_code == 401


@pytest.mark.parametrize("sender", ["langfuse", "generic"])
def test_a_signed_message_is_taken_once(world: World, sender: str) -> None:
    told = hook(world, sender)
    headers = told.signed(json.dumps(MESSAGES[sender]).encode())
    assert told.send(MESSAGES[sender], headers)[0] == 202
    status, problem = told.send(MESSAGES[sender], headers)
    assert (status, problem["code"]) == (409, "replayed")


def test_what_alertmanager_repeats_is_the_same_alert_and_resolving_ends_it(world: World) -> None:
    told = hook(world, "alertmanager")
    basic = {"Authorization": f"Basic {base64.b64encode(f'us:{SECRET}'.encode()).decode()}"}
    assert told.send({"alerts": [ALERT]}, basic) == (202, {"accepted": 1})
    assert told.send({"alerts": [ALERT, {**ALERT, "fingerprint": "d2"}]}) == (202, {"accepted": 1})
    assert (told.read().bad, told.read().total) == (2, 2)
    assert told.send({"alerts": [RESOLVED]}) == (202, {"accepted": 1})
    assert (told.read().bad, told.read().total) == (1, 2)


def test_an_alert_is_that_of_the_feature_and_the_labels_that_are_asked_for(world: World) -> None:
    told = hook(world, "alertmanager")
    told.send({"alerts": [ALERT]})
    assert told.read(feature="search").status is Status.NO_DATA
    assert told.read(labels="severity=critical").bad == 1
    assert told.read(labels="severity=critical, team=claims").status is Status.NO_DATA
    assert told.read(labels="severity").status is Status.ERROR


def test_a_monitor_without_data_tells_nothing(world: World) -> None:
    told = hook(world, "langfuse")
    assert told.send({**MONITOR, "severity": "NO_DATA"}) == (202, {"accepted": 0})
    assert told.read().status is Status.NO_DATA
    assert told.send({"type": "monitor-alert", "payload": {**MONITOR, "severity": "OK"}})[0] == 202
    assert (told.read().bad, told.read().total) == (0, 1)


@pytest.mark.parametrize(
    ("sender", "message"),
    [
        ("alertmanager", {}),
        ("alertmanager", {"alerts": {}}),
        ("alertmanager", {"alerts": [{"status": "firing"}]}),
        ("alertmanager", {"alerts": [{"status": "maybe", "labels": {"alertname": "x"}}]}),
        ("alertmanager", {"alerts": [{"status": "firing", "labels": {}}]}),
        ("alertmanager", {"alerts": [{"status": "firing", "labels": {"alertname": 1}}]}),
        ("alertmanager", {"alerts": [ALERT] * 501}),
        ("langfuse", {"type": "ping"}),
        ("langfuse", {"type": "monitor-alert", "severity": "ALERT"}),
        ("generic", {"alert": "x", "status": "on"}),
        ("generic", {"alert": "", "status": "firing"}),
        ("generic", {"alert": "x", "status": "firing", "fingerprint": 1}),
        ("generic", {"alert": "x", "status": "firing", "labels": {str(n): "" for n in range(51)}}),
        ("generic", ["alert"]),
    ],
)
def test_what_is_not_in_the_format_is_refused_and_nothing_kept(
    world: World, sender: str, message: object
) -> None:
    told = hook(world, sender)
    status, problem = told.send(message)
    assert (status, problem["code"]) == (422, "invalid_field")
    assert told.read("*").status is Status.NO_DATA


@pytest.mark.parametrize("body", [b"", b"{", b"[1", b'{"a": NaN}', b'{"a": 1, "a": 2}'])
def test_what_is_no_json_is_refused(world: World, body: bytes) -> None:
    assert hook(world, "generic").send(body)[0] == 400


def test_a_secret_of_the_standard_webhooks_is_their_key(world: World) -> None:
    key = b"0123456789abcdef01234567"
    secret = f"whsec_{base64.b64encode(key).decode()}"
    content = {"key": "alerts", "kind": "inbound", "settings": {"sender": "generic", "secret": secret}}
    world.api.ok("POST", "/projects/acme/sources", content)
    told = Hook(world, "generic")
    headers = told.signed(json.dumps(GENERIC).encode(), secret=key.decode())
    assert told.send(GENERIC, headers) == (202, {"accepted": 1})
