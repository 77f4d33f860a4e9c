from __future__ import annotations

from typing import Any

import pytest

from tests.controller.api.world import FEATURE, PROJECT, World, nothing_came_of_it

REGISTRIES = f"{PROJECT}/registries"
SETTINGS = {
    "read": {"url": "http://127.0.0.1:1/prompts/${name}/${pointer}", "path": "$.version"},
    "write": {"method": "PUT", "url": "http://127.0.0.1:1/prompts/${name}/${pointer}/${version}"},
}
GOOD = {"key": "prompts", "kind": "http", "settings": SETTINGS}
OPEN = {**SETTINGS, "auth": "bearer", "secret": "hunter2hunter2"}


def test_registries_are_connected_and_listed(world: World) -> None:
    made = world.api.ok("POST", REGISTRIES, GOOD)
    assert {name: made[name] for name in GOOD} == GOOD
    assert world.api.ok("GET", REGISTRIES) == {"items": [made], "next_cursor": None}


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (GOOD | {"key": "-"}, "key"),
        (GOOD | {"kind": "nothing"}, "kind"),
        (GOOD | {"settings": OPEN}, "settings.secret"),
        (GOOD | {"other": 1}, "other"),
    ],
)
def test_what_cannot_be_connected_is_named(world: World, content: dict[str, Any], field: str) -> None:
    found = nothing_came_of_it(world, "POST", REGISTRIES, json=content)
    assert found == (422, "invalid_field", [field])


def test_a_key_is_given_once(world: World) -> None:
    world.api.ok("POST", REGISTRIES, GOOD)
    assert nothing_came_of_it(world, "POST", REGISTRIES, json=GOOD)[:2] == (409, "key_taken")


def test_a_registry_is_changed_and_forgotten(world: World) -> None:
    world.api.ok("POST", REGISTRIES, GOOD)
    other = {**SETTINGS, "auth": "none"}
    assert world.api.ok("PUT", f"{REGISTRIES}/prompts", {"settings": other})["settings"] == other
    assert world.api.call("DELETE", f"{REGISTRIES}/prompts").status_code == 204
    assert world.api.ok("GET", REGISTRIES)["items"] == []
    assert nothing_came_of_it(world, "DELETE", f"{REGISTRIES}/prompts")[0] == 404
    assert nothing_came_of_it(world, "PUT", f"{REGISTRIES}/prompts", json={"settings": other})[0] == 404


def test_other_settings_are_held_against_the_kind(world: World) -> None:
    world.api.ok("POST", REGISTRIES, GOOD)
    found = nothing_came_of_it(world, "PUT", f"{REGISTRIES}/prompts", json={"settings": OPEN})
    assert found == (422, "invalid_field", ["settings.secret"])


def test_a_registry_that_does_not_answer_is_an_answer(world: World) -> None:
    world.api.ok("POST", REGISTRIES, GOOD)
    tried = world.api.ok("POST", f"{REGISTRIES}/prompts/test", {"name": "answer", "pointer": "production"})
    assert tried["version"] is None
    assert tried["message"]


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("others/test", {"name": "answer", "pointer": "production"}, 404),
        ("prompts/test", {"name": "answer"}, 422),
        ("prompts/test", {"name": "..", "pointer": "production"}, 422),
    ],
)
def test_what_can_be_no_pointer_is_not_asked_for(
    world: World, path: str, content: dict[str, Any], status: int
) -> None:
    world.api.ok("POST", REGISTRIES, GOOD)
    assert nothing_came_of_it(world, "POST", f"{REGISTRIES}/{path}", json=content)[0] == status


def test_a_release_names_registries_that_are_there(world: World) -> None:
    pointer = {"registry": "prompts", "name": "answer", "pointer": "production", "version": "2"}
    prompt = {"ref": "answer@2", "pointer": pointer}
    bundle = {"prompt": prompt, "model": {"provider": "local", "id": "small-1"}}
    found = nothing_came_of_it(world, "POST", f"{FEATURE}/releases", json={"bundle": bundle})
    assert found == (422, "invalid_field", ["bundle.prompt.pointer.registry"])
    world.api.ok("POST", REGISTRIES, GOOD)
    world.api.ok("POST", f"{FEATURE}/releases", {"bundle": bundle})
