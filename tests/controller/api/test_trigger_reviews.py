from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Api
from tests.controller.api.world import TRIGGER, TRIGGERS, World, nothing_came_of_it

LEAKS = f"{TRIGGERS}/leaks"


def test_a_trigger_is_muted_and_unmuted(world: World) -> None:
    muted = world.api.ok("POST", f"{LEAKS}/mute", {"minutes": 60, "reason": "a known outage"})
    assert (muted["muted_until"], muted["muted_by"]) == ("2026-11-20T13:00:00+00:00", "key:tests")
    assert world.api.ok("GET", LEAKS)["mute_reason"] == "a known outage"
    assert world.api.ok("POST", f"{LEAKS}/unmute", {"reason": "over"})["muted_until"] is None


def test_a_proposal_is_made_listed_and_approved_by_somebody_else(world: World) -> None:
    content = {"definition": TRIGGER | {"params": {"count": 5}}, "reason": "too nervous"}
    made = world.api.ok("POST", f"{LEAKS}/proposals", content)
    assert (made["status"], made["definition"]["params"]) == ("open", {"count": 5})
    assert world.api.ok("GET", f"{LEAKS}/proposals")["items"] == [made]
    path = f"{LEAKS}/proposals/{made['id']}"
    assert nothing_came_of_it(world, "POST", f"{path}/approve")[:2] == (409, "refused")
    other = Api(world.api.client, world.make_key(name="bob"))
    assert other.call("POST", f"{path}/approve").status_code == 204
    assert world.api.ok("GET", LEAKS)["params"] == {"count": 5}
    assert nothing_came_of_it(world, "DELETE", path)[:2] == (409, "proposal_decided")
    gone = world.api.ok("POST", f"{LEAKS}/proposals", {"definition": None, "reason": "not needed"})
    assert world.api.call("DELETE", f"{LEAKS}/proposals/{gone['id']}").status_code == 204


def test_the_record_is_shown(world: World) -> None:
    record = world.api.ok("GET", f"{LEAKS}/record")
    assert (record["arming"], record["evaluations"], record["acts"]) == ("shadow", 0, [])
    assert record["unproven"].startswith("it has watched for 0 h")


@pytest.mark.parametrize(
    ("path", "content", "field"),
    [
        ("mute", {"minutes": 10_081, "reason": "x"}, "minutes"),
        ("mute", {"minutes": 5}, "reason"),
        ("proposals", {"reason": "x"}, "definition"),
        ("proposals", {"definition": TRIGGER | {"key": "other"}, "reason": "x"}, "definition.key"),
        ("proposals", {"definition": TRIGGER | {"params": {"count": 0}}, "reason": "x"}, "params.count"),
    ],
)
def test_what_cannot_be_used_is_named(still: World, path: str, content: Any, field: str) -> None:
    assert nothing_came_of_it(still, "POST", f"{LEAKS}/{path}", json=content)[2] == [field]
