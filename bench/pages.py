"""What a page of the console costs the server with many features: time, questions to the database, bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import thread_time

from flask.testing import FlaskClient
from sqlalchemy import event, update

from app import create_app, services_of
from bench.installation import Clock
from bench.installation import populated as populate
from bench.measuring import Effort, Table
from controller.console.auth import COOKIE
from controller.passwords import hash_password
from controller.services import Services
from controller.settings import Settings
from controller.store.database import Transaction
from controller.store.migrate import migrate
from controller.store.projects import get_environment, get_project
from controller.store.rollouts import rollouts_in
from controller.store.tables import environments, rollouts
from controller.store.triggers import add_trigger
from controller.store.users import add_user, find_user, open_session
from stages import Stage
from triggers import Action, Arming, Rung, Trigger, parse_method

_SECRET = "a-secret-of-the-benchmark-that-guards-nothing"
_TOKEN = "a-session-of-the-benchmark"
_EMAIL = "bench@acme.example"
_FEATURE = "/projects/acme/environments/production/features/feature-1"
_PAGES = {
    "board": "/?project=acme&environment=production",
    "board, one stage": "/?project=acme&environment=production&stage=pilot",
    "board, search": "/?project=acme&environment=production&text=feature-77",
    "pulse": "/live",
    "feature": _FEATURE,
    "promotion": f"{_FEATURE}/promotion",
}
_TRIGGERS = 3


def run(effort: Effort) -> list[Table]:
    """Measure each page in this process; the first of a kind is left out, because it compiles its template."""
    features = effort.flags[0]
    title = f"Pages of the console, {features} features with {_TRIGGERS} triggers each, SQLite"
    table = Table(title, ("page", "ms of the processor", "slowest", "queries", "KB"))
    with tempfile.TemporaryDirectory() as folder:
        client, services = _installation(Path(folder), features)
        asked = _counting(services)
        for name, path in _PAGES.items():
            client.get(path)
            times, size = [], 0
            for _ in range(max(5, effort.rounds)):
                asked.clear()
                start = thread_time()
                answer = client.get(path)
                times.append((thread_time() - start) * 1000)
                size = len(answer.data)
                if answer.status_code != 200:
                    raise RuntimeError(f"GET {path}: {answer.status_code}")
            table.add(
                name, f"{median(times):.0f}", f"{max(times):.0f}", f"{len(asked)}", f"{size / 1000:.0f}"
            )
        services.database.close()
    return [table]


def _counting(services: Services) -> list[str]:
    asked: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    event.listen(services.database.engine, "before_cursor_execute", count)
    return asked


def _installation(folder: Path, features: int) -> tuple[FlaskClient, Services]:
    clock = Clock()
    settings = Settings(database_url=f"sqlite:///{folder / 'headgate.db'}", secret_key=_SECRET)
    app = create_app(settings, clock)
    services = services_of(app)
    migrate(services.database)
    populate(services, features)
    with services.database.write() as tx:
        _spread_out(tx)
        _watch(tx, services)
        add_user(tx, _EMAIL, hash_password(_SECRET), clock(), must_change=False, is_admin=True)
        user = find_user(tx, _EMAIL)
        if user is None:
            raise RuntimeError("the user is gone")
        open_session(tx, user.id, _TOKEN, _TOKEN, clock(), clock() + timedelta(hours=1))
    client = app.test_client()
    client.set_cookie(COOKIE, _TOKEN)
    return client, services


def _spread_out(tx: Transaction) -> None:
    """Features in every stage, in an environment that asks for evidence."""
    tx.execute(update(environments).values(protected=True))
    for number, stage in enumerate(Stage):
        tx.execute(update(rollouts).where(rollouts.c.id % len(Stage) == number).values(stage=stage.value))


def _watch(tx: Transaction, services: Services) -> None:
    environment = get_environment(tx, get_project(tx, "acme").id, "production")
    for stored in rollouts_in(tx, environment.id):
        for trigger in _triggers():
            add_trigger(tx, stored.id, 1, {"measure": "unsupported"}, trigger, services.now())


def _triggers() -> Iterator[Trigger]:
    for number in range(_TRIGGERS):
        yield Trigger(
            key=f"trigger-{number}",
            method=parse_method("threshold", {"limit": 0.05, "min_samples": 50}),
            window_s=3600,
            interval_s=60,
            arming=Arming.ACT,
            ladder=(Rung(Action.REVIEW),),
        )
