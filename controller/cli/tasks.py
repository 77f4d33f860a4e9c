"""What triggers ask people to do."""

from __future__ import annotations

from collections.abc import Mapping

import click

from controller.cli.connection import Told, in_project
from controller.cli.remote import Remote
from controller.cli.text import aligned, moment


@click.group()
def task() -> None:
    """See what triggers ask people to do, and close it."""


@task.command("list")
@click.option(
    "--status", type=click.Choice(["open", "closed"]), help="Only those that are open, or only the closed."
)
@click.option("--feature", help="Only those of one feature.")
@in_project
def list_(remote: Remote, status: str | None, feature: str | None) -> Told:
    """List tasks, newest first."""
    found = remote.all(remote.in_project("tasks"), status=status, feature=feature)
    rows = (
        (
            str(one["id"]),
            "closed" if one["closed_at"] else "open",
            one["kind"],
            one["feature"],
            one["owner"],
            moment(one["opened_at"]),
            one["resolution"] or one["reason"],
        )
        for one in found["items"]
    )
    return Told(found, aligned(rows, indent=""))


@task.command()
@click.argument("id", type=click.IntRange(0))
@click.option("--text", required=True, help="What was done, or why it will not be.")
@in_project
def close(remote: Remote, id: int, text: str) -> Told:
    """Say that a task is done, or will not be."""
    found = remote.send("POST", remote.in_project("tasks", str(id), "close"), {"resolution": text})
    return Told(found, [f"task {id}: closed"])


COMMANDS: Mapping[str, click.Command] = {"task": task}
