"""Every address of the API and of the console × every role × a project of one's own and a foreign one.

The guards are asked as a request would ask them, and no view runs: what would be done changes nothing here.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.routing import Rule

from app import create_app, services_of
from controller.api.doors import DOORS, FOLLOWING_THE_SWITCH, OF_ONESELF, STEPS, permission_for
from controller.api.errors import Unpermitted
from controller.errors import Forbidden, NotFound
from controller.passwords import hash_password
from controller.permissions import GRANTS, Permission, Role
from controller.settings import Settings
from controller.store.keys import KeyKind, add_key, new_secret
from controller.store.memberships import Membership, set_membership
from controller.store.projects import add_project, get_project
from controller.store.users import add_user, find_user, open_session
from tests.conftest import SECRET, Api, Clock
from tests.controller.api.test_auth import FOR_ANYBODY, FOR_SERVERS, VALUES
from tests.controller.api.world import FEATURE, MOVES, PROJECT, ROLLOUT, World

WITHOUT_ANYBODY = {
    "console.static",
    "console.show_sign_in",
    "console.sign_in",
    "console.depart",
    "console.arrive",
    "hooks.receive",
}
MORE = VALUES | {
    "about": "source",
    "trigger": "leaks",
    "kind": "csv",
    "filename": "style.css",
    "state": "active",
}
NOBODYS = "nobodys"
"""A project that exists, of which none of them is a member."""
SOMEBODY = [*Role, None]
"""Members by their roles, and somebody who is no member of any project."""


@pytest.fixture(scope="module")
def house(world_template: tuple[Path, World], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An installation with somebody for each role, and a key for each; nobody's hash is the same for all."""
    path = tmp_path_factory.mktemp("doors") / "headgate.db"
    shutil.copy(world_template[0], path)
    clock = Clock()
    app = create_app(Settings(database_url=f"sqlite:///{path}", secret_key=SECRET), clock)
    parts = services_of(app)
    with parts.database.write() as tx:
        add_project(tx, NOBODYS, "Nobody's", "", clock())
        mine = get_project(tx, "acme").id
        for role in SOMEBODY:
            email = f"{role}@example.com"
            add_user(tx, email, "", clock(), must_change=False)
            user = find_user(tx, email)
            assert user is not None
            open_session(
                tx, user.id, f"session-{role}", f"csrf-{role}", clock(), clock() + timedelta(hours=1)
            )
            if role is not None:
                set_membership(
                    tx,
                    Membership(
                        project_id=mine,
                        user_id=user.id,
                        by_group=False,
                        roles=(role,),
                        may_break_glass=False,
                        granted_by="tests",
                        granted_at=clock(),
                    ),
                )
    yield app
    parts.database.close()


@pytest.fixture(scope="module")
def keys(house: Flask) -> dict[Role, str]:
    parts, made = services_of(house), {}
    with parts.database.write() as tx:
        mine = get_project(tx, "acme").id
        for role in Role:
            made[role] = new_secret(KeyKind.ADMIN)
            named = {"name": f"a {role}", "by": "tests", "now": parts.now()}
            add_key(tx, made[role], SECRET, project_id=mine, roles=[role], **named)
    return made


def rules(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint not in WITHOUT_ANYBODY]


def blank() -> Flask:
    return create_app(Settings(database_url="sqlite:////tmp/headgate-no-such.db", secret_key=SECRET))


ENDPOINTS = sorted({rule.endpoint for rule in rules(blank())})
CONSOLE = [each for each in ENDPOINTS if each.startswith("console.") and each not in OF_ONESELF]
API = [
    each
    for each in ENDPOINTS
    if each.partition(".")[0] not in {"console", "hooks", *FOR_ANYBODY, *FOR_SERVERS}
]


def test_every_endpoint_says_what_it_takes_and_every_door_is_one() -> None:
    assert sorted({*API, *CONSOLE} - set(DOORS)) == [], "name them in controller/api/doors.py"
    assert sorted(set(DOORS) - {*API, *CONSOLE}) == []
    assert set(ENDPOINTS) >= OF_ONESELF | FOLLOWING_THE_SWITCH | STEPS


def test_what_nobody_has_named_is_for_those_who_administer() -> None:
    assert permission_for("brand_new") is Permission.ADMINISTER


def test_whatever_changes_something_takes_more_than_reading() -> None:
    unsafe = {
        rule.endpoint
        for rule in rules(blank())
        if (rule.methods or set()) & {"POST", "PUT", "PATCH", "DELETE"}
    }
    reading = {each for each in unsafe if DOORS.get(each) is Permission.READ}
    assert reading == {"console.verify_audit", "console.try_flag"}, (
        "they work something out, and write nothing"
    )


def outcome(app: Flask, endpoint: str, project: str, headers: dict[str, str], csrf: str = "") -> str:
    """What the guard says: the error's code, or nothing when it lets in."""
    rule = next(each for each in app.url_map.iter_rules() if each.endpoint == endpoint)
    method = next(iter(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})))
    named = {name: MORE[name] for name in rule.arguments} | (
        {"project": project} if "project" in rule.arguments else {}
    )
    path = app.url_map.bind("localhost").build(endpoint, named, method=method)
    query = {"project": project} if endpoint in FOLLOWING_THE_SWITCH else {}
    form = {"csrf": csrf, "at_project": project} if method == "POST" and csrf else None
    with app.test_request_context(path, method=method, headers=headers, query_string=query, data=form):
        try:
            app.preprocess_request()
        except (Forbidden, NotFound) as error:
            return error.code
    return ""


def is_of_a_project(app: Flask, endpoint: str) -> bool:
    rule = next(each for each in app.url_map.iter_rules() if each.endpoint == endpoint)
    return "project" in rule.arguments or endpoint in FOLLOWING_THE_SWITCH | STEPS


def expected(app: Flask, endpoint: str, held: frozenset[Permission]) -> str:
    wanted = DOORS[endpoint]
    if not is_of_a_project(app, endpoint):
        return "" if wanted is Permission.READ else "permission_missing"
    return "" if wanted in held else "permission_missing" if held else "not_found"


def told(role: Role | None) -> dict[str, str]:
    return {"Cookie": f"headgate_session=session-{role}"}


@pytest.mark.parametrize("endpoint", API)
def test_a_key_opens_of_the_api_what_its_role_says(
    house: Flask, keys: dict[Role, str], endpoint: str
) -> None:
    for role, key in keys.items():
        found = outcome(house, endpoint, "acme", {"X-API-Key": key})
        assert found == expected(house, endpoint, GRANTS[role]), role


@pytest.mark.parametrize("endpoint", API)
def test_no_key_opens_anything_of_a_foreign_project(
    house: Flask, keys: dict[Role, str], endpoint: str
) -> None:
    for role, key in keys.items():
        for project in (NOBODYS, "not-there"):
            found = outcome(house, endpoint, project, {"X-API-Key": key})
            assert found == expected(house, endpoint, frozenset()), (role, project)


@pytest.mark.parametrize("endpoint", CONSOLE)
def test_somebody_opens_of_the_console_what_his_role_says(house: Flask, endpoint: str) -> None:
    for role in SOMEBODY:
        found = outcome(house, endpoint, "acme", told(role), f"csrf-{role}")
        assert found == expected(house, endpoint, GRANTS[role] if role else frozenset()), role


@pytest.mark.parametrize("endpoint", CONSOLE)
def test_nobody_opens_anything_of_a_foreign_project(house: Flask, endpoint: str) -> None:
    for role in SOMEBODY:
        for project in (NOBODYS, "not-there"):
            found = outcome(house, endpoint, project, told(role), f"csrf-{role}")
            assert found == expected(house, endpoint, frozenset()), (role, project)


@pytest.mark.parametrize("endpoint", sorted(STEPS | {"console.load_demo", "console.remove_demo"}))
def test_the_query_of_an_address_names_no_project_for_what_a_form_does(house: Flask, endpoint: str) -> None:
    rule = next(each for each in house.url_map.iter_rules() if each.endpoint == endpoint)
    form, query = {"csrf": "csrf-admin", "project": "acme"}, {"project": "acme", "at_project": "acme"}
    with (
        house.test_request_context(
            rule.rule, method="POST", headers=told(Role.ADMIN), data=form, query_string=query
        ),
        pytest.raises(Unpermitted),
    ):
        house.preprocess_request()


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.APPROVER])
def test_whoever_may_only_reduce_moves_nothing_up(world: World, role: Role) -> None:
    mine = _as(world, role)
    for move in ("resume", "widen", "introduce", "adopt", "promote", "advance", "revive"):
        answer = mine.post(MOVES, {"move": move, "reason": "x"})
        assert (answer.status_code, answer.get_json()["code"]) == (403, "permission_missing"), move
    for move in ("hold", "review", "disable", "stop"):
        assert mine.post(MOVES, {"move": move, "reason": "x"}).status_code == 200, move
    assert world.api.ok("GET", ROLLOUT)["stage"] == "stopped"


def test_whoever_may_only_reduce_calls_a_release_bad_and_not_good(world: World) -> None:
    mine, verdict = _as(world, Role.OPERATOR), f"{FEATURE}/releases/{world.other}/verdict"
    assert mine.post(verdict, {"verdict": "good", "reason": "x"}).status_code == 403
    assert mine.post(verdict, {"verdict": "bad", "reason": "it makes things up"}).status_code == 200


def test_a_refusal_names_the_permission_the_role_and_who_could(world: World) -> None:
    with world.parts.database.write() as tx:
        project = get_project(tx, "acme").id
        for email, role in (("risk@acme.example", Role.APPROVER), ("ann@acme.example", Role.OWNER)):
            add_user(tx, email, hash_password("a password of hers"), world.parts.now(), must_change=False)
            user = find_user(tx, email)
            assert user is not None
            given = Membership(
                project_id=project,
                user_id=user.id,
                by_group=False,
                roles=(role,),
                may_break_glass=False,
                granted_by="tests",
                granted_at=world.parts.now(),
            )
            set_membership(tx, given)
    asked = _as(world, Role.OWNER).post(f"{FEATURE}/waivers", {})
    error = asked.get_json()["errors"][0]
    assert "permission approve in the project acme" in error["message"]
    assert "risk@acme.example" in error["remedy"]
    assert "ann@acme.example" not in error["remedy"]
    assert "approver" in error["remedy"]


def test_nobody_makes_a_key_that_may_more_than_he(world: World) -> None:
    admin = _as(world, Role.ADMIN)
    asked = {"kind": "admin", "name": "mine", "roles": ["owner", "approver"]}
    assert admin.post(f"{PROJECT}/keys", asked).get_json()["roles"] == ["owner", "approver"]
    answer = admin.post(f"{PROJECT}/keys", asked | {"name": "more", "may_break_glass": True})
    assert (answer.status_code, answer.get_json()["code"]) == (403, "more_than_held")
    assert _as(world, Role.OWNER).post(f"{PROJECT}/keys", asked | {"name": "x"}).status_code == 403


@pytest.mark.parametrize("content", [{}, {"roles": []}, {"roles": ["root"]}, {"roles": None}])
def test_an_admin_key_is_made_with_a_role(world: World, content: dict[str, object]) -> None:
    answer = world.api.post(f"{PROJECT}/keys", {"kind": "admin", "name": "x", **content})
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"].startswith("roles")


def _as(world: World, role: Role) -> Api:
    with world.parts.database.read() as tx:
        project = get_project(tx, "acme").id
    return Api(world.api.client, world.make_key(KeyKind.ADMIN, roles=[role], project_id=project))
