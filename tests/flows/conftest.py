"""A whole installation in one process: real doors over loopback, real SDK, real store; only the clock is ours."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import headgate
import pytest
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from app import services_of
from controller.store.keys import KeyKind
from tests.conftest import Api, Clock, MakeApp
from tests.planes import on_one_port

ROLLOUT = "/projects/acme/environments/production/rollouts/claims-assistant"
FEATURE = "/projects/acme/features/claims-assistant"
BUNDLE = {
    "prompt": {"ref": "git:prompts/answer@1"},
    "model": {"provider": "example", "id": "model-2026-01-01"},
}
PATIENCE_S = 20.0

PLANS = """
requirements:
  evaluation-report: {gate: evaluation, title: Evaluation report, proves: release}
  runbook: {gate: operations, title: Runbook}
tiers:
  T1: &plan
    beta: {ceiling: 5000, start: 1000, soak_s: 60, approvals: 1, armed_triggers: 1, requirements: [evaluation-report]}
    pilot: &later
      ceiling: 10000
      start: 5000
      soak_s: 3600
      approvals: 1
      armed_triggers: 1
      requirements: [evaluation-report, runbook]
    scaled: *later
  T2: *plan
  T3: *plan
"""


class _Silent(WSGIRequestHandler):
    """A request handler that keeps hundreds of polls out of a failing test's output."""

    def log_request(self, *_: object) -> None:
        pass


class Installation:
    """A protected environment with one feature, and the people, product and clock around it."""

    def __init__(self, app: Flask, url: str, clock: Clock, make_key: Callable[..., str]) -> None:
        self.app, self.url, self.clock = app, url, clock
        self.parts = services_of(app)
        self.owner = Api(app.test_client(), make_key(name="owner"))
        self.colleague = Api(app.test_client(), make_key(name="colleague"))
        self.owner.ok("POST", "/projects", {"key": "acme"})
        self.owner.ok("POST", "/projects/acme/environments", {"key": "production", "protected": True})
        described = {"key": "claims-assistant", "owner": "claims", "risk_tier": "T2", "fallback": "search"}
        self.owner.ok("POST", "/projects/acme/features", described)

    def server_key(self) -> str:
        asked = {"kind": KeyKind.SERVER, "name": "product", "environment": "production"}
        return str(self.owner.ok("POST", "/projects/acme/keys", asked)["text"])

    def release(self, model: str = "model-2026-01-01") -> str:
        bundle = BUNDLE | {"model": {"provider": "example", "id": model}}
        return str(self.owner.ok("POST", f"{FEATURE}/releases", {"bundle": bundle})["id"])

    def prove(self, requirement: str, release: str | None = None) -> None:
        answer = {"requirement": requirement, "release": release, "sha256": "0" * 64}
        self.colleague.ok("POST", f"{FEATURE}/evidence", answer)

    def move(self, move: str, **asked: Any) -> Any:
        return self.owner.ok("POST", f"{ROLLOUT}/moves", {"move": move, "reason": "test", **asked})

    def rollout(self) -> Any:
        return self.owner.ok("GET", ROLLOUT)

    def promote(self, stage: str, share: int) -> Any:
        asked = {"stage": stage, "reason": "ready", "exposure": {"share": share}}
        promotion = self.owner.ok("POST", f"{ROLLOUT}/promotions", asked)
        return self.colleague.ok("POST", f"{ROLLOUT}/promotions/{promotion['id']}/approvals")

    def reach_beta(self, *triggers: dict[str, Any], share: int = 5000) -> str:
        """Go the whole way to beta; returns the stable release."""
        release = self.release()
        self.move("introduce", release=release)
        for trigger in triggers:
            self.owner.ok("POST", f"{ROLLOUT}/triggers", trigger)
        self.prove("evaluation-report", release)
        self.clock.pass_(60)
        self.evaluate()
        assert self.promote("beta", share)["status"] == "applied"
        return release

    def evaluate(self) -> None:
        """Let everything that is due be evaluated, as a tick does."""
        self.parts.ticks.tick()
        assert self.parts.ticks.join(PATIENCE_S)

    def changes(self) -> list[Any]:
        return list(self.owner.ok("GET", "/projects/acme/changes?limit=200")["items"])[::-1]


@pytest.fixture
def flow_app(make_app: MakeApp, database_url: str, tmp_path: Any) -> Flask:
    plans = tmp_path / "plans.yaml"
    plans.write_text(PLANS)
    return make_app(database_url, plans=str(plans))


@pytest.fixture
def installation(flow_app: Flask, clock: Clock) -> Iterator[Installation]:
    """The installation, served on a loopback port."""
    server = make_server("127.0.0.1", 0, on_one_port(flow_app), threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def make_key(name: str) -> str:
        from controller.store.keys import add_key, new_secret

        parts, text = services_of(flow_app), new_secret(KeyKind.ADMIN)
        with parts.database.write() as tx:
            add_key(tx, text, parts.settings.secret_key, name=name, by="tests", now=parts.now())
        return text

    yield Installation(flow_app, f"http://127.0.0.1:{server.server_port}", clock, make_key)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def product(installation: Installation) -> Iterator[headgate.Client]:
    """Product code: a real client of the SDK, polling."""
    with headgate.Client(installation.url, installation.server_key(), poll_interval_s=0.02) as client:
        assert client.wait_until_ready(PATIENCE_S)
        yield client


def eventually(happened: Callable[[], bool]) -> bool:
    """Whether something that other threads do comes true in time."""
    until = time.monotonic() + PATIENCE_S
    while not happened():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True
