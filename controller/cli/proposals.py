"""Changes that would loosen live triggers: what waits for a second person, and agreeing to it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click

from controller.cli.connection import Told, in_project
from controller.cli.remote import Remote
from controller.cli.text import aligned, moment, refusals

_id = click.argument("id", type=click.IntRange(0))


@click.group()
def proposals() -> None:
    """See what waits for a second person."""


@proposals.command("list")
@in_project
def list_(remote: Remote) -> Told:
    """List what waits for a second person in a project, oldest first."""
    found = remote.all(remote.in_project("proposals"))
    return Told(found, aligned(map(_row, found["items"]), indent=""))


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    place = "/".join(part for part in (one["environment"], one["feature"], one["key"]) if part)
    if one["about"] == "feature":
        place = one["key"]
    about = f"{one['about']} {place}"
    return str(one["id"]), about, one["proposed_by"], moment(one["proposed_at"]), one["reason"]


def add_to(group: click.Group, rooms: str) -> None:
    """Give a group of commands about sources or features those about what was proposed for one."""

    def address(remote: Remote, key: str, *names: str) -> str:
        return remote.in_project(rooms, key, "proposals", *names)

    @group.command("proposals")
    @click.argument("key")
    @in_project
    def list_about(remote: Remote, key: str) -> Told:
        """List what was proposed about it, newest first, and in what that is looser."""
        found = remote.get(address(remote, key))
        return Told(found, (line for one in found["items"] for line in proposal_lines(one)))

    @group.command("approve")
    @click.argument("key")
    @_id
    @in_project
    def approve(remote: Remote, key: str, id: int) -> Told:
        """Agree to what somebody else proposed, which carries it out."""
        done = remote.send("POST", address(remote, key, str(id), "approve"))
        return Told(done, [f"{key}: proposal {id} is carried out"])

    @group.command("withdraw")
    @click.argument("key")
    @_id
    @in_project
    def withdraw(remote: Remote, key: str, id: int) -> Told:
        """Take a proposal back."""
        done = remote.send("DELETE", address(remote, key, str(id)))
        return Told(done, [f"{key}: proposal {id} is withdrawn"])


def proposal_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """A proposal about a source or a feature, and in what it is looser."""
    yield f"proposal {found['id']} ({found['status']}), by {found['proposed_by']}: {found['reason']}"
    yield f"  {json.dumps(found['wanted'])}"
    yield from refusals(found["looser"])


COMMANDS: Mapping[str, click.Command] = {"proposals": proposals}
