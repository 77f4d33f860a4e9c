"""Optimistic locking, requests that are sent again, and lists that are read page by page."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from controller.store.keys import KeyKind
from controller.store.projects import get_project
from tests.controller.api.world import (
    FEATURE,
    FEATURES,
    PROJECT,
    ROLLOUT,
    ROLLOUTS,
    TRIGGER,
    TRIGGERS,
    World,
    refusal,
)

MOVES = f"{ROLLOUT}/moves"


def etag(world: World, path: str) -> str:
    return world.api.get(path).headers["ETag"]


def changes(world: World) -> int:
    return len(world.api.ok("GET", f"{PROJECT}/changes?limit=200")["items"])


def send(world: World, move: str, once: str, key: str | None = None, **headers: str) -> TestResponse:
    content = {"move": move, "reason": "a test"}
    headers = {"Idempotency-Key": once, **headers}
    return world.ask("POST", f"/api/v1{MOVES}", key or world.api.key, json=content, headers=headers)


@pytest.mark.parametrize(
    ("method", "read", "write", "content"),
    [
        ("PATCH", FEATURE, FEATURE, {"name": "Claims"}),
        ("PUT", f"{TRIGGERS}/leaks", f"{TRIGGERS}/leaks", TRIGGER | {"window_s": 60}),
        ("POST", ROLLOUT, MOVES, {"move": "hold", "reason": "x"}),
    ],
)
def test_what_was_read_may_be_changed_once(
    world: World, method: str, read: str, write: str, content: dict[str, Any]
) -> None:
    seen = etag(world, read)
    first = world.api.call(method, write, json=content, headers={"If-Match": seen})
    assert first.status_code == 200
    assert first.headers["ETag"] == etag(world, read) != seen
    second = world.api.call(method, write, json=content, headers={"If-Match": seen})
    assert refusal(second) == (412, "version_conflict", ["If-Match"])
    weak = world.api.call(method, write, json=content, headers={"If-Match": f"W/{etag(world, read)}"})
    assert weak.status_code == 200
    assert world.api.call(method, write, json=content, headers={"If-Match": "*"}).status_code == 200
    assert world.api.call(method, write, json=content).status_code == 200


def test_a_move_that_is_sent_twice_is_made_once_and_answered_alike(world: World) -> None:
    before = changes(world)
    first, second = (send(world, "review", "k-1") for _ in range(2))
    assert first.status_code == second.status_code == 200
    assert first.get_json() == second.get_json()
    assert first.headers["ETag"] == second.headers["ETag"]
    assert changes(world) == before + 1


def test_the_same_answer_comes_also_when_the_rollout_has_moved_on(world: World) -> None:
    first = send(world, "review", "k-1")
    world.api.ok("PUT", f"{TRIGGERS}/leaks", TRIGGER | {"window_s": 60})
    for _ in range(3):
        world.move("hold")
        world.move("resume")
    world.move("disable")
    before, flags = changes(world), world.flags()
    again = send(world, "review", "k-1")
    assert again.get_json() == first.get_json()
    assert again.headers["ETag"] == first.headers["ETag"]
    assert (changes(world), world.flags()) == (before, flags)


def test_a_request_that_was_made_is_answered_alike_whatever_it_expected(world: World) -> None:
    seen = etag(world, ROLLOUT)
    first, second = (send(world, "review", "k-1", **{"If-Match": seen}) for _ in range(2))
    assert first.get_json() == second.get_json()


def test_one_key_is_for_one_request(world: World) -> None:
    assert send(world, "review", "k-1").status_code == 200
    before = world.dump()
    assert refusal(send(world, "disable", "k-1")) == (409, "idempotency_key_reused", ["Idempotency-Key"])
    assert world.dump() == before
    assert send(world, "disable", "k-2").status_code == 200


def test_a_request_that_was_refused_may_be_sent_again_with_its_key(world: World) -> None:
    assert send(world, "revert", "k-1").status_code == 409
    world.move("introduce", release=world.other, share=100)
    assert send(world, "revert", "k-1").status_code == 200


def test_keys_of_the_same_name_do_not_share_what_they_sent(world: World) -> None:
    with world.parts.database.read() as tx:
        project = get_project(tx, "acme").id
    keys = [world.make_key(KeyKind.ADMIN, "twin", project_id=project) for _ in range(2)]
    before = changes(world)
    assert send(world, "hold", "k-1", keys[0]).status_code == 200
    assert send(world, "disable", "k-1", keys[1]).status_code == 200
    assert changes(world) == before + 2


def test_the_key_of_a_request_has_1_to_200_characters(world: World) -> None:
    assert refusal(send(world, "hold", "k" * 201)) == (422, "invalid_field", ["Idempotency-Key"])
    assert send(world, "hold", "k" * 200).status_code == 200


def walk(world: World, path: str, adding: Any = None) -> list[Any]:
    """Every item, read one by one; ``adding`` is called between the first pages."""
    items: list[Any] = []
    cursor = ""
    for turn in range(100):
        page = world.api.ok("GET", f"{path}?limit=1{cursor}")
        assert len(page["items"]) <= 1
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = f"&cursor={page['next_cursor']}"
        if adding and turn < 3:
            adding(turn)
    raise AssertionError("the list does not end")


def test_oldest_first_lists_give_everything_once_while_items_are_added(world: World) -> None:
    def feature(turn: int) -> None:
        world.api.ok("POST", FEATURES, {"key": f"new-{turn}", "owner": "x", "risk_tier": "T1"})

    def release(turn: int) -> None:
        world.release(f"new-{turn}")

    def source(turn: int) -> None:
        world.api.ok("POST", f"{PROJECT}/sources", {"key": f"new-{turn}", "kind": "outcomes"})

    def evidence(turn: int) -> None:
        content = {"requirement": "use-case-brief", "sha256": f"{turn}" * 64}
        world.api.ok("POST", f"{FEATURE}/evidence", content)

    for number in range(3, 6):
        evidence(number)
        feature(number)
        source(number)
    for path, add, name in (
        (FEATURES, feature, "key"),
        (ROLLOUTS, lambda turn: feature(turn + 10), "feature"),
        (f"{FEATURE}/releases", release, "id"),
        (f"{PROJECT}/sources", source, "key"),
        (f"{FEATURE}/evidence", evidence, "id"),
    ):
        found = [item[name] for item in walk(world, path, add)]
        assert len(found) == len(set(found)), path
        assert found == [item[name] for item in world.api.ok("GET", f"{path}?limit=200")["items"]], path


def test_newest_first_lists_give_everything_there_was_once_while_items_are_added(world: World) -> None:
    before = [item["seq"] for item in world.api.ok("GET", f"{PROJECT}/changes?limit=200")["items"]]
    assert len(before) > 5
    assert [item["seq"] for item in walk(world, f"{PROJECT}/changes", lambda _: world.move("hold"))] == before


def test_promotions_are_read_page_by_page(world: World) -> None:
    world.api.ok("POST", f"{ROLLOUT}/promotions", {"stage": "pilot", "reason": "x"})
    found = [item["stage"] for item in walk(world, f"{ROLLOUT}/promotions")]
    assert found == ["beta", "pilot"]


def test_readings_are_read_page_by_page_newest_first(world: World, clock: Any) -> None:
    for _ in range(4):
        clock.pass_(61)
        world.parts.ticks.tick()
        assert world.parts.ticks.join(30)
    found = [item["slot"] for item in walk(world, f"{TRIGGERS}/leaks/readings")]
    assert len(found) >= 4
    assert found == sorted(set(found), reverse=True)


def test_a_reading_is_explained_by_its_id(world: World, clock: Any) -> None:
    clock.pass_(61)
    world.parts.ticks.tick()
    assert world.parts.ticks.join(30)
    newest = world.api.ok("GET", f"{TRIGGERS}/leaks/readings")["items"][0]
    told = world.api.ok("GET", f"{TRIGGERS}/leaks/readings/{newest['id']}")
    assert told["recomputed"] == f"judged again, it is the same: {newest['verdict']}"
    assert (told["record"]["version"], told["record"]["rule"]["key"]) == (1, "leaks")
    assert world.api.get(f"{TRIGGERS}/leaks/readings/99999").status_code == 404


def test_lists_that_come_whole_say_so(world: World) -> None:
    for path in ("/projects", f"{PROJECT}/environments", f"{PROJECT}/keys", TRIGGERS, "/requirements"):
        content = world.api.ok("GET", path)
        assert content["next_cursor"] is None
        assert content["items"] or path.endswith("keys")
