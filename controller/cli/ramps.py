"""Ramps: exposure that grows by itself, within what people agreed to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from controller.cli.connection import Told, in_environment
from controller.cli.options import reason
from controller.cli.remote import Remote
from controller.cli.text import described, moment, percent, refusals, visible


@click.group()
def ramp() -> None:
    """Let exposure grow by itself, step by step."""


@ramp.command()
@click.argument("feature")
@in_environment
def show(remote: Remote, feature: str) -> Told:
    """Show where the ramp of a feature stands, and why it does not go on."""
    return _told(feature, remote.get(remote.of_rollout(feature, "ramp")))


@ramp.command()
@click.argument("feature")
@reason
@in_environment
def start(remote: Remote, feature: str, reason: str) -> Told:
    """Start the ramp from the present share, or let it go on after a pause."""
    return _told(feature, remote.send("POST", remote.of_rollout(feature, "ramp"), {"reason": reason}))


@ramp.command()
@click.argument("feature")
@reason
@in_environment
def pause(remote: Remote, feature: str, reason: str) -> Told:
    """Let the ramp wait until a person lets it go on."""
    address = remote.of_rollout(feature, "ramp", "pause")
    return _told(feature, remote.send("POST", address, {"reason": reason}))


@ramp.command()
@click.argument("feature")
@click.option("--yes", is_flag=True, help="Do not ask whether it is meant.")
@in_environment
def approve(remote: Remote, feature: str, *, yes: bool) -> Told:
    """Agree to the next step as it is now, after a look at it."""
    found = remote.get(remote.of_rollout(feature, "ramp"))
    if not yes:
        for line in _lines(feature, found):
            click.echo(visible(line), err=True)
        click.confirm("Approve the next step?", abort=True, err=True)
    # Whatever changes while somebody thinks about it is refused by the server.
    address = remote.of_rollout(feature, "ramp", "approvals")
    return _told(feature, remote.send("POST", address, if_match=found["seen"]))


def _told(feature: str, found: Mapping[str, Any]) -> Told:
    return Told(found, _lines(feature, found))


def _lines(feature: str, found: Mapping[str, Any]) -> Iterator[str]:
    yield f"{feature}: the ramp is {found['state']} at {percent(found['share'])}"
    yield from described(
        {
            "next": _next(found),
            "time": f"{found['credited_s']} of {found['hold_s']} s" if found["hold_s"] else "",
            "answers": f"{found['answers']} of {found['min_samples']}" if found["min_samples"] else "",
            "approved by": _approved(found),
            "started by": found["started_by"],
        }
    )
    yield from refusals(found["why"])


def _next(found: Mapping[str, Any]) -> str:
    if found["next_share"] is None:
        return ""
    when = f", not before {moment(found['next_at'])}" if found["next_at"] else ""
    return f"{percent(found['next_share'])}{when}"


def _approved(found: Mapping[str, Any]) -> str:
    if not found["approvals"]:
        return ""
    return f"{', '.join(found['approved_by']) or 'nobody yet'} ({found['approvals']} needed)"


COMMANDS: Mapping[str, click.Command] = {"ramp": ramp}
