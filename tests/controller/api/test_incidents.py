from __future__ import annotations

from typing import Any

import pytest

from tests.controller.api.world import FEATURE, MOVES, PROJECT, PROMOTIONS, World, nothing_came_of_it, refusal

INCIDENTS = f"{PROJECT}/incidents"
CLOSING = {"follow_up": "data_fix", "text": "the index is rebuilt"}
WHY = {"reason": "a test"}


def reverted(world: World) -> int:
    """A candidate was dropped; gives the id of its incident."""
    world.move("introduce", release=world.other, share=1000)
    world.move("revert")
    return int(world.api.ok("GET", INCIDENTS)["items"][0]["id"])


def with_registry(world: World) -> int:
    """A release was reverted whose registry nobody answers for; gives the id of its incident."""
    connected = {"key": "prompts", "kind": "http", "settings": HTTP}
    world.api.ok("POST", f"{PROJECT}/registries", connected)
    pointer = {"registry": "prompts", "name": "answer", "pointer": "production", "version": "2"}
    prompt = {"ref": "answer@2", "pointer": pointer}
    bundle = {"prompt": prompt, "model": {"provider": "local", "id": "small-1"}}
    world.other = world.api.ok("POST", f"{FEATURE}/releases", {"bundle": bundle})["id"]
    return reverted(world)


HTTP = {
    "read": {
        "url": "http://127.0.0.1:1/prompts/${name}/${pointer}",
        "path": "$.version",
    },
    "write": {"method": "PUT", "url": "http://127.0.0.1:1/prompts/${name}/${pointer}/${version}"},
}


def test_an_incident_tells_what_it_is_about(world: World) -> None:
    id = reverted(world)
    incident = world.api.ok("GET", f"{INCIDENTS}/{id}")
    assert (incident["feature"], incident["environment"]) == ("claims-assistant", "staging")
    assert (incident["release_from"], incident["release_to"]) == (world.other, world.stable)
    assert (incident["status"], incident["was_candidate"], incident["pointer_moves"]) == (
        "restored",
        True,
        [],
    )
    assert [(event["what"], event["times"]) for event in incident["timeline"]] == [
        ("contained", 1),
        ("restored", 1),
    ]
    assert (incident["time_to_contain_s"], incident["time_to_verify_s"]) == (0, None)
    assert "has until" in incident["verification"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 1),
        ("?status=open", 1),
        ("?status=restored", 1),
        ("?status=contained", 0),
        ("?status=closed", 0),
        ("?environment=staging&feature=claims-assistant", 1),
        ("?environment=production", 0),
        ("?feature=other", 0),
    ],
)
def test_incidents_are_listed_by_what_they_are(world: World, query: str, count: int) -> None:
    reverted(world)
    assert len(world.api.ok("GET", INCIDENTS + query)["items"]) == count


def test_incidents_come_in_pages_newest_first(world: World) -> None:
    first, second = reverted(world), 0
    release = world.release("three")
    world.move("introduce", release=release, share=1000)
    world.move("revert")
    page = world.api.ok("GET", f"{INCIDENTS}?limit=1")
    second = page["items"][0]["id"]
    rest = world.api.ok("GET", f"{INCIDENTS}?limit=1&cursor={page['next_cursor']}")
    assert (second, rest["items"][0]["id"], rest["next_cursor"]) == (first + 1, first, None)


def test_a_person_verifies_and_closes(world: World) -> None:
    id = reverted(world)
    assert nothing_came_of_it(world, "POST", f"{INCIDENTS}/{id}/close", json=CLOSING)[1] == "refused"
    verified = world.api.ok("POST", f"{INCIDENTS}/{id}/verify", WHY)
    assert (verified["status"], verified["verification"]) == ("verified", "a test")
    closed = world.api.ok("POST", f"{INCIDENTS}/{id}/close", CLOSING)
    assert (closed["status"], closed["follow_up"], closed["resolution"]) == (
        "closed",
        "data_fix",
        "the index is rebuilt",
    )
    for act, content in (("close", CLOSING), ("verify", WHY)):
        found = nothing_came_of_it(world, "POST", f"{INCIDENTS}/{id}/{act}", json=content)
        assert found == (409, "incident_closed", ["incident"])


def test_a_pointer_move_is_shown_and_settled_by_a_person(world: World) -> None:
    id = with_registry(world)
    [move] = world.api.ok("GET", f"{INCIDENTS}/{id}")["pointer_moves"]
    # The stable release of this installation names no pointer.
    assert (move["number"], move["status"], move["expected"], move["target"]) == (1, "manual", "2", "")
    for act in ("retry", "force"):
        found = nothing_came_of_it(world, "POST", f"{INCIDENTS}/{id}/pointer-moves/1/{act}", json=WHY)
        assert found == (409, "pointer_manual", ["pointer move"])
    verify = world.api.post(f"{INCIDENTS}/{id}/verify", WHY)
    assert refusal(verify)[1:] == ("refused", ["pointer_moves.1"])
    after = world.api.ok("POST", f"{INCIDENTS}/{id}/pointer-moves/1/confirm", WHY)
    assert (after["status"], after["pointer_moves"][0]["status"]) == ("restored", "confirmed")
    found = nothing_came_of_it(world, "POST", f"{INCIDENTS}/{id}/pointer-moves/1/confirm", json=WHY)
    assert found == (409, "pointer_settled", ["pointer move"])


@pytest.mark.parametrize(
    ("path", "content", "found"),
    [
        ("7/verify", WHY, (404, "not_found", ["incident"])),
        ("1/pointer-moves/7/retry", WHY, (404, "not_found", ["pointer move"])),
        ("1/pointer-moves/1/force", {}, (422, "invalid_field", ["reason"])),
        ("1/verify", {"reason": ""}, (422, "invalid_field", ["reason"])),
        ("1/close", {}, (422, "invalid_field", ["follow_up", "text"])),
        ("1/close", CLOSING | {"follow_up": "nothing"}, (422, "invalid_field", ["follow_up"])),
        ("1/close", CLOSING | {"by_hand": 1}, (422, "invalid_field", ["by_hand"])),
        ("1/close", CLOSING | {"by_hand": True}, (422, "invalid_field", ["reason"])),
        ("1/close", CLOSING | {"other": 1}, (422, "invalid_field", ["other"])),
    ],
)
def test_what_cannot_be_done_is_told_by_its_field(
    world: World, path: str, content: dict[str, Any], found: tuple[int, str, list[str]]
) -> None:
    reverted(world)
    assert nothing_came_of_it(world, "POST", f"{INCIDENTS}/{path}", json=content) == found


@pytest.mark.parametrize("query", ["status=unknown", "status=", "limit=0", "cursor=x"])
def test_a_list_that_means_nothing_is_refused(world: World, query: str) -> None:
    assert refusal(world.api.get(f"{INCIDENTS}?{query}"))[:2] == (422, "invalid_field")


def test_while_an_incident_is_open_nothing_is_promoted(world: World) -> None:
    reverted(world)
    asked = {"stage": "pilot", "reason": "on we go"}
    found = world.api.post(PROMOTIONS, asked)
    assert "incident" in refusal(found)[2]
    assert "incident_open" in [error["code"] for error in found.get_json()["errors"]]
    world.api.ok("POST", MOVES, {"move": "review", "reason": "a test"})


def test_incidents_of_another_project_are_not_there(world: World) -> None:
    id = reverted(world)
    world.api.ok("POST", "/projects", {"key": "other"})
    assert world.api.ok("GET", "/projects/other/incidents")["items"] == []
    assert refusal(world.api.get(f"/projects/other/incidents/{id}"))[0] == 404
    assert refusal(world.api.post(f"/projects/other/incidents/{id}/verify", WHY))[0] == 404
