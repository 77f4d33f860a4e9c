"""Every address is closed to whoever has no business there, by the matched endpoint and never by the path."""

from __future__ import annotations

import itertools
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from controller.delivery.plane import ADDRESSES
from controller.settings import Settings
from controller.store.database import Database, DatabaseUnavailable
from controller.store.keys import KeyKind
from controller.store.projects import get_project
from tests.conftest import SECRET, Api, Clock
from tests.controller.api.world import PROBLEM, PROJECT, ROLLOUT, World, refusal

FOR_ANYBODY = {"health", "docs", "api-docs"}
FOR_SERVERS = {"sdk", "ofrep", "flagd", "receipts"}
ELSEWHERE = {"console", "hooks"}
"""The console has sessions in place of keys, and hooks have signatures; both have tests of their own."""
VALUES = {
    "project": "acme",
    "environment": "staging",
    "feature": "claims-assistant",
    "release": "r-000000000000",
    "key": "leaks",
    "id": 1,
    "number": 1,
    "group": "risk",
    "before": "r-000000000000",
    "after_": "r-000000000001",
    "registry": "prompts",
    "source": "outcomes",
    "name": "swagger-ui.css",
    "email": "ada@example.com",
}


def routes() -> Iterator[tuple[str, str, str]]:
    """Every method and path of the application, with the name of its blueprint."""
    app = create_app(Settings(database_url="sqlite:////tmp/headgate-no-such.db", secret_key=SECRET))
    for rule in app.url_map.iter_rules():
        blueprint = rule.endpoint.partition(".")[0]
        if blueprint in ELSEWHERE:
            continue
        with app.test_request_context():
            path = app.url_map.bind("localhost").build(
                rule.endpoint,
                {name: VALUES[name] for name in rule.arguments},
                method=next(iter(rule.methods or ())),
            )
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            yield method, path, blueprint
    for path, method in ADDRESSES.items():
        for one in (method, *(["HEAD"] if method == "GET" else [])):
            yield one, path.replace("<flag>", "claims-assistant"), path.split("/")[1]


ROUTES = sorted(set(routes()))
ADMIN = [(method, path) for method, path, blueprint in ROUTES if blueprint not in FOR_ANYBODY | FOR_SERVERS]
SERVER = [(method, path) for method, path, blueprint in ROUTES if blueprint in FOR_SERVERS]
OPEN = [(method, path) for method, path, blueprint in ROUTES if blueprint in FOR_ANYBODY]
OF_A_PROJECT = [(method, path) for method, path in ADMIN if path.startswith("/api/v1/projects/")]
OF_ALL = [route for route in ADMIN if route not in OF_A_PROJECT]


def status(world: World, method: str, path: str, key: str | None) -> int:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    answer = world.api.client.open(path, method=method, headers=headers, json={})
    if method != "HEAD" and answer.status_code >= 400:
        refusal(answer)
    return answer.status_code


def test_what_is_open_to_anybody_is_what_is_meant_to_be() -> None:
    assert {path for _, path in OPEN} == {
        "/livez",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/docs/",
        "/docs/start.js",
        "/docs/assets/swagger-ui.css",
    }
    assert {method for method, _ in OPEN} == {"GET", "HEAD"}
    assert {path for _, path in OF_ALL} == {
        "/api/v1/projects",
        "/api/v1/requirements",
        "/api/v1/ready-made-triggers",
        "/api/v1/users",
        "/api/v1/users/ada@example.com",
        "/api/v1/users/ada@example.com/password",
    }


BAD_KEYS = {
    "none": None,
    "nothing": "",
    "a word": "secret",
    "an id without a secret": "hg_admin_0123456789ab",
    "one that nobody was given": f"hg_admin_0123456789ab_{'A' * 43}",
    "a server's that nobody was given": f"hg_server_0123456789ab_{'A' * 43}",
    "an object": '{"$ne": ""}',
    "a quote": "hg_admin_' or 1=1 --",
}


@pytest.mark.parametrize(("method", "path"), ADMIN + SERVER)
def test_without_a_key_that_is_known_nothing_opens(still: World, method: str, path: str) -> None:
    for name, key in BAD_KEYS.items():
        assert status(still, method, path, key) == 401, name


@pytest.mark.parametrize(("method", "path"), ADMIN)
def test_a_server_key_opens_no_part_of_the_api(still: World, method: str, path: str) -> None:
    assert status(still, method, path, still.server_key) == 403


@pytest.mark.parametrize(("method", "path"), SERVER)
def test_an_admin_key_opens_nothing_that_is_for_servers(still: World, method: str, path: str) -> None:
    assert status(still, method, path, still.api.key) == 403


@pytest.fixture(scope="module")
def foreign_key(still: World) -> str:
    """An admin key of another project."""
    still.api.ok("POST", "/projects", {"key": "other"})
    with still.parts.database.read() as tx:
        text = still.make_key(KeyKind.ADMIN, project_id=get_project(tx, "other").id)
    assert still.ask("GET", "/api/v1/projects/other", text).status_code == 200
    return text


@pytest.mark.parametrize(("method", "path"), OF_A_PROJECT)
def test_for_the_key_of_another_project_there_is_no_such_project(
    still: World, foreign_key: str, method: str, path: str
) -> None:
    before = still.dump()
    assert status(still, method, path, foreign_key) == 404
    missing = path.replace("/acme", "/nobody", 1)
    if method != "HEAD":
        theirs, nobodys = (still.ask(method, where, foreign_key, json={}) for where in (path, missing))
        assert theirs.get_data(as_text=True).replace("acme", "nobody") == nobodys.get_data(as_text=True)
    assert still.dump() == before


@pytest.mark.parametrize(("method", "path"), OF_ALL)
def test_the_key_of_a_project_changes_nothing_that_is_about_all(
    still: World, foreign_key: str, method: str, path: str
) -> None:
    is_open = method in ("GET", "HEAD") and not path.startswith("/api/v1/users")
    assert status(still, method, path, foreign_key) == (200 if is_open else 403)


def test_the_key_of_a_project_sees_that_project_alone(still: World, foreign_key: str) -> None:
    seen = still.ask("GET", "/api/v1/projects", foreign_key).get_json()["items"]
    assert [project["key"] for project in seen] == ["other"]


def test_the_key_of_a_project_opens_that_project(still: World, foreign_key: str) -> None:
    assert still.ask("GET", "/api/v1/projects/other", foreign_key).status_code == 200


_NUMBERS = itertools.count()
"""No two keys of a project have the same name."""


def made(world: World, **content: object) -> tuple[str, str]:
    roles = {"kind": "admin", "roles": ["admin"]} if "kind" not in content else {}
    key = world.api.ok("POST", f"{PROJECT}/keys", {"name": f"ci-{next(_NUMBERS)}", **roles, **content})
    return key["id"], key["text"]


@pytest.mark.parametrize(("method", "path"), ADMIN + SERVER)
def test_a_key_that_was_revoked_opens_nothing(still: World, method: str, path: str) -> None:
    kind = {"kind": "server", "environment": "staging"} if (method, path) in SERVER else {}
    id, text = made(still, **kind)
    still.api.ok("DELETE", f"{PROJECT}/keys/{id}")
    assert status(still, method, path, text) == 401


def test_a_key_opens_until_the_moment_it_is_revoked(world: World) -> None:
    id, text = made(world)
    assert world.ask("GET", f"/api/v1{PROJECT}", text).status_code == 200
    revoked = world.api.ok("DELETE", f"{PROJECT}/keys/{id}")
    assert revoked["revoked_at"] is not None
    assert refusal(world.ask("GET", f"/api/v1{PROJECT}", text)) == (401, "unauthenticated", ["Authorization"])


def test_a_key_of_a_project_is_revoked_by_its_own_project_alone(world: World) -> None:
    world.api.ok("POST", "/projects", {"key": "other"})
    id, text = made(world)
    assert world.api.call("DELETE", f"/projects/other/keys/{id}").status_code == 404
    assert world.ask("GET", f"/api/v1{PROJECT}", text).status_code == 200


def test_a_key_goes_into_either_header_and_nowhere_else(world: World) -> None:
    _, text = made(world)
    client, path = world.api.client, f"/api/v1{PROJECT}"
    assert client.get(path, headers={"Authorization": f"bearer {text}"}).status_code == 200
    assert client.get(path, headers={"X-API-Key": text}).status_code == 200
    for headers in ({"Authorization": text}, {"Authorization": f"Basic {text}"}, {"Cookie": f"key={text}"}):
        assert client.get(path, headers=headers).status_code == 401
    for query in (f"key={text}", f"api_key={text}", f"access_token={text}"):
        assert client.get(f"{path}?{query}").status_code == 401
    unknown = client.get(path)
    assert unknown.headers["WWW-Authenticate"] == "Bearer"


def test_every_character_of_a_key_counts(world: World) -> None:
    _, text = made(world)
    for place in range(len(text)):
        wrong = text[:place] + ("a" if text[place] != "a" else "b") + text[place + 1 :]
        assert world.ask("GET", f"/api/v1{PROJECT}", wrong).status_code == 401
    for wrong in (text[:-1], text + "a", text.upper(), text.replace("admin", "server")):
        assert world.ask("GET", f"/api/v1{PROJECT}", wrong).status_code == 401


def test_the_text_of_a_key_is_shown_once_and_kept_nowhere(
    world: World, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    id, text = made(world)
    secret = text.rpartition("_")[2] if text.count("_") == 3 else text.split("_", 3)[3]
    assert world.ask("GET", f"/api/v1{PROJECT}", text).status_code == 200
    assert world.ask("GET", f"/api/v1{PROJECT}", text[:-1] + "~").status_code == 401
    assert world.ask("GET", "/sdk/v1/flags", text).status_code == 403
    shown = [world.api.get(path).get_data(as_text=True) for path in (f"{PROJECT}/keys", f"{PROJECT}/changes")]
    world.api.ok("DELETE", f"{PROJECT}/keys/{id}")
    said = [caplog.text, *capfd.readouterr(), *shown, world.dump()]
    assert id in shown[0]
    assert not any(secret in place for place in said)
    path = world.parts.settings.database_url.removeprefix("sqlite:///")
    for suffix in ("", "-wal"):
        try:
            with open(path + suffix, "rb") as file:  # noqa: PTH123 - the name is not a path yet
                assert secret.encode() not in file.read()
        except FileNotFoundError:
            continue


def test_the_answer_that_shows_a_key_is_not_kept_by_any_cache(world: World) -> None:
    answer = world.api.post(f"{PROJECT}/keys", {"kind": "admin", "roles": ["admin"], "name": "ci"})
    assert answer.headers["Cache-Control"] == "no-store"


def test_when_a_key_was_last_used_is_known_to_the_minute(world: World, clock: Clock) -> None:
    id, text = made(world)

    def last_used() -> object:
        return next(
            key["last_used_at"] for key in world.api.ok("GET", f"{PROJECT}/keys")["items"] if key["id"] == id
        )

    assert last_used() is None
    first = clock.pass_(10)
    assert world.ask("GET", f"/api/v1{PROJECT}", text).status_code == 200
    assert last_used() == first.isoformat()
    clock.pass_(30)
    world.ask("GET", f"/api/v1{PROJECT}", text)
    assert last_used() == first.isoformat()
    later = clock.pass_(31)
    world.ask("GET", f"/api/v1{PROJECT}", text)
    assert last_used() == later.isoformat()


def test_a_key_that_opens_nothing_was_not_used(world: World) -> None:
    id, text = made(world)
    assert world.ask("GET", f"/api/v1{PROJECT}", text[:-1] + "~").status_code == 401
    assert [
        key["last_used_at"] for key in world.api.ok("GET", f"{PROJECT}/keys")["items"] if key["id"] == id
    ] == [None]


def test_whoever_reads_is_let_in_while_nothing_can_be_written(world: World, clock: Clock) -> None:
    clock.pass_(120)  # So that a use is to be noted.
    path = world.parts.settings.database_url.removeprefix("sqlite:///")
    world.parts.database.engine.dispose()

    def impatient(connection: sqlite3.Connection, _entry: object) -> None:
        connection.execute("PRAGMA busy_timeout=1")

    from sqlalchemy import event

    event.listen(world.parts.database.engine, "connect", impatient)
    writer = sqlite3.connect(path, isolation_level=None)
    try:
        writer.execute("BEGIN IMMEDIATE")
        assert world.ask("GET", "/sdk/v1/flags").status_code == 200
        answer = world.api.post("/projects", {"key": "late"})
        assert answer.status_code == 503
        assert answer.headers["Retry-After"].isdecimal()
        assert answer.get_json()["code"] == "database_unavailable"
    finally:
        writer.execute("ROLLBACK")
        writer.close()


TRICKS = [
    "//api/v1/projects/acme",
    "/api//v1/projects/acme",
    "/api/v1/projects//acme",
    "/api/v1/./projects/acme",
    "/api/v1/x/../projects/acme",
    "/livez/../api/v1/projects/acme",
    "/docs/../api/v1/projects/acme",
    "/docs/assets/../../api/v1/projects/acme",
    "/docs/..%2fapi%2fv1%2fprojects%2facme",
    "/%2e/api/v1/projects/acme",
    "/%2e%2e/api/v1/projects/acme",
    "/api/v1/projects/acme/",
    "/api/v1/projects/acme/.",
    "/api/v1/projects/acme%2f",
    "/api/v1/projects/acme;.css",
    "/api/v1/projects/acme.json",
    "/api/v1/projects/acme?x=/livez",
    "/api/v1/projects/acme%3f/livez",
    "/api/v1/projects/acme%23/livez",
    "/API/v1/projects/acme",
    "/Api/V1/Projects/acme",
    "/%61pi/v1/projects/acme",
    "/api%2fv1%2fprojects%2facme",
    "/api\\v1\\projects\\acme",
    "\\api/v1/projects/acme",
    "/sdk/v1/flags/",
    "//sdk/v1/flags",
    "/sdk/v1/%66lags",
    "/SDK/v1/flags",
    "/livez/../sdk/v1/flags",
    "/ofrep/v1/evaluate/flags/../flags",
]
REWRITES = (
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Forwarded-Path",
    "X-Forwarded-Prefix",
    "X-HTTP-Method-Override",
)


@pytest.mark.parametrize("path", TRICKS)
def test_no_way_of_writing_an_address_opens_it(still: World, path: str) -> None:
    for method in ("GET", "POST", "HEAD"):
        answer = still.api.client.open(path, method=method)
        assert answer.status_code in (308, 401, 404, 405)
        if answer.status_code == 308:
            assert still.api.client.open(answer.headers["Location"], method=method).status_code in (
                401,
                404,
                405,
            )
        assert b"claims" not in answer.get_data()


@pytest.mark.parametrize("header", REWRITES)
def test_no_header_changes_what_is_asked_for(still: World, header: str) -> None:
    client = still.api.client
    assert client.get("/livez", headers={header: f"/api/v1{PROJECT}"}).get_json() == {"status": "ok"}
    for value in ("/livez", "/docs/", "GET"):
        assert client.get(f"/api/v1{PROJECT}", headers={header: value}).status_code == 401
        assert client.post("/api/v1/projects", headers={header: value}, json={}).status_code == 401


def test_asking_what_an_address_can_do_needs_a_key_too(still: World) -> None:
    assert still.api.client.options(f"/api/v1{ROLLOUT}").status_code == 401
    assert still.api.client.options("/sdk/v1/flags").status_code == 401


@pytest.mark.usefixtures("own_app")
def test_a_route_that_nobody_thought_of_is_for_admins(
    app: Flask, api: Api, world_template: tuple[Path, World]
) -> None:
    app.add_url_rule("/brand-new", "brand_new", lambda: "inside")
    world = world_template[1]
    assert api.client.get("/brand-new").status_code == 401
    assert api.client.get("/brand-new", headers={"X-API-Key": world.server_key}).status_code == 403
    assert api.client.get("/brand-new", headers={"X-API-Key": api.key}).get_data() == b"inside"


@pytest.mark.usefixtures("own_app")
def test_an_error_of_ours_tells_the_log_and_not_the_caller(
    app: Flask, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(name: str) -> str:
        raise RuntimeError(f"the secret plan {name[:1]}")

    app.add_url_rule("/failing/<path:name>", "failing", fail)
    answer = api.client.get("/failing/a%0Ab%1b", headers={"X-API-Key": api.key})
    assert answer.status_code == 404, "what has control characters in its name is not there"
    answer = api.client.get("/failing/a\u2028b%c2%a0", headers={"X-API-Key": api.key})
    assert answer.status_code == 500
    assert answer.mimetype == PROBLEM
    assert answer.get_json()["code"] == "internal_error"
    assert b"secret plan" not in answer.get_data()
    assert "the secret plan" in caplog.text
    assert "\u2028" not in caplog.messages[-1]


def test_a_database_that_is_away_is_told_with_when_to_come_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_database: Database) -> object:
        raise DatabaseUnavailable("OperationalError")

    monkeypatch.setattr(Database, "read", away)
    for path, key in ((f"/api/v1{PROJECT}", world.api.key), ("/sdk/v1/flags", world.server_key)):
        answer = world.ask("GET", path, key)
        assert (answer.status_code, answer.get_json()["code"]) == (503, "database_unavailable")
        assert answer.headers["Retry-After"].isdecimal()
