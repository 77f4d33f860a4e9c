"""How much a trigger may do: its record, proposals that loosen it, and muting it for a while."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from controller.cli.connection import Told, in_environment
from controller.cli.documents import document
from controller.cli.options import reason
from controller.cli.remote import Remote
from controller.cli.text import aligned, moment, refusals

feature_argument, key_argument = click.argument("feature"), click.argument("key")
_id = click.argument("id", type=click.IntRange(0))


@click.group()
def trigger() -> None:
    """See, set, arm, mute and acknowledge triggers, and loosen one with somebody else's word."""


@trigger.command()
@feature_argument
@key_argument
@in_environment
def record(remote: Remote, feature: str, key: str) -> Told:
    """Show what a trigger did, or would have done, under its present rule."""
    found = remote.get(of_trigger(remote, feature, key, "record"))
    return Told(found, _record(found))


@trigger.command()
@feature_argument
@key_argument
@click.option("--minutes", type=click.IntRange(1), required=True, help="For how long, at most seven days.")
@reason
@in_environment
def mute(remote: Remote, feature: str, key: str, minutes: int, reason: str) -> Told:
    """Let a trigger do nothing for a while; it goes on watching, and ends by itself."""
    content = {"minutes": minutes, "reason": reason}
    found = remote.send("POST", of_trigger(remote, feature, key, "mute"), content)
    return Told(found, [f"{key}: muted until {moment(found['muted_until'])}"])


@trigger.command()
@feature_argument
@key_argument
@reason
@in_environment
def unmute(remote: Remote, feature: str, key: str, reason: str) -> Told:
    """Let a trigger do again what its ladder says."""
    found = remote.send("POST", of_trigger(remote, feature, key, "unmute"), {"reason": reason})
    return Told(found, [f"{key}: not muted"])


@trigger.command()
@feature_argument
@key_argument
@click.argument("file", type=document, required=False)
@click.option("--remove", is_flag=True, help="Propose that it be removed, instead of a FILE.")
@reason
@in_environment
def propose(
    remote: Remote, feature: str, key: str, file: dict[str, Any] | None, reason: str, *, remove: bool
) -> Told:
    """Propose what a trigger shall be, by a JSON or YAML FILE; somebody else approves it."""
    if (file is None) is not remove:
        raise click.UsageError("Give either a FILE or --remove.")
    content = {"definition": file, "reason": reason}
    found = remote.send("POST", of_trigger(remote, feature, key, "proposals"), content)
    return Told(found, _proposal(found))


@trigger.command()
@feature_argument
@key_argument
@in_environment
def proposals(remote: Remote, feature: str, key: str) -> Told:
    """List what was proposed about a trigger, newest first."""
    found = remote.get(of_trigger(remote, feature, key, "proposals"))
    return Told(found, (line for one in found["items"] for line in _proposal(one)))


@trigger.command()
@feature_argument
@key_argument
@_id
@in_environment
def approve(remote: Remote, feature: str, key: str, id: int) -> Told:
    """Agree to what somebody else proposed, which carries it out."""
    done = remote.send("POST", of_trigger(remote, feature, key, "proposals", str(id), "approve"))
    return Told(done, [f"{key}: proposal {id} is carried out"])


@trigger.command()
@feature_argument
@key_argument
@_id
@in_environment
def withdraw(remote: Remote, feature: str, key: str, id: int) -> Told:
    """Take a proposal back."""
    done = remote.send("DELETE", of_trigger(remote, feature, key, "proposals", str(id)))
    return Told(done, [f"{key}: proposal {id} is withdrawn"])


def of_trigger(remote: Remote, feature: str, key: str, *names: str) -> str:
    """The address of a trigger, or of something about it."""
    return remote.of_rollout(feature, "triggers", key, *names)


def _record(found: Mapping[str, Any]) -> Iterator[str]:
    since = moment(found["watching_since"])
    yield f"{found['key']}: {found['arming']}, watching since {since}"
    yield f"  {found['telling']} of {found['evaluations']} evaluations could tell good from bad"
    if found["unproven"]:
        yield f"  early to let it act: {found['unproven']}"
    for act in found["acts"]:
        yield f"  {moment(act['evaluated_at'])}  {act['sentence']}"
        yield from aligned(((one["action"], one["result"]) for one in act["actions"]), indent="    ")


def _proposal(found: Mapping[str, Any]) -> Iterator[str]:
    what = "another rule" if found["definition"] else "its removal"
    yield f"proposal {found['id']} ({found['status']}): {what}, by {found['proposed_by']}: {found['reason']}"
    yield from refusals(found["looser"])
