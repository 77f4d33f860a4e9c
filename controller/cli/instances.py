"""Which instances of product code run which revision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from controller.cli.connection import Told, in_environment
from controller.cli.remote import Remote
from controller.cli.text import aligned, moment


@click.command()
@click.option("--revision", type=click.IntRange(1), help="Instead of the newest one.")
@click.option("--all", "every", is_flag=True, help="List each instance.")
@in_environment
def instances(remote: Remote, revision: int | None, *, every: bool) -> Told:
    """Show on how many instances the newest flags run, and who is behind."""
    if every:
        found = remote.all(remote.in_environment("instances"))
        return Told(found, _list(found["items"]))
    asked = None if revision is None else str(revision)
    found = remote.get(remote.in_environment("instances", "summary"), revision=asked)
    return Told(found, _summary(found))


def _summary(found: Mapping[str, Any]) -> Iterator[str]:
    yield found["sentence"]
    rows = [
        (f"{one['reached']} of {one['live']}", one["app"] or "-", one["app_version"] or "-", one["sdk"])
        for one in found["versions"]
    ]
    if rows:
        yield from aligned([("INSTANCES", "APP", "VERSION", "SDK"), *rows])


def _list(found: list[dict[str, Any]]) -> Iterator[str]:
    rows = [
        (
            one["instance"],
            "-" if one["revision"] is None else one["revision"],
            "-" if one["lag_s"] is None else f"{one['lag_s']:.0f} s",
            f"{one['app']} {one['app_version']}".strip() or "-",
            one["sdk"],
            moment(one["seen_at"]) if one["is_live"] else f"{moment(one['seen_at'])}, not since",
        )
        for one in found
    ]
    yield from aligned([("INSTANCE", "REVISION", "LAG", "APP", "SDK", "SEEN"), *rows], "")


COMMANDS: Mapping[str, click.Command] = {"instances": instances}
