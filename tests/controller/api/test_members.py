"""Users and members over the API."""

from __future__ import annotations

import pytest

from controller.permissions import Role
from controller.store.keys import KeyKind
from controller.store.projects import get_project
from tests.conftest import Api
from tests.controller.api.world import PROJECT, World, nothing_came_of_it, refusal

MEMBERS, USERS, EVE = f"{PROJECT}/members", "/users", "eve@acme.example"


def as_admin(world: World) -> Api:
    with world.parts.database.read() as tx:
        project = get_project(tx, "acme").id
    return Api(world.api.client, world.make_key(KeyKind.ADMIN, roles=[Role.ADMIN], project_id=project))


def test_members_are_set_listed_and_removed(world: World) -> None:
    admin = as_admin(world)
    made = admin.ok("PUT", f"{MEMBERS}/{EVE}", {"roles": ["owner", "viewer"]})
    assert made["roles"] == ["viewer", "owner"]
    assert len(made["one_time_password"]) >= 16
    again = admin.ok("PUT", f"{MEMBERS}/{EVE}", {"roles": ["operator"]})
    assert again["one_time_password"] is None
    [listed] = admin.ok("GET", MEMBERS)["items"]
    assert (listed["email"], listed["roles"], listed["permissions"]) == (
        EVE,
        ["operator"],
        ["read", "reduce"],
    )
    assert "one_time_password" not in listed
    assert admin.call("DELETE", f"{MEMBERS}/{EVE}").status_code == 204
    assert admin.ok("GET", MEMBERS)["items"] == []


def test_the_admin_of_a_project_sees_no_users_and_gives_no_passwords(world: World) -> None:
    admin = as_admin(world)
    admin.ok("PUT", f"{MEMBERS}/{EVE}", {"roles": ["owner"]})
    for method, path in (("GET", USERS), ("POST", f"{USERS}/{EVE}/password"), ("PATCH", f"{USERS}/{EVE}")):
        assert refusal(admin.call(method, path, json={}))[:2] == (403, "permission_missing")


def test_nobody_marks_another_with_what_he_does_not_hold(world: World) -> None:
    asked = {"roles": ["viewer"], "may_break_glass": True}
    assert refusal(as_admin(world).call("PUT", f"{MEMBERS}/{EVE}", json=asked))[:2] == (403, "more_than_held")
    assert world.api.ok("PUT", f"{MEMBERS}/{EVE}", asked)["may_break_glass"] is True


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({}, "roles"),
        ({"roles": []}, "roles"),
        ({"roles": ["root"]}, "roles.0"),
        ({"roles": "owner"}, "roles"),
        ({"roles": ["owner"], "may_break_glass": "yes"}, "may_break_glass"),
        ({"roles": ["owner"], "x": 1}, "x"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(still: World, content: object, field: str) -> None:
    found = nothing_came_of_it(still, "PUT", f"{MEMBERS}/{EVE}", json=content)
    assert found == (422, "invalid_field", [field])


@pytest.mark.parametrize("email", ["eve", "eve@", "@acme", "eve%20@acme", f"{'x' * 65}@acme", "a@b@c"])
def test_what_is_no_address_is_let_in_nowhere(still: World, email: str) -> None:
    found = nothing_came_of_it(still, "PUT", f"{MEMBERS}/{email}", json={"roles": ["owner"]})
    assert found == (422, "invalid_field", ["email"])


def test_users_are_invited_shown_deactivated_and_come_back(world: World) -> None:
    made = world.api.ok("POST", USERS, {"email": EVE})
    assert made["one_time_password"]
    assert (made["user"]["is_admin"], made["user"]["is_active"]) == (False, True)
    assert EVE in [each["email"] for each in world.api.ok("GET", USERS)["items"]]
    gone = world.api.ok("PATCH", f"{USERS}/{EVE}", {"is_active": False})
    assert (gone["user"]["is_active"], gone["one_time_password"]) == (False, None)
    back = world.api.ok("PATCH", f"{USERS}/{EVE}", {"is_active": True, "is_admin": True})
    assert back["one_time_password"] not in (None, made["one_time_password"])
    shown = world.api.ok("GET", f"{USERS}/{EVE}")
    assert (shown["is_admin"], shown["let_in_by"]) == (True, "key:tests")
    assert not any("password_hash" in str(each) for each in (made, gone, back, shown))
    assert refusal(world.api.call("PATCH", f"{USERS}/{EVE}", json={"is_active": False}))[:2] == (
        409,
        "last_admin",
    )
