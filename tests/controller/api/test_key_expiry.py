"""Keys that run out: refused by both planes, and replaced with an overlap."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import START, Clock
from tests.controller.api.world import PROJECT, World, nothing_came_of_it, refusal

SOON = (START + timedelta(days=1)).isoformat()
KEYS = f"{PROJECT}/keys"


def made(world: World, kind: str, **content: Any) -> dict[str, Any]:
    place = {"roles": ["viewer"]} if kind == "admin" else {"environment": "staging"}
    found: dict[str, Any] = world.api.ok("POST", KEYS, {"kind": kind, "name": "short", **place, **content})
    return found


@pytest.mark.parametrize(
    ("kind", "path"),
    [("admin", f"/api/v1{PROJECT}"), ("server", "/sdk/v1/flags"), ("server", "/flagd/v1/flags.json")],
)
def test_a_key_opens_until_its_time_is_over_and_then_says_so(
    world: World, clock: Clock, kind: str, path: str
) -> None:
    key = made(world, kind, expires_at=SOON)
    assert key["expires_at"] == SOON
    assert world.ask("GET", path, key["text"]).status_code == 200
    clock.pass_(86_399)
    assert world.ask("GET", path, key["text"]).status_code == 200
    clock.pass_(1)
    answer = world.ask("GET", path, key["text"])
    assert (answer.status_code, answer.get_json()["code"]) == (401, "key_expired")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert world.ask("GET", path, key["text"][:-1] + "~").get_json()["code"] == "unauthenticated"


def test_a_key_is_replaced_while_the_old_one_runs_out(world: World, clock: Clock) -> None:
    old, new = made(world, "server"), made(world, "server")
    told = world.api.ok("PATCH", f"{KEYS}/{old['id']}", {"expires_at": SOON})
    assert told["expires_at"] == SOON
    for key in (old, new):
        assert world.ask("GET", "/sdk/v1/flags", key["text"]).status_code == 200
    clock.pass_(86_401)
    assert world.ask("GET", "/sdk/v1/flags", old["text"]).status_code == 401
    assert world.ask("GET", "/sdk/v1/flags", new["text"]).status_code == 200
    assert world.api.ok("GET", f"{PROJECT}/changes")["items"][0]["name"] == "key.expire"


def test_the_end_of_a_key_only_ever_becomes_sooner(world: World) -> None:
    key = made(world, "server", expires_at=SOON)
    later = (START + timedelta(days=2)).isoformat()
    refused = world.api.call("PATCH", f"{KEYS}/{key['id']}", json={"expires_at": later})
    assert refusal(refused) == (422, "invalid_field", ["expires_at"])
    assert world.api.call("PATCH", f"{KEYS}/0123456789ab", json={"expires_at": later}).status_code == 404


def test_a_key_that_is_over_from_the_start_is_not_made(still: World) -> None:
    content = {"kind": "admin", "name": "x", "roles": ["viewer"], "expires_at": START.isoformat()}
    assert nothing_came_of_it(still, "POST", KEYS, json=content) == (422, "invalid_field", ["expires_at"])
