"""Agreeing to a release through the API."""

from __future__ import annotations

from tests.controller.api.world import FEATURE, ROLLOUT, World, refusal


def test_what_stands_against_a_release_is_told_and_what_was_seen_is_approved(world: World) -> None:
    address = f"{ROLLOUT}/releases/{world.other}"
    found = world.api.ok("GET", address)
    assert (found["release"], found["stage"], found["needed"]) == (world.other, "beta", 0)
    assert (found["approved_by"], found["refusals"]) == ([], [])
    seen = {"If-Match": f'"{found["seen"]}"'}
    agreed = world.api.ok("POST", f"{address}/approvals", headers=seen)
    assert (len(agreed["approved_by"]), agreed["seen"]) == (1, found["seen"])
    again = world.api.call("POST", f"{address}/approvals")
    assert refusal(again)[:2] == (409, "refused")


def test_what_has_changed_since_it_was_seen_is_not_approved(world: World) -> None:
    address = f"{ROLLOUT}/releases/{world.other}"
    seen = world.api.ok("GET", address)["seen"]
    world.api.ok("PATCH", FEATURE, {"fallback": "nothing"})
    answer = world.api.call("POST", f"{address}/approvals", headers={"If-Match": f'"{seen}"'})
    assert answer.get_json()["errors"][0]["code"] == "changed_since_seen"


def test_a_release_that_is_not_there_is_not_found(world: World) -> None:
    assert refusal(world.api.call("GET", f"{ROLLOUT}/releases/r-000000000000"))[:2] == (404, "not_found")
