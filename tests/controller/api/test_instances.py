from __future__ import annotations

from typing import Any

import pytest

from tests.controller.api.world import PROJECT, World, nothing_came_of_it

RECEIPTS = "/sdk/v1/receipts"
INSTANCES = f"{PROJECT}/environments/staging/instances"
ONE = "0b8b9a34-7f0e-4a55-9d4e-0f3c1b2a3d4e"
RECEIPT: dict[str, Any] = {
    "instance": ONE,
    "revision": 5,
    "etag": "5-abc",
    "sdk": "headgate-python/0.1.0",
    "app": "shop",
    "app_version": "2027.1",
    "applied_at": "2026-11-20T12:00:00.084Z",
    "evaluations": {"claims-assistant": {"stable": 4, "default": 1}},
}


def test_a_receipt_is_seen_at_once(world: World) -> None:
    world.move("review")
    revision = world.flags()["metadata"]["revision"]
    before = world.api.ok("GET", f"{INSTANCES}/summary")
    assert (before["live"], before["sentence"]) == (0, "no instance has reported lately")
    answer = world.ask("POST", RECEIPTS, json=RECEIPT | {"revision": revision})
    assert (answer.status_code, answer.get_data()) == (204, b"")
    [one] = world.api.ok("GET", INSTANCES)["items"]
    assert (one["instance"], one["app"], one["is_live"], one["lag_s"]) == (ONE, "shop", True, None)
    found = world.api.ok("GET", f"{INSTANCES}/summary")
    assert (found["live"], found["reached"], found["is_everywhere"]) == (1, 1, True)
    assert found["sentence"].startswith(f"1 of 1 instances on revision {revision} after ")
    assert found["versions"] == [
        {"sdk": "headgate-python/0.1.0", "app": "shop", "app_version": "2027.1", "live": 1, "reached": 1}
    ]
    next_one = world.api.ok("GET", f"{INSTANCES}/summary?revision={revision + 1}")
    assert (next_one["reached"], next_one["made_at"], next_one["is_everywhere"]) == (0, None, False)
    assert next_one["oldest_lag_s"] is None


def test_an_instance_may_not_know_its_revision_or_say_who_it_is(world: World) -> None:
    least = {"instance": ONE, "revision": None, "etag": None, "applied_at": "2026-11-20T12:00:00Z"}
    assert world.ask("POST", RECEIPTS, json=least).status_code == 204
    [one] = world.api.ok("GET", INSTANCES)["items"]
    assert (one["revision"], one["lag_s"]) == (None, 0)


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"instance": "me"}, "instance"),
        ({"instance": f"{ONE}\n"}, "instance"),
        ({"revision": -1}, "revision"),
        ({"revision": 2**31}, "revision"),
        ({"applied_at": "now"}, "applied_at"),
        ({"app": "a\x00"}, "app"),
        ({"evaluations": []}, "evaluations"),
        (
            {"evaluations": {"claims-assistant": {"stable": -1}}},
            "evaluations.claims-assistant.stable",
        ),
        (
            {"evaluations": {"claims-assistant": {"stable": True}}},
            "evaluations.claims-assistant.stable",
        ),
        (
            {"evaluations": {"claims-assistant": {"stable": 10**9 + 1}}},
            "evaluations.claims-assistant.stable",
        ),
        ({"colour": 1}, "colour"),
    ],
)
def test_a_receipt_that_cannot_be_used_is_refused(still: World, content: Any, field: str) -> None:
    found = nothing_came_of_it(still, "POST", RECEIPTS, json=RECEIPT | content)
    assert found == (422, "invalid_field", [field])


def test_only_server_keys_report_and_only_admin_keys_look(still: World) -> None:
    assert still.ask("POST", RECEIPTS, key=still.api.key, json=RECEIPT).status_code == 403
    assert still.ask("GET", f"/api/v1{INSTANCES}").status_code == 403
    for query in ("minutes=0", "minutes=1441", "revision=0", "revision=x"):
        status, _, fields = nothing_came_of_it(still, "GET", f"{INSTANCES}/summary?{query}")
        assert (status, fields) == (422, [query.partition("=")[0]])
