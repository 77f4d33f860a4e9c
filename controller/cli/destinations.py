"""Where notices go, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from controller.cli.connection import Told, in_project
from controller.cli.documents import document
from controller.cli.remote import Remote
from controller.cli.text import aligned, moment

_key = click.argument("key")
_file = click.argument("file", type=document)


@click.group()
def destination() -> None:
    """Say who is told what happens, and see whether it arrived."""


@destination.command("list")
@in_project
def list_(remote: Remote) -> Told:
    """List the destinations of a project."""
    found = remote.all(remote.in_project("destinations"))
    return Told(found, aligned(map(_row, found["items"]), indent=""))


@destination.command()
@_key
@_file
@in_project
def connect(remote: Remote, key: str, file: dict[str, Any]) -> Told:
    """Connect a destination under a KEY; a JSON or YAML FILE holds its kind, settings and events."""
    found = remote.send("POST", remote.in_project("destinations"), {**file, "key": key})
    return Told(found, aligned([_row(found)], indent=""))


@destination.command()
@_key
@_file
@in_project
def change(remote: Remote, key: str, file: dict[str, Any]) -> Told:
    """Reach a destination by the settings and events in FILE from now on; its kind stays."""
    content = {name: value for name, value in file.items() if name not in ("key", "kind")}
    found = remote.send("PUT", remote.in_project("destinations", key), content)
    return Told(found, aligned([_row(found)], indent=""))


@destination.command()
@_key
@in_project
def test(remote: Remote, key: str) -> Told:
    """Send a test notice now, and say whether it arrived."""
    found = remote.send("POST", remote.in_project("destinations", key, "test"))
    return Told(found, [f"{key}: {found['message']}"])


@destination.command()
@_key
@click.option(
    "--status",
    type=click.Choice(["waiting", "delivered", "given_up"]),
    help="Only those that wait, arrived, or were given up.",
)
@in_project
def deliveries(remote: Remote, key: str, status: str | None) -> Told:
    """List what was and is to be sent to a destination, newest first."""
    found = remote.all(remote.in_project("destinations", key, "deliveries"), status=status)
    rows = (
        (str(one["id"]), one["event"], one["status"], moment(one["created_at"]), one["message"])
        for one in found["items"]
    )
    return Told(found, aligned(rows, indent=""))


@destination.command()
@_key
@click.argument("id", type=click.IntRange(0))
@in_project
def again(remote: Remote, key: str, id: int) -> Told:
    """Send a notice anew, by the number of its delivery."""
    found = remote.send("POST", remote.in_project("destinations", key, "deliveries", str(id), "again"))
    return Told(found, [f"{id}: is sent again"])


@destination.command()
@_key
@in_project
def disconnect(remote: Remote, key: str) -> Told:
    """Tell a destination nothing any more, not even what waits for it."""
    return Told(remote.send("DELETE", remote.in_project("destinations", key)), [f"{key}: is disconnected"])


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    return one["key"], one["kind"], ", ".join(one["events"])


COMMANDS: Mapping[str, click.Command] = {"destination": destination}
