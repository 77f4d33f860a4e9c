"""The API keys of a project: made, let expire while another takes their place, and made useless."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from controller.cli.connection import Told, in_project
from controller.cli.options import moment as read_moment
from controller.cli.remote import Remote
from controller.cli.text import aligned, moment
from controller.permissions import Role

_id = click.argument("id")


@click.group()
def key() -> None:
    """Make API keys, and let them end."""


@key.command("list")
@in_project
def list_(remote: Remote) -> Told:
    """List the keys of a project, without their secrets."""
    found = remote.all(remote.in_project("keys"))
    return Told(found, aligned(map(_row, found["items"]), indent=""))


@key.command()
@click.argument("name")
@click.option("--kind", required=True, help="What it opens: server, client or admin.")
@click.option("--for", "place", help="The environment that a server or client key is for.")
@click.option("--role", "roles", multiple=True, type=click.Choice([*Role]), help="What an admin key may do.")
@click.option("--expires-at", type=read_moment, help="From when on it opens nothing.")
@in_project
def create(remote: Remote, place: str | None, roles: tuple[str, ...], **asked: Any) -> Told:
    """Make a key of that NAME. Its text is shown now and never again."""
    content = {**asked, "environment": place, "roles": list(roles)}
    made = remote.send("POST", remote.in_project("keys"), content)
    return Told(made, [made["text"]])


@key.command()
@_id
@click.option("--at", "expires_at", type=read_moment, required=True, help="From when on it opens nothing.")
@in_project
def expire(remote: Remote, id: str, expires_at: str) -> Told:
    """Let a key run out, while the one that takes its place is brought to where it is used."""
    found = remote.send("PATCH", remote.in_project("keys", id), {"expires_at": expires_at})
    return Told(found, aligned([_row(found)], indent=""))


@key.command()
@_id
@in_project
def revoke(remote: Remote, id: str) -> Told:
    """Make a key useless from now on."""
    found = remote.send("DELETE", remote.in_project("keys", id))
    return Told(found, aligned([_row(found)], indent=""))


def _row(found: Mapping[str, Any]) -> tuple[str, ...]:
    return (found["id"], found["kind"], found["name"], _end(found))


def _end(found: Mapping[str, Any]) -> str:
    if found["revoked_at"]:
        return f"revoked {moment(found['revoked_at'])}"
    return f"until {moment(found['expires_at'])}" if found["expires_at"] else "goes on"


COMMANDS: Mapping[str, click.Command] = {"key": key}
