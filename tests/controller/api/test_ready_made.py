from __future__ import annotations

from typing import Any

import pytest

from tests.controller.api.world import ROLLOUT, World, nothing_came_of_it

WANTED = f"{ROLLOUT}/ready-made-triggers"
CATALOGUE = "/api/v1/ready-made-triggers"


def test_the_catalogue_is_shown_for_a_tier_and_a_telemetry(world: World) -> None:
    items = {one["key"]: one for one in world.api.ok("GET", "/ready-made-triggers?tier=T3")["items"]}
    assert items["unsupported-answers"]["trigger"]["params"] == {"limit": 0.05}
    assert items["grounding"]["trigger"] is None
    assert "unsupported-answers" in items["grounding"]["why_not"]
    assert {"otel", "otel-dots", "langfuse", "sql"} <= set(items["grounding"]["telemetries"])


def test_what_is_shown_can_be_sent(world: World) -> None:
    for one in world.api.ok("GET", "/ready-made-triggers")["items"]:
        if one["trigger"]:
            added = world.api.ok("POST", f"{ROLLOUT}/triggers", one["trigger"])
            assert added["class"] == one["class"]


def test_all_that_a_telemetry_can_tell_is_added_once(world: World) -> None:
    first = world.api.ok("POST", WANTED, {"telemetry": "outcomes"})
    assert {each["arming"] for each in first["added"]} == {"shadow"}
    assert {"sensitive-data", "latency"} <= {each["key"] for each in first["added"]}
    assert {"model-retiring", "grounding"} <= {each["key"] for each in first["passed_over"]}
    again = world.api.ok("POST", WANTED, {"telemetry": "outcomes"})
    assert again["added"] == []
    records = world.api.ok(
        "POST", WANTED, {"telemetry": "records", "keys": ["model-retiring"], "arming": "act"}
    )
    assert [(each["key"], each["arming"]) for each in records["added"]] == [("model-retiring", "act")]


@pytest.mark.parametrize(
    ("content", "status", "field"),
    [
        ({"telemetry": "smoke"}, 422, "telemetry"),
        ({"telemetry": "otel", "source": "outcomes"}, 422, "source"),
        ({"telemetry": "outcomes", "keys": ["luck"]}, 422, "keys.0"),
        ({"telemetry": "outcomes", "keys": ["latency", "grounding"]}, 422, "keys.1"),
        ({"telemetry": "outcomes", "arming": "later"}, 422, "arming"),
    ],
)
def test_what_cannot_be_added_is_named_and_nothing_is(
    world: World, content: dict[str, Any], status: int, field: str
) -> None:
    found = nothing_came_of_it(world, "POST", WANTED, json=content)
    assert (found[0], found[2]) == (status, [field])


def test_a_source_that_is_not_connected_is_told(world: World) -> None:
    assert nothing_came_of_it(world, "POST", WANTED, json={"telemetry": "otel"})[0] == 404
