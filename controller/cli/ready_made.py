"""Ready-made triggers: look at them, and add them to a feature."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from controller.cli.connection import Told, in_environment, in_project
from controller.cli.remote import Remote
from controller.cli.text import aligned
from stages import Tier
from triggers import Arming

_telemetry = click.option(
    "--telemetry", default="outcomes", show_default=True, help="Where the numbers come from, such as otel."
)
_source = click.option("--source", help="The source to ask; the telemetry's own name if not given.")


@click.group("ready-made")
def ready_made() -> None:
    """Add triggers that most features need."""


@ready_made.command("list")
@click.option(
    "--tier",
    type=click.Choice([tier.value for tier in Tier]),
    default="T2",
    show_default=True,
    help="The risk tier whose limits and ladders are shown.",
)
@_telemetry
@in_project
def list_(remote: Remote, tier: str, telemetry: str) -> Told:
    """List the ready-made triggers with their limits and ladders for a tier; --json shows them whole."""
    found = remote.get(remote.at_installation("ready-made-triggers"), tier=tier, telemetry=telemetry)
    return Told(found, aligned(map(_row, found["items"]), indent=""))


@ready_made.command()
@click.argument("feature")
@click.argument("keys", nargs=-1)
@_telemetry
@_source
@click.option(
    "--arming",
    type=click.Choice([each.value for each in Arming]),
    default="shadow",
    show_default=True,
    help="How much they may do.",
)
@in_environment
def add(
    remote: Remote, feature: str, keys: tuple[str, ...], telemetry: str, source: str | None, arming: str
) -> Told:
    """Add the triggers KEYS to a feature, or all that the telemetry can tell."""
    wanted = {"telemetry": telemetry, "source": source, "keys": list(keys) or None, "arming": arming}
    content = {name: value for name, value in wanted.items() if value is not None}
    found = remote.send("POST", remote.of_rollout(feature, "ready-made-triggers"), content)
    return Told(found, _added(found))


def _row(one: Mapping[str, Any]) -> tuple[str, str, str]:
    trigger = one["trigger"]
    if trigger is None:
        return one["key"], "-", one["why_not"]
    ladder = ", ".join(_rung(rung) for rung in trigger["ladder"])
    params = " ".join(f"{name}={value}" for name, value in trigger.get("params", {}).items())
    return one["key"], f"{trigger['method']} {params}".strip(), ladder


def _rung(rung: Mapping[str, Any]) -> str:
    after = rung.get("after_s", 0)
    return f"{rung['do']} after {after // 60} min" if after else str(rung["do"])


def _added(found: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{each['key']}: added, {each['arming']}" for each in found["added"])
    yield from (f"{each['key']}: not added, {each['why']}" for each in found["passed_over"])


COMMANDS: Mapping[str, click.Command] = {"ready-made": ready_made}
