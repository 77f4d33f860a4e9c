"""Prompt registries: connect one, see whether it answers, change how it is reached, and forget it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from controller.cli.connection import Told, in_project
from controller.cli.documents import document
from controller.cli.remote import Remote
from controller.cli.text import aligned

_settings = click.argument("file", type=document)


@click.group()
def registry() -> None:
    """Connect the prompt registries whose pointers a revert moves."""


@registry.command("list")
@in_project
def list_(remote: Remote) -> Told:
    """List the registries of a project."""
    found = remote.all(remote.in_project("registries"))
    return Told(found, aligned([(one["key"], one["kind"]) for one in found["items"]], indent=""))


@registry.command()
@click.argument("key")
@_settings
@in_project
def connect(remote: Remote, key: str, file: dict[str, Any]) -> Told:
    """Connect a registry under a KEY; a JSON or YAML FILE holds its kind and settings."""
    return _one(remote.send("POST", remote.in_project("registries"), {**file, "key": key}))


@registry.command()
@click.argument("key")
@_settings
@in_project
def change(remote: Remote, key: str, file: dict[str, Any]) -> Told:
    """Reach a registry by the settings in FILE from now on; its kind stays."""
    settings = {name: value for name, value in file.items() if name not in ("key", "kind")}
    return _one(remote.send("PUT", remote.in_project("registries", key), settings))


@registry.command()
@click.argument("key")
@click.argument("name")
@click.argument("pointer")
@in_project
def test(remote: Remote, key: str, name: str, pointer: str) -> Told:
    """Read where the POINTER of the prompt NAME is now, and change nothing."""
    content = {"name": name, "pointer": pointer}
    found = remote.send("POST", remote.in_project("registries", key, "test"), content)
    return Told(found, [found["message"]])


@registry.command()
@click.argument("key")
@in_project
def disconnect(remote: Remote, key: str) -> Told:
    """Forget a registry; releases keep naming it, and nothing moves their pointers any more."""
    remote.send("DELETE", remote.in_project("registries", key))
    return Told({"key": key}, [f"{key} is disconnected"])


def _one(found: Mapping[str, Any]) -> Told:
    return Told(found, _line(found))


def _line(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"{found['key']}: {found['kind']}"


COMMANDS: Mapping[str, click.Command] = {"registry": registry}
