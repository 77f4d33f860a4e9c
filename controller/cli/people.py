"""Who may sign in, and who may do what in a project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from controller.cli.connection import Told, at_installation, in_project
from controller.cli.remote import Remote
from controller.cli.text import aligned, moment

_email = click.argument("email")


@click.group()
def users() -> None:
    """Say who may sign in to the console, and to whom everything is open."""


@users.command("list")
@at_installation
def list_users(remote: Remote) -> Told:
    """List everybody who was ever let in."""
    found = remote.all(remote.at_installation("users"))
    return Told(found, aligned(map(_user, found["items"]), indent=""))


@users.command()
@_email
@click.option("--admin", is_flag=True, help="Everything in every project is open to them.")
@at_installation
def invite(remote: Remote, email: str, *, admin: bool) -> Told:
    """Let EMAIL in; prints a one-time password, which is shown this once."""
    content = {"email": email, "is_admin": admin}
    return _invited(remote.send("POST", remote.at_installation("users"), content))


@users.command()
@_email
@click.option("--admin/--no-admin", default=None, help="Whether everything is open to them.")
@click.option("--active/--no-active", default=None, help="Whether they may sign in.")
@at_installation
def change(remote: Remote, email: str, *, admin: bool | None, active: bool | None) -> Told:
    """Open everything to EMAIL or no more; let them in no more, or again with a new one-time password."""
    asked = {"is_admin": admin, "is_active": active}
    content = {name: value for name, value in asked.items() if value is not None}
    return _invited(remote.send("PATCH", remote.at_installation("users", email), content))


@users.command()
@_email
@at_installation
def password(remote: Remote, email: str) -> Told:
    """Give EMAIL a new one-time password, and sign them out everywhere."""
    return _invited(remote.send("POST", remote.at_installation("users", email, "password"), {}))


@click.group()
def members() -> None:
    """Say who may do what in a project."""


@members.command("list")
@in_project
def list_members(remote: Remote) -> Told:
    """List the members of a project with their roles."""
    found = remote.all(remote.in_project("members"))
    return Told(found, aligned(map(_member, found["items"]), indent=""))


@members.command("set")
@_email
@click.argument("roles", nargs=-1, required=True)
@click.option("--may-break-glass", is_flag=True, help="They may enter a stage without what it asks for.")
@in_project
def set_(remote: Remote, email: str, roles: tuple[str, ...], *, may_break_glass: bool) -> Told:
    """Give EMAIL these ROLES, whichever they had: viewer, operator, owner, approver, admin.

    For an EMAIL that is not known yet it prints a one-time password.
    """
    content = {"roles": list(roles), "may_break_glass": may_break_glass}
    found = remote.send("PUT", remote.in_project("members", email), content)
    return Told(found, [*aligned([_member(found)], indent=""), *_password(found, email)])


@members.command()
@_email
@in_project
def remove(remote: Remote, email: str) -> Told:
    """Take from EMAIL what was given to them in this project."""
    remote.send("DELETE", remote.in_project("members", email))
    return Told({}, [f"{email} is no member any more, unless a group of the identity provider says so."])


def _invited(found: Mapping[str, Any]) -> Told:
    user = found["user"]
    return Told(found, [*aligned([_user(user)], indent=""), *_password(found, user["email"])])


def _password(found: Mapping[str, Any], email: str) -> Iterator[str]:
    if found["one_time_password"]:
        yield f"One-time password of {email}: {found['one_time_password']}"


def _user(user: Mapping[str, Any]) -> tuple[str, ...]:
    reach = "everything" if user["is_admin"] or user["admin_by_group"] else "as a member"
    signed_in = moment(user["last_sign_in_at"]) if user["last_sign_in_at"] else "never"
    return (
        user["email"],
        "active" if user["is_active"] else "deactivated",
        reach,
        f"last signed in: {signed_in}",
    )


def _member(member: Mapping[str, Any]) -> tuple[str, ...]:
    brought = [f"{role} (by group)" for role in member["by_group"]]
    glass = ["may break glass"] if member["may_break_glass"] else []
    state = "" if member["is_active"] else "deactivated"
    return member["email"], ", ".join([*member["roles"], *brought, *glass]), state


COMMANDS: Mapping[str, click.Command] = {"users": users, "members": members}
