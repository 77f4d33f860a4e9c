"""Triggers: see where they stand, set what they are, arm one, and say that a person has seen to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from controller.cli.arming import feature_argument, key_argument, of_trigger, trigger
from controller.cli.connection import Told, in_environment
from controller.cli.definitions import changed
from controller.cli.documents import document
from controller.cli.options import reason
from controller.cli.remote import Remote
from controller.cli.text import aligned, described, moment
from triggers import Arming


@trigger.command("list")
@feature_argument
@in_environment
def list_(remote: Remote, feature: str) -> Told:
    """List the triggers of a feature: what each may do, and what it last said."""
    found = remote.all(remote.of_rollout(feature, "triggers"))
    return Told(found, aligned(map(_row, found["items"]), indent=""))


@trigger.command()
@feature_argument
@key_argument
@in_environment
def show(remote: Remote, feature: str, key: str) -> Told:
    """Show the definition of a trigger and where it stands."""
    found = remote.get(of_trigger(remote, feature, key))
    return Told(found, [key, *described(_flat(found))])


@trigger.command("set")
@feature_argument
@key_argument
@click.argument("file", type=document, required=False)
@click.option(
    "--set",
    "changes",
    multiple=True,
    help="Change a field, a parameter or a policy: limit=0.1, on_stale=hold:600, on_no_data=default; again for more.",
)
@in_environment
def set_(
    remote: Remote, feature: str, key: str, file: dict[str, Any] | None, changes: tuple[str, ...]
) -> Told:
    """Make a trigger of a JSON or YAML FILE, or change one that is there; it counts from then on."""
    if file is None and not changes:
        raise click.UsageError("Give a FILE, or --set for each change.")
    known = {one["key"]: one for one in remote.all(remote.of_rollout(feature, "triggers"))["items"]}
    if file is None and key not in known:
        raise click.UsageError(f"There is no trigger {key}; give a FILE to make it.")
    definition = changed({**(file or known[key]), "key": key}, changes)
    if key in known:
        found = _put(remote, feature, known[key], definition)
    else:
        found = remote.send("POST", remote.of_rollout(feature, "triggers"), definition)
    return Told(found, aligned([_row(found)], indent=""))


@trigger.command()
@feature_argument
@key_argument
@click.argument("arming", type=click.Choice([arming.value for arming in Arming]))
@in_environment
def arm(remote: Remote, feature: str, key: str, arming: str) -> Told:
    """Say how much a trigger may do: watch in shadow, hold, or act."""
    found = remote.get(of_trigger(remote, feature, key))
    armed = _put(remote, feature, found, changed(found, [f"arming={arming}"]))
    return Told(armed, [f"{key}: {armed['arming']}"])


@trigger.command()
@feature_argument
@key_argument
@reason
@in_environment
def acknowledge(remote: Remote, feature: str, key: str, reason: str) -> Told:
    """Say that a person has seen to it: the trigger is quiet again and counts from now."""
    found = remote.send("POST", of_trigger(remote, feature, key, "acknowledge"), {"reason": reason})
    return Told(found, [f"{key}: {found['phase']}"])


@trigger.command()
@feature_argument
@key_argument
@reason
@in_environment
def delete(remote: Remote, feature: str, key: str, reason: str) -> Told:
    """Remove a trigger and what it read; the record of changes keeps what it did."""
    done = remote.send("DELETE", of_trigger(remote, feature, key), {"reason": reason})
    return Told(done, [f"{key}: is removed"])


def _put(remote: Remote, feature: str, seen: Mapping[str, Any], definition: Mapping[str, Any]) -> Any:
    """Change a trigger, if it is still as it was seen; one that cannot be read has no version."""
    version = seen.get("version")
    if_match = "" if version is None else str(version)
    return remote.send("PUT", of_trigger(remote, feature, seen["key"]), definition, if_match=if_match)


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    if one.get("broken"):
        return one["key"], "broken", "", one["broken"]
    muted = "muted" if one.get("muted_until") else ""
    return one["key"], " ".join(filter(None, (one["arming"], muted))), one["phase"], one["sentence"]


def _flat(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("_", " "): _shown(name, value) for name, value in found.items() if name != "key"}


def _shown(name: str, value: Any) -> Any:
    if name.endswith(("_at", "_until", "since")):
        return moment(value)
    return json.dumps(value) if isinstance(value, (dict, list, bool)) else value


COMMANDS: Mapping[str, click.Command] = {"trigger": trigger}
