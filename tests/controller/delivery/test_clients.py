"""Client keys and browsers: what is marked as visible, by OFREP, for the origins that are named, and nothing else."""

from __future__ import annotations

import pytest
from flask import Flask

from controller.settings import Settings
from controller.store.keys import KeyKind
from tests.conftest import SECRET, MakeApp
from tests.controller.api.world import FEATURE, PROJECT, World, refusal
from tests.planes import both_planes

ALL = "/ofrep/v1/evaluate/flags"
SOMEBODY = {"context": {"targetingKey": "user-1"}}


@pytest.fixture
def key(world: World) -> str:
    return world.environment_key(kind=KeyKind.CLIENT)


def seen(world: World, key: str) -> list[str]:
    return [flag["key"] for flag in world.ask("POST", ALL, key, json=SOMEBODY).get_json()["flags"]]


def test_a_client_key_sees_a_feature_once_it_is_marked_and_until_it_is_not(world: World, key: str) -> None:
    assert seen(world, key) == []
    assert refusal(world.ask("POST", f"{ALL}/claims-assistant", key, json=SOMEBODY)) == (
        404,
        "not_found",
        ["flag"],
    )
    marked = world.api.ok("PATCH", FEATURE, {"client_visible": True})
    assert marked["client_visible"] is True
    assert seen(world, key) == ["claims-assistant", "claims-assistant.enabled"]
    answer = world.ask("POST", f"{ALL}/claims-assistant.enabled", key, json=SOMEBODY).get_json()
    assert (answer["value"], answer["metadata"]["client_visible"]) == (True, True)
    assert world.flags()["flags"]["claims-assistant"]["metadata"]["client_visible"] is True
    world.api.ok("PATCH", FEATURE, {"client_visible": False})
    assert seen(world, key) == []


def test_a_client_key_sees_no_rule_and_nothing_but_ofrep(world: World, key: str) -> None:
    world.api.ok("PATCH", FEATURE, {"client_visible": True})
    for method, path in (
        ("GET", "/sdk/v1/flags"),
        ("GET", "/sdk/v1/stream"),
        ("GET", "/flagd/v1/flags.json"),
    ):
        assert refusal(world.ask(method, path, key)) == (403, "wrong_key_kind", ["Authorization"])
    assert world.ask("POST", "/sdk/v1/outcomes", key, json={"outcomes": []}).status_code == 403
    assert world.ask("GET", f"/api/v1{PROJECT}", key).status_code == 403
    world.move("narrow", exposure={"share": 5000, "cohorts": ["staff"], "autonomy": "draft"})
    said = world.ask("POST", ALL, key, json=SOMEBODY).get_data(as_text=True)
    assert "staff" not in said
    assert "targeting" not in said


def test_a_client_key_is_made_for_an_environment(world: World) -> None:
    made = world.api.ok(
        "POST", f"{PROJECT}/keys", {"kind": "client", "name": "web", "environment": "staging"}
    )
    assert made["text"].startswith("hg_client_")
    assert seen(world, made["text"]) == []
    without = world.api.post(f"{PROJECT}/keys", {"kind": "client", "name": "web"})
    assert refusal(without) == (422, "invalid_field", ["environment"])


@pytest.fixture
def page(make_app: MakeApp, sqlite_url: str) -> Flask:
    return make_app(sqlite_url, browser_origins="https://app.example.com, https://two.example.com/")


def test_pages_of_named_origins_may_ask_by_ofrep(page: Flask, world: World, key: str) -> None:
    client = both_planes(page)
    asked = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"}
    allowed = client.options(ALL, headers=asked)
    assert allowed.status_code == 204
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert "authorization" in allowed.headers["Access-Control-Allow-Headers"]
    sent = {"Origin": "https://two.example.com", "Authorization": f"Bearer {key}"}
    answer = client.post(ALL, json=SOMEBODY, headers=sent)
    assert (answer.status_code, answer.headers["Vary"]) == (200, "origin")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://two.example.com"
    refused = client.post(ALL, json=SOMEBODY, headers={"Origin": "https://app.example.com"})
    assert (refused.status_code, "Access-Control-Allow-Origin" in refused.headers) == (401, True)


@pytest.mark.parametrize(
    ("path", "origin"),
    [(ALL, "https://evil.example.com"), (ALL, "null"), ("/sdk/v1/flags", "https://app.example.com")],
)
def test_other_pages_may_not(page: Flask, path: str, origin: str) -> None:
    client = both_planes(page)
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    answer = client.options(path, headers=asked)
    assert answer.status_code == 401
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_no_page_may_ask_unless_the_operator_says_so(world: World, key: str) -> None:
    answer = world.ask("POST", ALL, key, json=SOMEBODY, headers={"Origin": "https://app.example.com"})
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert Settings(database_url="sqlite:///x", secret_key=SECRET).browser_origins == ""
