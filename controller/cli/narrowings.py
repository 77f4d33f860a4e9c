"""Narrower exposures that a ladder can name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from controller.cli.connection import Told, in_environment
from controller.cli.options import exposed, exposure_of, reason
from controller.cli.remote import Remote
from controller.cli.text import aligned, exposure


@click.group()
def narrowing() -> None:
    """Name the narrower exposures that a ladder can go down to."""


@narrowing.command("list")
@click.argument("feature")
@in_environment
def list_(remote: Remote, feature: str) -> Told:
    """List the narrowings of a feature."""
    found = remote.get(remote.of_rollout(feature, "narrowings"))
    rows = ((one["key"], exposure(one["exposure"]) or f"broken: {one['broken']}") for one in found["items"])
    return Told(found, aligned(rows, indent=""))


@narrowing.command("set")
@click.argument("feature")
@click.argument("name")
@exposed
@reason
@in_environment
def define(remote: Remote, feature: str, name: str, reason: str, **asked: Any) -> Told:
    """Say what a name stands for; what is not said is not limited."""
    content = {"exposure": exposure_of(asked) or {}, "reason": reason}
    found = remote.send("PUT", remote.of_rollout(feature, "narrowings", name), content)
    return Told(found, [f"{name}: {exposure(found['exposure'])}"])


@narrowing.command()
@click.argument("feature")
@click.argument("name")
@reason
@in_environment
def remove(remote: Remote, feature: str, name: str, reason: str) -> Told:
    """Remove one that no ladder names."""
    address = remote.of_rollout(feature, "narrowings", name)
    return Told(remote.send("DELETE", address, {"reason": reason}), [f"{name}: removed"])


COMMANDS: Mapping[str, click.Command] = {"narrowing": narrowing}
