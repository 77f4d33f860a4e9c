"""The rules of a project: its plans, and the groups whose word they ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from controller.cli.connection import Told, in_project
from controller.cli.documents import document
from controller.cli.options import reason
from controller.cli.remote import Remote
from controller.cli.text import described
from stages import Tier


@click.group()
def plans() -> None:
    """Look at what each stage asks for, and ask for more."""


@plans.command("show")
@click.option("--tier", type=click.Choice([tier.value for tier in Tier]), help="Only this tier.")
@in_project
def show_plans(remote: Remote, tier: str | None) -> Told:
    """Show the plans that a project follows, per tier and stage."""
    found = remote.get(remote.in_project("plans"))
    return Told(found, _plans(found["tiers"], tier))


@plans.command()
@click.argument("file", type=document)
@reason
@in_project
def tighten(remote: Remote, file: dict[str, Any], reason: str) -> Told:
    """Say in a JSON or YAML FILE where a project asks for more than the installation."""
    found = remote.send("PUT", remote.in_project("plans"), {"tightening": file, "reason": reason})
    return Told(found, _plans(found["tiers"], None))


@click.group()
def group() -> None:
    """Say who belongs to the groups whose word a plan may ask for."""


@group.command("set")
@click.argument("key")
@click.argument("members", nargs=-1, required=True)
@in_project
def set_group(remote: Remote, key: str, members: tuple[str, ...]) -> Told:
    """Make MEMBERS all that a group has, by their actor names, such as user:ada@example.com."""
    found = remote.send("PUT", remote.in_project("groups", key), {"members": list(members)})
    return Told(found, [_group(found)])


@group.command("list")
@in_project
def list_groups(remote: Remote) -> Told:
    """List the groups of a project."""
    found = remote.all(remote.in_project("groups"))
    return Told(found, map(_group, found["items"]))


def _group(found: Mapping[str, Any]) -> str:
    return f"{found['key']}: {', '.join(found['members']) or 'nobody'}"


def _plans(tiers: Mapping[str, Any], wanted: str | None) -> Iterator[str]:
    for tier, plan in tiers.items():
        if wanted in (None, tier):
            yield tier
            yield from _asked({name: value for name, value in plan.items() if name != "stages"})
            for stage, asked in plan["stages"].items():
                yield f"{tier} {stage}"
                yield from _asked(asked)


def _asked(asked: Mapping[str, Any]) -> Iterator[str]:
    return described({name: _flat(value) for name, value in asked.items()})


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        if "key" in value:
            return str(value["key"])
        return " ".join(
            f"{name}={_flat(each)}" for name, each in value.items() if each not in ("", None, [], {})
        )
    return ", ".join(map(_flat, value)) if isinstance(value, list) else str(value)


COMMANDS: Mapping[str, click.Command] = {"plans": plans, "group": group}
