"""The rules of a project through the API: what its plans ask for, and whose word they ask."""

from __future__ import annotations

from typing import Any

import pytest

from tests.controller.api.world import PROJECT, World, nothing_came_of_it

PLANS = f"{PROJECT}/plans"
GROUPS = f"{PROJECT}/groups"
MORE = {"tiers": {"T3": {"scaled": {"min_samples": 90_000}}}}


def samples(plans: Any) -> int:
    return int(plans["tiers"]["T3"]["stages"]["scaled"]["min_samples"])


def test_the_plans_of_a_project_are_those_of_the_installation_until_it_asks_for_more(world: World) -> None:
    before = world.api.ok("GET", PLANS)
    assert (before["tightening"], set(before["tiers"])) == (None, {"T1", "T2", "T3"})
    asked = {"tightening": MORE, "reason": "not for everybody"}
    after = world.api.ok("PUT", PLANS, asked)
    assert (after["tightening"], samples(after)) == (MORE, 90_000)
    assert world.api.ok("GET", PLANS) == after
    assert samples(before) < 90_000
    assert world.api.ok("PUT", PLANS, {"tightening": None, "reason": "for everybody"}) == before


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"tightening": MORE}, (422, "invalid_field", ["reason"])),
        ({"reason": "x"}, (422, "invalid_field", ["tightening"])),
        ({"tightening": [], "reason": "x"}, (422, "invalid_field", ["tightening"])),
        ({"tightening": {"luck": 1}, "reason": "x"}, (422, "invalid_field", ["luck"])),
        (
            {"tightening": {"tiers": {"T1": {"beta": {"armed_triggers": 0}}}}, "reason": "x"},
            (422, "plan_loosened", ["tiers.T1.beta"]),
        ),
    ],
)
def test_rules_that_cannot_be_used_are_refused_by_their_place(
    still: World, content: dict[str, Any], found: tuple[int, str, list[str]]
) -> None:
    assert nothing_came_of_it(still, "PUT", PLANS, json=content) == found


def test_rules_that_cannot_be_read_say_so(world: World) -> None:
    with world.parts.database.write() as tx:
        tx.exec_driver_sql("UPDATE projects SET tightening = '{'")
    assert nothing_came_of_it(world, "GET", PLANS) == (422, "invalid_field", ["tightening"])
    world.api.ok("PUT", PLANS, {"tightening": MORE, "reason": "again"})
    assert samples(world.api.ok("GET", PLANS)) == 90_000


def test_a_group_is_set_as_a_whole_and_listed(world: World) -> None:
    for members in (["user:ada", "user:bob", "user:ada"], ["user:eve"]):
        group = world.api.ok("PUT", f"{GROUPS}/risk", {"members": members})
        assert group == {"key": "risk", "members": sorted({*members})}
    world.api.ok("PUT", f"{GROUPS}/legal", {"members": []})
    assert world.api.ok("GET", GROUPS) == {
        "items": [{"key": "legal", "members": []}, {"key": "risk", "members": ["user:eve"]}],
        "next_cursor": None,
    }


@pytest.mark.parametrize(
    ("group", "content", "field"),
    [
        ("Risk", {"members": []}, "group"),
        ("r", {"members": []}, "group"),
        ("risk", {}, "members"),
        ("risk", {"members": "user:ada"}, "members"),
        ("risk", {"members": [""]}, "members.0"),
        ("risk", {"members": ["user:ada", 1]}, "members.1"),
        ("risk", {"members": ["user:ada\x00"]}, "members.0"),
        ("risk", {"members": ["user:ada"], "key": "legal"}, "key"),
    ],
)
def test_a_group_that_cannot_be_set_is_refused_by_name(
    still: World, group: str, content: dict[str, Any], field: str
) -> None:
    found = nothing_came_of_it(still, "PUT", f"{GROUPS}/{group}", json=content)
    assert found == (422, "invalid_field", [field])
