"""Letting people in and saying what they may do, and that the record says so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from controller.errors import Conflict, NotFound
from controller.members import Members
from controller.passwords import is_password
from controller.permissions import GRANTS, Permission, Role
from controller.rights import rights_of_user, who_may
from controller.store.changes import changes_of, verify
from controller.store.projects import add_project, get_project
from controller.store.users import User, find_session, find_user, open_session
from tests.controller.tenant import ADA, BOB, Tenant

EVE = "eve@acme.example"


def user(tenant: Tenant, email: str = EVE) -> User:
    with tenant.parts.database.read() as tx:
        found = find_user(tx, email)
    assert found is not None
    return found


def record(tenant: Tenant, project: str = "acme") -> list[tuple[str, dict[str, Any]]]:
    with tenant.parts.database.read() as tx:
        assert list(verify(tx)) == []
        found = changes_of(tx, get_project(tx, project).id)
    told = ("member.", "user.")
    return [(each.name, dict(each.after)) for each in found if each.name.startswith(told)]


@pytest.fixture
def members(small: Tenant) -> Members:
    with small.parts.database.write() as tx:
        add_project(tx, "other", "", "", small.clock())
    return small.parts.members


def test_whoever_is_not_known_is_let_in_with_a_password_that_is_used_once(
    small: Tenant, members: Members
) -> None:
    member, password = members.set_member("acme", EVE, [Role.OWNER], ADA)
    assert password is not None
    found = user(small)
    assert is_password(found.password_hash, password)
    assert (found.must_change_password, found.let_in_by, found.is_admin) == (True, ADA.name, False)
    assert member.roles == (Role.OWNER,)
    again, none = members.set_member("acme", EVE.upper(), [Role.APPROVER, Role.VIEWER], BOB)
    assert none is None
    assert again.roles == (Role.VIEWER, Role.APPROVER)
    assert user(small).let_in_by == ADA.name


def test_roles_are_of_one_project_and_gone_when_taken_away(small: Tenant, members: Members) -> None:
    members.set_member("acme", EVE, [Role.OWNER], ADA, may_break_glass=True)
    with small.parts.database.read() as tx:
        acme, other = get_project(tx, "acme"), get_project(tx, "other")
        mine = rights_of_user(tx, user(small))
        assert mine.in_projects == {acme.id: GRANTS[Role.OWNER] | {Permission.BREAK_GLASS}}
        assert who_may(tx, Permission.EDIT, acme) == [EVE]
        assert who_may(tx, Permission.EDIT, other) == []
    members.remove_member("acme", EVE, ADA)
    with small.parts.database.read() as tx:
        assert rights_of_user(tx, user(small)).in_projects == {}
    with pytest.raises(NotFound):
        members.remove_member("acme", EVE, ADA)
    assert record(small) == [
        ("member.remove", {"user": f"user:{EVE}", "roles": [], "may_break_glass": False}),
        ("member.set", {"user": f"user:{EVE}", "roles": ["owner"], "may_break_glass": True}),
    ]


def test_whoever_is_deactivated_is_signed_out_and_has_his_roles_again_when_he_comes_back(
    small: Tenant, members: Members
) -> None:
    members.set_member("acme", EVE, [Role.OWNER], ADA)
    now = small.clock()
    with small.parts.database.write() as tx:
        open_session(tx, user(small).id, "token", "csrf", now, now + timedelta(hours=1))
    members.change(EVE, ADA, is_active=False)
    with small.parts.database.read() as tx:
        assert find_session(tx, "token", now) is None
        assert who_may(tx, Permission.EDIT, get_project(tx, "acme")) == []
    with pytest.raises(Conflict) as refused:
        members.give_password(EVE, ADA)
    assert refused.value.code == "user_deactivated"
    back = members.change(EVE, BOB, is_active=True)
    assert back.password is not None
    assert (back.user.deactivated_at, back.user.let_in_by) == (None, BOB.name)
    assert [name for name, _ in record(small)] == [
        "user.password",
        "user.activate",
        "user.deactivate",
        "member.set",
    ]
    assert record(small, "other") == []


def test_the_last_one_to_whom_everything_is_open_stays(small: Tenant, members: Members) -> None:
    members.invite(EVE, ADA, is_admin=True)
    for change in ({"is_admin": False}, {"is_active": False}):
        with pytest.raises(Conflict) as refused:
            members.change(EVE, ADA, **change)
        assert refused.value.code == "last_admin"
    members.invite("sam@acme.example", ADA, is_admin=True)
    members.change(EVE, ADA, is_admin=False)
    assert not user(small).is_admin
    with pytest.raises(Conflict):
        members.change("sam@acme.example", ADA, is_active=False)
    for project in ("acme", "other"):
        names = [name for name, _ in record(small, project)]
        assert names == ["user.unmake_admin", "user.make_admin", "user.make_admin"], project


def test_somebody_is_let_in_once(small: Tenant, members: Members) -> None:
    members.invite(EVE, ADA, is_admin=False)
    with pytest.raises(Conflict) as refused:
        members.invite(EVE.title(), ADA, is_admin=True)
    assert refused.value.code == "user_known"
    with pytest.raises(NotFound):
        members.change("nobody@acme.example", ADA, is_admin=True)


def test_a_new_password_ends_sessions_and_says_who_gave_it(small: Tenant, members: Members) -> None:
    members.set_member("acme", EVE, [Role.OWNER], ADA)
    now = small.clock()
    with small.parts.database.write() as tx:
        open_session(tx, user(small).id, "token", "csrf", now, now + timedelta(hours=1))
    given = members.give_password(EVE, BOB)
    assert given.password is not None
    assert user(small).let_in_by == BOB.name
    with small.parts.database.read() as tx:
        assert find_session(tx, "token", now) is None
    assert record(small)[0] == ("user.password", {"user": f"user:{EVE}", "let_in_by": BOB.name})
