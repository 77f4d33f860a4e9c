"""Users and roles in the console, and what the console shows to somebody who may not do everything."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest

from controller.permissions import Role
from controller.store.users import change_user, find_user, open_session
from tests.browser.story import ADA, EMAIL, Installation
from tests.controller.console.conftest import Visitor

PEOPLE, USERS, EVE = "/projects/acme/settings/people", "/users", "eve@acme.example"


def somebody(house: Installation, *roles: Role, email: str = EVE) -> Visitor:
    """Somebody who has signed in, with these roles in the project, or without any."""
    if roles:
        house.parts.members.set_member("acme", email, roles, ADA)
    else:
        house.parts.members.invite(email, ADA, is_admin=False)
    with house.parts.database.write() as tx:
        user, now = find_user(tx, email), house.clock()
        assert user is not None
        change_user(tx, user.id, must_change_password=False)
        open_session(tx, user.id, f"token-of-{email}", f"csrf-of-{email}", now, now + timedelta(hours=1))
    found = Visitor(house)
    found.client.set_cookie("headgate_session", f"token-of-{email}")
    return found


def secret(page: str) -> str:
    found = re.search(r'<code id="secret" tabindex="0">([^<]+)</code>', page)
    assert found is not None, page
    return html.unescape(found[1])


def test_somebody_is_let_in_with_roles_and_signs_in_with_what_is_shown_once(
    house: Installation, ada: Visitor, live: str
) -> None:
    shown = ada.post(PEOPLE, email=EVE, roles="owner").text
    password = secret(shown)
    assert "shown this once" in shown
    page = ada.get(PEOPLE).text
    assert EVE in page
    assert password not in page
    eve = Visitor(house)
    assert eve.sign_in(EVE, password).status_code == 303
    assert eve.get("/").location == "/password?next=/"
    assert ada.post(PEOPLE, email=EVE, roles="viewer").location == f"{PEOPLE}?done=roles_given"
    assert "roles</span> owner" in ada.get("/projects/acme/audit?name=member.set").text
    assert ada.post(f"{PEOPLE}/{EVE}/remove", _form=PEOPLE).location == f"{PEOPLE}?done=member_removed"
    assert EVE not in ada.get(PEOPLE).text


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"email": "eve"}, "An address reads"),
        ({"email": EVE}, "choose at least one"),
        ({"roles": "owner"}, "An address"),
    ],
)
def test_what_is_missing_is_said_and_nobody_is_let_in(
    house: Installation, ada: Visitor, live: str, fields: dict[str, str], told: str
) -> None:
    answer = ada.post(PEOPLE, **fields)
    assert answer.status_code == 422
    assert told.lower() in answer.text.lower()
    with house.parts.database.read() as tx:
        assert find_user(tx, EVE) is None


def test_a_group_is_set_with_addresses_and_nobody_adds_himself(ada: Visitor, live: str) -> None:
    path = "/projects/acme/settings/groups"
    assert ada.post(path, _form=PEOPLE, group="risk", members="ben@acme.example, key:ci").status_code == 303
    assert "API key ci, ben@acme.example" in ada.get(PEOPLE).text
    answer = ada.post(path, _form=PEOPLE, group="risk", members=EMAIL)
    assert answer.status_code == 422
    assert "is you" in answer.text
    nobody = ada.post(path, _form=PEOPLE, group="risk", members="ben")
    assert "is no name here" in nobody.text


def test_two_people_who_change_roles_or_a_group_do_not_overwrite_each_other(
    house: Installation, ada: Visitor, live: str
) -> None:
    house.parts.members.set_member("acme", EVE, [Role.OWNER], ADA)
    house.parts.governance.set_group("acme", "risk", ["user:ben@acme.example"], ADA)
    groups = "/projects/acme/settings/groups"
    shown = ada.get(PEOPLE).text
    token = html.unescape(re.findall(r'name="csrf" value="([^"]+)"', shown)[0])
    roles, members = re.findall(r'name="seen" value="([^"]+)"', shown)
    house.parts.members.set_member("acme", EVE, [Role.APPROVER], ADA)
    house.parts.governance.set_group("acme", "risk", ["key:ci"], ADA)
    for path, fields in (
        (PEOPLE, {"email": EVE, "roles": "viewer", "seen": roles}),
        (PEOPLE, {"email": EVE, "roles": "viewer"}),
        (groups, {"group": "risk", "members": "key:other", "seen": members}),
        (groups, {"group": "risk", "members": "key:other"}),
    ):
        answer = ada.client.post(path, data={"csrf": token} | fields)
        assert (answer.status_code, "save again if you mean it" in answer.text) == (409, True), fields
    page = ada.get(PEOPLE).text
    assert (">approver</div>" in page, "API key ci" in page) == (True, True)


def test_users_are_invited_deactivated_and_come_back(house: Installation, ada: Visitor, live: str) -> None:
    assert secret(ada.post(USERS, email=EVE).text)
    assert ada.post(f"{USERS}/{EVE}/deactivated", _form=USERS).status_code == 303
    assert "deactivated" in ada.get(USERS).text
    assert secret(ada.post(f"{USERS}/{EVE}/active", _form=USERS).text)
    assert secret(ada.post(f"{USERS}/{EVE}/password", _form=USERS).text)
    last = ada.post(f"{USERS}/{EMAIL}/deactivated", _form=USERS)
    assert last.status_code == 409
    assert "make somebody else an admin first" in last.text.lower()
    assert ada.get("/").status_code == 200


def test_whoever_is_taken_out_or_deactivated_is_out_with_the_next_click(
    house: Installation, ada: Visitor, live: str
) -> None:
    eve = somebody(house, Role.OWNER)
    page = "/projects/acme/environments/production/features/claims"
    assert eve.get(page).status_code == 200
    house.parts.members.remove_member("acme", EVE, ADA)
    assert eve.get(page).status_code == 404
    house.parts.members.change(EVE, ADA, is_active=False)
    assert eve.get("/").location.startswith("/sign-in")


def test_a_viewer_reads_and_is_told_calmly_who_may_do_more(
    house: Installation, ada: Visitor, live: str
) -> None:
    eve = somebody(house, Role.VIEWER)
    assert "Claims assistant" in eve.board()
    answer = eve.act("stop", "claims", choice="off", reason="x")
    assert answer.status_code == 403
    assert "Going down takes the role operator or owner or approver or admin." in answer.text
    assert EMAIL in answer.text
    people = eve.get(PEOPLE).text
    assert "Give these roles" not in people
    assert "Administering takes the role admin." in people


def test_somebody_without_a_project_is_told_so_and_offered_nothing(
    house: Installation, ada: Visitor, live: str
) -> None:
    eve = somebody(house)
    board = eve.get("/").text
    assert "You are no member of any project yet" in board
    assert EMAIL in board
    for thing in ("Claims assistant", "acme", "Load a demo project", "first-run"):
        assert thing not in board.replace(EMAIL, "").replace(EVE, ""), thing
    assert eve.get("/?project=acme").status_code == 404
    assert eve.get("/live?rollout=1").status_code == 404


FEATURE = "/projects/acme/environments/production/features/claims"


@pytest.mark.parametrize(
    ("path", "unusable"),
    [
        ("/?project=acme&environment=production", ["Stop<"]),
        (FEATURE, ["/stop/", "/resume/", "/acknowledge/"]),
        (f"{FEATURE}/promotion", ["Hand in", "Ask for pilot</button", "Waive it"]),
        (f"{FEATURE}/triggers", ["New trigger", "Ready-made<"]),
        (f"{FEATURE}/triggers/unsupported", ["Mute<", "Change the trigger<", "Remove<"]),
        ("/projects/acme/settings/keys", ["Make the key", "Revoke<"]),
        ("/projects/acme/settings/sources", ["Connect<"]),
        ("/projects/acme/settings/notices", ["Connect<"]),
        ("/projects/acme/settings/environments", ["Make the environment"]),
    ],
)
def test_what_a_viewer_may_not_do_is_not_offered(
    house: Installation, ada: Visitor, live: str, path: str, unusable: list[str]
) -> None:
    eve = somebody(house, Role.VIEWER)
    shown = eve.get(path)
    assert shown.status_code == 200
    assert "You may read here. Going down takes the role" in shown.text
    assert [thing for thing in unusable if thing in shown.text] == []


@pytest.mark.parametrize(
    "path", ["/stop/acme/production/claims", "/resume/acme/production/claims", f"{FEATURE}/new-trigger"]
)
def test_a_page_that_only_acts_says_who_may(house: Installation, ada: Visitor, live: str, path: str) -> None:
    answer = somebody(house, Role.VIEWER).get(path)
    assert answer.status_code == 403
    assert "This is for others to do" in answer.text


def test_an_operator_may_stop_and_is_told_who_approves(house: Installation, ada: Visitor, live: str) -> None:
    eve = somebody(house, Role.OPERATOR)
    assert "You may read here" not in eve.board()
    assert eve.act("stop", "claims", choice="off", reason="leaks").status_code == 303
    assert eve.act("resume", "claims", choice="live", reason="x").status_code == 403
