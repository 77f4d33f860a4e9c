"""Who may do what in a project, who may sign in at all, and whose word the plans ask for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from flask import Response, make_response, redirect, request, url_for

from controller.api.auth import refuse_to_hand_out, services
from controller.api.evidence_schemas import GroupSchema
from controller.api.fields import KEY
from controller.api.parsing import load
from controller.api.people_schemas import MemberRolesSchema, UserSchema
from controller.api.spec import key_in_path
from controller.console import forms
from controller.console.auth import actor
from controller.console.blueprint import blueprint
from controller.console.frame import frame, page
from controller.console.live import live
from controller.console.role_words import ROLES
from controller.errors import HeadgateError, InvalidInput, NotFound, Problem
from controller.permissions import granted
from controller.store.groups import groups_of
from controller.store.memberships import members_of
from controller.store.projects import get_project
from controller.store.users import admins, all_users
from stages import Refusal

Answer = Response | str | tuple[str, int]
Problems = tuple[Refusal | Problem, ...]
_BETWEEN = re.compile(r"[,\n]|\s+(?=\S*[@:])")
"""What stands between names. The name of a key may have spaces."""


@blueprint.get("/projects/<project>/settings/people")
def show_people(project: str) -> str:
    """The members of a project and its groups."""
    return _people(project)


@blueprint.post("/projects/<project>/settings/people")
def set_member(project: str) -> Answer:
    """Give somebody roles. Whoever is not known yet is let in; the one-time password stands on this one page."""

    def give() -> Answer:
        email, roles = forms.given("email")["email"], request.form.getlist("roles")
        glass = bool(request.form.get("may_break_glass"))
        load(UserSchema(only=["email"]), {"email": email})
        if not roles:
            raise InvalidInput(Problem("roles", "there is no role", "choose at least one"))
        content: dict[str, Any] = load(MemberRolesSchema(), {"roles": roles, "may_break_glass": glass})
        refuse_to_hand_out(project, granted(content["roles"], may_break_glass=glass))
        # The form for somebody new has seen nothing, and overwrites nothing.
        seen = request.form.get("seen", "")
        member, password = services().members.set_member(project, email, actor=actor(), seen=seen, **content)
        if password is None:
            return _to(url_for("console.show_people", project=project, done="roles_given"))
        return _people(project, fresh=(member.user.email, password))

    return _tried(give, lambda problems: _people(project, problems))


@blueprint.post("/projects/<project>/settings/people/<email>/remove")
def remove_member(project: str, email: str) -> Answer:
    """Take from somebody what was given to them here."""
    services().members.remove_member(project, email, actor())
    return _to(url_for("console.show_people", project=project, done="member_removed"))


@blueprint.post("/projects/<project>/settings/groups")
def set_group(project: str) -> Answer:
    """Say who belongs to a group."""

    def give() -> Answer:
        sent = forms.given("group", "members")
        key_in_path("group", sent["group"], KEY)
        names = [name.strip() for name in _BETWEEN.split(sent["members"]) if name.strip()]
        for name in names:
            if "@" not in name and not name.startswith("key:"):
                raise InvalidInput(
                    Problem("members", f"{name!r} is no name here", "write an e-mail address, or key:name")
                )
        named = [f"user:{name}" if "@" in name and ":" not in name else name for name in names]
        content: dict[str, Any] = load(GroupSchema(), {"members": named})
        seen = request.form.get("seen", "")
        services().governance.set_group(project, sent["group"], content["members"], actor(), seen)
        return _to(url_for("console.show_people", project=project, done="group_set"))

    return _tried(give, lambda problems: _people(project, problems))


@blueprint.get("/users")
def show_users() -> str:
    """Everybody who may sign in."""
    return _users()


@blueprint.post("/users")
def invite_user() -> Answer:
    """Let somebody in, to whom everything is open or who is to be made a member somewhere."""

    def invite() -> Answer:
        sent = {"email": forms.given("email")["email"], "is_admin": bool(request.form.get("is_admin"))}
        content: dict[str, Any] = load(UserSchema(), sent)
        made = services().members.invite(content["email"], actor(), is_admin=content["is_admin"])
        return _users(fresh=(made.user.email, made.password or ""))

    return _tried(invite, _users)


@blueprint.post("/users/<email>/password")
def give_password(email: str) -> Answer:
    """A new one-time password."""

    def give() -> Answer:
        made = services().members.give_password(email, actor())
        return _users(fresh=(made.user.email, made.password or ""))

    return _tried(give, _users)


@blueprint.post("/users/<email>/<any(admin, member, deactivated, active):state>")
def change_user(email: str, state: str) -> Answer:
    """Open everything to somebody or no more, let them in no more or again."""

    def change() -> Answer:
        told = {"admin": {"is_admin": True}, "member": {"is_admin": False}}
        told |= {"deactivated": {"is_active": False}, "active": {"is_active": True}}
        made = services().members.change(email, actor(), **told[state])
        if made.password is None:
            return _to(url_for("console.show_users", done="user_changed"))
        return _users(fresh=(made.user.email, made.password))

    return _tried(change, _users)


def _tried(do: Callable[[], Answer], shown: Callable[[Problems], str]) -> Answer:
    try:
        return do()
    except NotFound:
        raise
    except HeadgateError as error:
        problems, status = forms.told(error)
        return shown(problems), status


def _people(project: str, problems: Problems = (), fresh: tuple[str, str] | None = None) -> str:
    with services().database.read() as tx:
        here, seen = frame(tx, project), live(tx)
        id = get_project(tx, project).id
        members, groups, everywhere = members_of(tx, [id])[id], groups_of(tx, id), admins(tx)
    return page(
        "settings_people.html",
        here,
        seen,
        members=members,
        groups=groups,
        everywhere=everywhere,
        roles=ROLES,
        problems=problems,
        fresh=fresh,
        given={} if fresh else request.form,
        chosen=[] if fresh else request.form.getlist("roles"),
        about=request.form.get("email", request.form.get("group", "")) if "seen" in request.form else "",
    )


def _users(problems: Problems = (), fresh: tuple[str, str] | None = None) -> str:
    with services().database.read() as tx:
        here, found = frame(tx), all_users(tx)
    given = {} if fresh else request.form
    return page("users.html", here, users=found, problems=problems, fresh=fresh, given=given)


def _to(address: str) -> Response:
    return make_response(redirect(address, 303))
