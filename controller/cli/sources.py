"""Metric sources: connect one, change it, and find out whether it works."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from controller.cli import proposals
from controller.cli.connection import Failed, Told, in_project
from controller.cli.documents import document
from controller.cli.options import reason
from controller.cli.remote import Remote
from controller.cli.text import aligned


@click.group()
def source() -> None:
    """Connect metric sources, and find out whether they work."""


@source.command("list")
@in_project
def list_(remote: Remote) -> Told:
    """List the metric sources of a project."""
    found = remote.all(remote.in_project("sources"))
    rows = [(one["key"], one["kind"], json.dumps(one["settings"])) for one in found["items"]]
    return Told(found, aligned(rows, indent=""))


@source.command()
@click.argument("key")
@click.argument("kind")
@click.option("--settings", type=document, help="A JSON or YAML file with its settings.")
@in_project
def connect(remote: Remote, key: str, kind: str, settings: dict[str, Any] | None) -> Told:
    """Connect a source of a KIND, such as prometheus. A secret goes into the file, never into arguments."""
    content = {"key": key, "kind": kind, "settings": settings or {}}
    made = remote.send("POST", remote.in_project("sources"), content)
    return Told(made, [f"{made['key']}: connected ({made['kind']})"])


@source.command()
@click.argument("key")
@click.option("--settings", type=document, required=True, help="A JSON or YAML file with all its settings.")
@in_project
def change(remote: Remote, key: str, settings: dict[str, Any]) -> Told:
    """Give a source other settings. A secret written as *** stays, as long as its address does."""
    made = remote.send("PUT", remote.in_project("sources", key), {"settings": settings})
    return Told(made, [f"{made['key']}: changed"])


@source.command()
@click.argument("key")
@click.option("--settings", type=document, required=True, help="A JSON or YAML file with all its settings.")
@reason
@in_project
def propose(remote: Remote, key: str, settings: dict[str, Any], reason: str) -> Told:
    """Propose other settings for a source that live triggers read; somebody else approves them."""
    content = {"settings": settings, "reason": reason}
    made = remote.send("POST", remote.in_project("sources", key, "proposals"), content)
    return Told(made, proposals.proposal_lines(made))


proposals.add_to(source, "sources")


@source.command()
@click.argument("key")
@in_project
def test(remote: Remote, key: str) -> Told:
    """Ask a source something that costs little; ends with an error if it does not work."""
    tried = remote.send("POST", remote.in_project("sources", key, "test"))
    if not tried["works"]:
        raise Failed(f"{key} does not work: {tried['message']}")
    return Told(tried, [f"{key} works: {tried['message']}"])


COMMANDS: Mapping[str, click.Command] = {"source": source}
