from __future__ import annotations

from typing import Any

import pytest

from tests.controller.api.world import ROLLOUT, TRIGGER, TRIGGERS, World, nothing_came_of_it

NARROWINGS = f"{ROLLOUT}/narrowings"
STAFF = {"exposure": {"cohorts": ["staff"], "languages": ["de-CH"]}, "reason": "they can tell"}


def test_a_narrowing_is_defined_listed_and_removed(world: World) -> None:
    made = world.api.ok("PUT", f"{NARROWINGS}/staff", STAFF)
    limits = {
        "share": 10_000,
        "cohorts": ["staff"],
        "tasks": [],
        "languages": ["de-CH"],
        "autonomy": "execute",
    }
    assert made == {"key": "staff", "exposure": limits, "broken": None}
    assert world.api.ok("GET", NARROWINGS)["items"] == [made]
    assert world.api.call("DELETE", f"{NARROWINGS}/staff", json={"reason": "gone"}).status_code == 204
    assert world.api.ok("GET", NARROWINGS)["items"] == []


def test_one_that_cannot_be_read_is_listed_as_such(world: World) -> None:
    world.api.ok("PUT", f"{NARROWINGS}/staff", STAFF)
    with world.parts.database.write() as tx:
        tx.exec_driver_sql("UPDATE narrowings SET exposure = '{}'")
    [item] = world.api.ok("GET", NARROWINGS)["items"]
    assert (item["key"], item["exposure"]) == ("staff", None)
    assert item["broken"]


@pytest.mark.parametrize(
    ("key", "exposure", "field"),
    [
        ("-", {"share": 1}, "key"),
        ("few", {}, "exposure"),
        ("few", {"share": 10_000}, "exposure"),
        ("few", {"languages": ["DE"]}, "exposure.languages.0"),
        ("few", {"languages": ["de_CH"]}, "exposure.languages.0"),
    ],
)
def test_what_can_be_none_is_named(still: World, key: str, exposure: Any, field: str) -> None:
    content = {"exposure": exposure, "reason": "x"}
    status, code, fields = nothing_came_of_it(still, "PUT", f"{NARROWINGS}/{key}", json=content)
    assert (status, code, fields) == (422, "invalid_field", [field])


@pytest.mark.parametrize(
    ("rung", "field"),
    [
        ({"do": "narrow", "args": {"to": "nothing"}}, "ladder.0.args.to"),
        ({"do": "narrow", "args": {"to": "few", "share": 1}}, "ladder.0.args.to"),
        ({"do": "review", "args": {"to": "few"}}, "ladder.0.args.to"),
        ({"do": "disable", "args": {"share": 1}}, "ladder.0.args.share"),
    ],
)
def test_an_argument_that_means_nothing_is_named(still: World, rung: dict[str, Any], field: str) -> None:
    content = TRIGGER | {"key": "other", "ladder": [rung]}
    assert nothing_came_of_it(still, "POST", TRIGGERS, json=content)[2] == [field]
