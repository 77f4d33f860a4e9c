"""The command line against a whole installation over loopback."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from app import services_of
from controller.cli import main
from controller.store.keys import KeyKind, add_key, new_secret
from tests.conftest import SECRET, Api, Clock, MakeApp

FEATURE = "claims-assistant"
BUNDLE = {
    "prompt": {"ref": "git:prompts/answer.md@1"},
    "model": {"provider": "example", "id": "model-2026-01-01"},
}
PLANS = """
requirements:
  evaluation-report:
    gate: evaluation
    title: Evaluation report
    artifact: eval_report
    proves: release
    threshold: {metric: pass_rate, at_least: 0.8}
    min_samples: 40
    missed: waive
  runbook: {gate: operations, title: Runbook}
  glossary: {gate: evaluation, title: Glossary, missed: remind}
tiers:
  T1: &free
    beta: {ceiling: 10000, ramp: [{share: 1000, approvals: 0}, {share: 5000, approvals: 1}]}
    pilot: {ceiling: 10000, start: 5000}
    scaled: {ceiling: 10000, start: 10000}
  T2: &strict
    beta: {ceiling: 5000, start: 1000, approvals: 1, requirements: [evaluation-report, runbook]}
    pilot: {ceiling: 10000, start: 5000, approvals: 1}
    scaled: {ceiling: 10000, start: 10000, approvals: 1, requirements: [glossary]}
  T3: *strict
"""


class _Silent(WSGIRequestHandler):
    def log_request(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def listening(app: Any) -> Iterator[str]:
    """The address of a WSGI application that is served on loopback."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Shell:
    """A shell of somebody who has a key."""

    url: str
    key: str
    environment: str = "production"

    def run(self, *arguments: str, input: str | None = None, **variables: str | None) -> Result:
        known = {
            "HEADGATE_URL": self.url,
            "HEADGATE_API_KEY": self.key,
            "HEADGATE_PROJECT": "acme",
            "HEADGATE_ENVIRONMENT": self.environment,
            "HEADGATE_CA_FILE": None,
        }
        return CliRunner(env={**known, **variables}).invoke(main, arguments, input=input)

    def ok(self, *arguments: str, **kwargs: Any) -> str:
        """What a command says that succeeds."""
        done = self.run(*arguments, **kwargs)
        assert done.exit_code == 0, done.output
        return done.output

    def read(self, *arguments: str) -> Any:
        """What the API answered, as a command passes it on."""
        return json.loads(self.ok(*arguments, "--json"))

    def refused(self, *arguments: str, **kwargs: Any) -> str:
        """What a command says that is refused."""
        done = self.run(*arguments, **kwargs)
        assert done.exit_code == 1, done.output
        assert done.stdout == ""
        return done.stderr

    def misused(self, *arguments: str, **kwargs: Any) -> str:
        """What a command says that was called in a wrong way."""
        done = self.run(*arguments, **kwargs)
        assert done.exit_code == 2, done.output
        return done.stderr


NOWHERE = Shell("http://127.0.0.1:1", "hg_admin_x")
"""A shell whose installation is not there: for what has to be told before anything is sent."""


@dataclass
class Installation:
    """A project with a protected and a free environment, and two people in front of their shells."""

    app: Flask
    api: Api
    ada: Shell
    bob: Shell

    @property
    def free(self) -> Shell:
        """The first person in the environment where nothing is asked for."""
        return Shell(self.ada.url, self.ada.key, "staging")

    def feature(self, tier: str = "T1", **described: Any) -> None:
        content = {"key": FEATURE, "owner": "claims", "risk_tier": tier, "fallback": "search", **described}
        self.api.ok("POST", "/projects/acme/features", content)

    def release(self, model: str = "model-2026-01-01") -> str:
        bundle = BUNDLE | {"model": {"provider": "example", "id": model}}
        made = self.api.ok("POST", f"/projects/acme/features/{FEATURE}/releases", {"bundle": bundle})
        return str(made["id"])

    def live(self, **described: Any) -> str:
        """A feature in beta, for everybody, in the free environment; gives its release."""
        self.feature(**described)
        release = self.release()
        rollout = f"/projects/acme/environments/staging/rollouts/{FEATURE}"
        asked = {"move": "introduce", "release": release, "reason": "first"}
        self.api.ok("POST", f"{rollout}/moves", asked)
        promotion = {"stage": "beta", "reason": "ready", "exposure": {"share": 10_000}}
        self.api.ok("POST", f"{rollout}/promotions", promotion)
        return release

    def new_key(self, name: str, **rest: Any) -> str:
        parts, text = services_of(self.app), new_secret(KeyKind.ADMIN)
        with parts.database.write() as tx:
            add_key(tx, text, SECRET, name=name, by="tests", now=parts.now(), **rest)
        return text


@pytest.fixture
def app(make_app: MakeApp, sqlite_url: str, tmp_path: Path, clock: Clock) -> Flask:
    """An application whose clock shows the time of the command line, and stands still."""
    clock.time = datetime.now(UTC)
    plans = tmp_path / "plans.yaml"
    plans.write_text(PLANS)
    return make_app(sqlite_url, plans=str(plans))


@pytest.fixture
def url(app: Flask) -> Iterator[str]:
    with listening(app) as url:
        yield url


@pytest.fixture
def installation(app: Flask, api: Api, url: str, make_key: Callable[..., str]) -> Installation:
    api.ok("POST", "/projects", {"key": "acme"})
    for key, protected in (("production", True), ("staging", False)):
        api.ok("POST", "/projects/acme/environments", {"key": key, "protected": protected})
    ada, bob = (Shell(url, make_key(name=name)) for name in ("ada", "bob"))
    return Installation(app, api, ada, bob)


@pytest.fixture
def ada(installation: Installation) -> Shell:
    return installation.ada
