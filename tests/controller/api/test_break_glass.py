"""Entering a stage in an emergency: who may, what is asked, and what is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.store.keys import KeyKind
from controller.store.projects import get_project
from tests.conftest import Api
from tests.controller.api.world import PROJECT, ROLLOUT, ROLLOUTS, World, nothing_came_of_it, refusal

GLASS = f"{ROLLOUT}/break-glass"
EMERGENCY = {"stage": "pilot", "minutes": 30, "reason": "the classic search is down"}


@pytest.fixture
def on_call(world: World) -> Api:
    """Somebody with a key that may break glass."""
    made = world.api.ok(
        "POST",
        f"{PROJECT}/keys",
        {"kind": "admin", "roles": ["admin"], "name": "on-call", "may_break_glass": True},
    )
    return Api(world.api.client, made["text"])


@pytest.fixture(scope="module")
def allowed(still: World) -> World:
    """The same installation, as somebody who may break glass sees it."""
    mine = Api(still.api.client, still.make_key(may_break_glass=True))
    mine.ok("GET", PROJECT)
    return replace(still, api=mine)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"minutes": 4}, "minutes"),
        ({"minutes": 481}, "minutes"),
        ({"minutes": 30.0}, "minutes"),
        ({"minutes": None}, "minutes"),
        ({"reason": "it is an emergency"}, "reason"),
        ({"reason": "x" * 1001}, "reason"),
        ({"reason": "the classic search is down\x00"}, "reason"),
        ({"stage": "alpha"}, "stage"),
        ({"exposure": {}}, "exposure"),
        ({"exposure": {"share": 10_001}}, "exposure.share"),
        ({"until": "2026-12-01T00:00:00Z"}, "until"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(allowed: World, change: dict[str, Any], field: str) -> None:
    found = nothing_came_of_it(allowed, "POST", GLASS, json=EMERGENCY | change)
    assert found == (422, "invalid_field", [field])


@pytest.mark.parametrize("path", [GLASS, f"{GLASS}/1/review", f"{GLASS}/1/regularise"])
def test_a_reason_is_always_asked_for(allowed: World, path: str) -> None:
    content = {name: value for name, value in EMERGENCY.items() if name != "reason"} if path == GLASS else {}
    assert nothing_came_of_it(allowed, "POST", path, json=content)[2] == ["reason"]


def test_no_key_may_do_so_unless_it_was_made_for_it(still: World) -> None:
    found = nothing_came_of_it(still, "POST", GLASS, json=EMERGENCY)
    assert found == (403, "permission_missing", ["permission"])


def test_a_key_of_a_project_that_may_not_makes_none_that_may(world: World) -> None:
    with world.parts.database.read() as tx:
        project_id = get_project(tx, "acme").id
    of_project = Api(world.api.client, world.make_key(KeyKind.ADMIN, project_id=project_id))
    asked = {"kind": "admin", "roles": ["admin"], "name": "mine", "may_break_glass": True}
    assert refusal(of_project.post(f"{PROJECT}/keys", asked))[:2] == (403, "more_than_held")
    assert of_project.post(f"{PROJECT}/keys", asked | {"may_break_glass": False}).status_code == 201


@pytest.mark.parametrize("number", ["1", "0", "9" * 18, "x", "-1"])
def test_one_that_is_not_there_is_not_found(still: World, number: str) -> None:
    for method, path in (("GET", ""), ("POST", "/review"), ("POST", "/regularise")):
        content = {} if method == "GET" else {"json": {"reason": "x"}}
        status, code, _ = nothing_came_of_it(still, method, f"{GLASS}/{number}{path}", **content)
        assert (status, code) in ((404, "not_found"), (404, "no_such_address"))


def test_what_was_entered_is_answered_listed_and_shown_with_the_rollout(world: World, on_call: Api) -> None:
    assert world.api.ok("GET", ROLLOUT)["break_glass"] is None
    entered = on_call.post(GLASS, EMERGENCY)
    assert entered.status_code == 201
    glass = entered.get_json()
    assert (glass["by"], glass["from_stage"], glass["to_stage"]) == ("key:on-call", "beta", "pilot")
    assert (glass["skipped"], glass["ended_at"], glass["reviewed_by"]) == ([], None, None)
    assert world.api.ok("GET", GLASS) == {"items": [glass], "next_cursor": None}
    assert world.api.ok("GET", f"{GLASS}/{glass['id']}") == glass
    assert world.api.ok("GET", ROLLOUT)["break_glass"] == glass
    [listed] = world.api.ok("GET", ROLLOUTS)["items"]
    assert listed["break_glass"] == glass
    moved = world.api.ok("POST", f"{ROLLOUT}/moves", {"move": "hold", "reason": "wait"})
    assert moved["break_glass"] == glass


def test_it_is_listed_in_pages(world: World, on_call: Api) -> None:
    for _ in range(3):
        id = on_call.ok("POST", GLASS, EMERGENCY)["id"]
        world.api.ok("POST", f"{GLASS}/{id}/review", {"reason": "it was right"})
        world.move("demote")
    first = world.api.ok("GET", f"{GLASS}?limit=2")
    second = world.api.ok("GET", f"{GLASS}?limit=2&cursor={first['next_cursor']}")
    assert [item["id"] for item in first["items"] + second["items"]] == [1, 2, 3]
    assert second["next_cursor"] is None


def test_a_rollout_without_one_that_is_open_says_so(world: World, on_call: Api) -> None:
    id = on_call.ok("POST", GLASS, EMERGENCY)["id"]
    world.move("demote")
    assert world.api.ok("GET", ROLLOUT)["break_glass"]["ended_how"] == "demote"
    world.api.ok("POST", f"{GLASS}/{id}/review", {"reason": "it was right"})
    assert world.api.ok("GET", ROLLOUT)["break_glass"] is None
