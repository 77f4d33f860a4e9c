"""Incidents: what reverts began, and how a person ends them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from controller.cli.connection import Told, in_project, near_environment
from controller.cli.remote import Remote
from controller.cli.text import aligned, described, moment
from stages import FollowUp, IncidentStatus

_WANTED = click.Choice(["open", *(status.value for status in IncidentStatus)])
_id = click.argument("id", type=click.IntRange(0))


@click.group()
def incident() -> None:
    """See what reverts began, and close it."""


@incident.command("list")
@click.option("--status", type=_WANTED, help="Only those of one status; open are all that are not closed.")
@click.option("--feature", help="Only those of one feature.")
@near_environment
def list_(remote: Remote, status: str | None, feature: str | None) -> Told:
    """List incidents, newest first."""
    wanted = {"status": status, "feature": feature, "environment": remote.environment or None}
    found = remote.all(remote.in_project("incidents"), **wanted)
    rows = [
        (
            one["id"],
            one["status"],
            one["environment"],
            one["feature"],
            moment(one["opened_at"]),
            one["reason"],
        )
        for one in found["items"]
    ]
    return Told(found, aligned(rows, indent=""))


@incident.command()
@_id
@in_project
def show(remote: Remote, id: int) -> Told:
    """Show an incident: what was reverted, the pointers that have to follow, and what was done."""
    found = remote.get(remote.in_project("incidents", str(id)))
    return Told(found, _shown(found))


@incident.command()
@_id
@click.option(
    "--follow-up",
    type=click.Choice([each.value for each in FollowUp]),
    required=True,
    help="What it ends in.",
)
@click.option("--text", required=True, help="What was or will be done.")
@click.option("--by-hand", is_flag=True, help="Close it although not all of it is done; needs --reason.")
@click.option("--reason", default="", help="Why it is closed by hand.")
@in_project
def close(remote: Remote, id: int, **asked: Any) -> Told:
    """End an incident in a follow-up."""
    found = remote.send("POST", remote.in_project("incidents", str(id), "close"), asked)
    return Told(found, _shown(found))


@incident.command()
@in_project
def shared(remote: Remote) -> Told:
    """List what several features suffered from together, newest first."""
    found = remote.all(remote.in_project("shared-incidents"))
    rows = (
        (
            str(one["id"]),
            "closed" if one["closed_at"] else "open",
            one["model"] or one["provider"],
            ", ".join(sorted({member["feature"] for member in one["members"]})),
            moment(one["opened_at"]),
            one["resolution"] or one["reason"],
        )
        for one in found["items"]
    )
    return Told(found, aligned(rows, indent=""))


@incident.command("close-shared")
@_id
@click.option("--text", required=True, help="What came of it.")
@in_project
def close_shared(remote: Remote, id: int, text: str) -> Told:
    """Say that what several features suffered from is over."""
    address = remote.in_project("shared-incidents", str(id), "close")
    return Told(remote.send("POST", address, {"resolution": text}), [f"shared incident {id}: closed"])


def _shown(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"incident {found['id']} of {found['feature']} in {found['environment']}: {found['status']}"
    yield from described(
        {
            "reason": found["reason"],
            "release": f"{found['release_from']} -> {found['release_to'] or 'none'}",
            "opened": f"{moment(found['opened_at'])} by {found['opened_by']}",
            "verification": found["verification"],
            "follow-up": found["follow_up"],
            "resolution": found["resolution"],
        }
    )
    if found["pointer_moves"]:
        yield "  pointers"
        yield from aligned((_pointer(move) for move in found["pointer_moves"]), indent="    ")
    if found["timeline"]:
        yield "  timeline"
        yield from aligned((_event(event) for event in found["timeline"]), indent="    ")


def _pointer(move: Mapping[str, Any]) -> tuple[str, ...]:
    place = f"{move['registry']}:{move['name']}@{move['pointer']}"
    way = f"{move['expected'] or '?'} -> {move['target'] or '?'}"
    return str(move["number"]), place, way, move["status"], move["message"]


def _event(event: Mapping[str, Any]) -> tuple[str, ...]:
    often = f"{event['times']} times" if event["times"] > 1 else ""
    return moment(event["at"]), event["what"], event["actor"], event["result"], event["message"], often


COMMANDS: Mapping[str, click.Command] = {"incident": incident}
