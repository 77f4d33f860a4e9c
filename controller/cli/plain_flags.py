"""Plain flags: set and delete them one by one, and take whole flagd files in and out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from controller import strict_json
from controller.cli.connection import Told, in_environment
from controller.cli.documents import document
from controller.cli.options import reason
from controller.cli.remote import Remote, SaidNo
from controller.cli.text import aligned, described, moment

_TYPES = click.Choice(["boolean", "string", "number", "integer", "float", "object"])
_DEFINED = ("state", "variants", "defaultVariant", "targeting", "metadata")
_SAID = ("description", "owner", "tags", "client_visible")
_NO_DEFAULT = "none"


@click.group()
def flags() -> None:
    """Set the flags that a team defines itself, and take flagd files in and out."""


@flags.command("list")
@in_environment
def list_flags(remote: Remote) -> Told:
    """List the flags of an environment."""
    found = remote.all(remote.in_environment("flags"))
    rows = [
        (flag["key"], flag["type"], _state(flag), _default(flag), flag["owner"], ", ".join(flag["tags"]))
        for flag in found["items"]
    ]
    heading = ("FLAG", "TYPE", "STATE", "DEFAULT", "OWNER", "TAGS")
    return Told(found, aligned([heading, *rows], "") if rows else ["no flags"])


@flags.command()
@click.argument("key")
@in_environment
def show(remote: Remote, key: str) -> Told:
    """Show a flag with its variants and its rule."""
    found = remote.get(remote.in_environment("flags", key))
    return Told(found, _flag(found))


@flags.command("set")
@click.argument("key")
@click.option(
    "--type", type=_TYPES, help="What sort of value it has; that of its variants unless it is said."
)
@click.option("--variant", "variants", multiple=True, help="NAME=JSON, such as on=true; again for each.")
@click.option("--default", help="The variant for whom no rule gives another; none: the caller's own default.")
@click.option("--state", type=click.Choice(["ENABLED", "DISABLED"]), help="Whether it answers at all.")
@click.option(
    "--rule", "targeting", type=document, help="A JSON or YAML file with its targeting rule; {} for none."
)
@click.option(
    "--file", "whole", type=document, help="A JSON or YAML file with all of it, as the API takes it."
)
@click.option("--description", help="What it is for.")
@click.option("--owner", help="Whose it is.")
@click.option("--tag", "tags", multiple=True, help="A word to find it by; several times for several.")
@click.option(
    "--client-visible/--no-client-visible", default=None, help="Whether browsers and phones may see it."
)
@click.option("--reason", default="", help="Why. It is recorded.")
@in_environment
def set_flag(remote: Remote, key: str, reason: str, whole: dict[str, Any] | None, **asked: Any) -> Told:
    """Make a flag, or change what is said of one; what is not said stays as it is."""
    address = remote.in_environment("flags", key)
    before = _before(remote, address)
    content = {name: before[name] for name in (*_DEFINED, *_SAID) if before.get(name) is not None}
    content |= whole or {}
    content |= {
        name: value for name, value in asked.items() if value not in (None, ()) and name != "variants"
    }
    if asked["variants"]:
        content["variants"] = dict(map(_variant, asked["variants"]))
    if default := content.pop("default", None):
        content["defaultVariant"] = None if default == _NO_DEFAULT else default
    content["tags"] = list(content.get("tags", ()))
    # Version 0 is that of a flag that is not there yet: nobody overwrites one by making it.
    seen = str(before["version"]) if before else "0"
    found = remote.send("PUT", address, content | {"reason": reason}, if_match=seen)
    return Told(found, _flag(found))


@flags.command()
@click.argument("key")
@reason
@in_environment
def delete(remote: Remote, key: str, reason: str) -> Told:
    """Delete a flag. Its key is not given out again."""
    remote.send("DELETE", remote.in_environment("flags", key), {"reason": reason})
    return Told({}, [f"{key} is deleted; its key is not given out again"])


@flags.command()
@click.argument("key")
@click.option("--type", type=_TYPES, required=True, help="The type it had.")
@reason
@in_environment
def revive(remote: Remote, key: str, type: str, reason: str) -> Told:
    """Let a deleted flag be there again as it was."""
    address = remote.in_environment("flags", key, "revive")
    found = remote.send("POST", address, {"type": type, "reason": reason})
    return Told(found, _flag(found))


@flags.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@click.option("--replace", is_flag=True, help="Delete what is not in the file.")
@click.option("--reason", default="", help="Why. It is recorded.")
@in_environment
def import_flags(remote: Remote, file: str, reason: str, *, dry_run: bool, replace: bool) -> Told:
    """Take over a flagd FILE (JSON) as it is, or nothing of it if anything is wrong with it."""
    query = {"dry_run": str(dry_run).lower(), "replace": str(replace).lower(), "reason": reason or None}
    found = remote.upload(remote.in_environment("flag-file"), Path(file).read_bytes(), **query)
    return Told(found, _imported(found))


@flags.command()
@click.option("--days", type=click.IntRange(1, 365), default=30, show_default=True, help="For how many days.")
@in_environment
def stale(remote: Remote, days: int) -> Told:
    """List flags that nobody asked for in some days, or that gave everybody the same answer."""
    found = remote.get(remote.in_environment("stale-flags"), days=str(days))
    return Told(found, _stale(found))


@flags.command()
@click.argument("file", type=click.Path(dir_okay=False), default="-")
@in_environment
def export(remote: Remote, file: str) -> Told:
    """Write the flags as a flagd FILE, or print them. It can be imported again as it is."""
    found = remote.get(remote.in_environment("flag-file"))
    text = json.dumps(found, indent=2, ensure_ascii=False)
    if file == "-":
        return Told(found, text.splitlines())
    Path(file).write_text(f"{text}\n", "utf-8")
    return Told(found, [f"{len(found['flags'])} flags are in {file}"])


def _before(remote: Remote, address: str) -> Mapping[str, Any]:
    """The flag as it is; nothing if there is none."""
    try:
        found: Mapping[str, Any] = remote.get(address)
    except SaidNo as said:
        if said.problem["errors"][0]["field"] != "flag":
            raise
        return {}
    return found


def _variant(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    try:
        return name, strict_json.loads(value)
    except ValueError as error:
        remedy = "write NAME=JSON, such as on=true, size=3 or colour='\"red\"'"
        raise click.UsageError(
            f"--variant {text!r}: {error if equals else 'it has no ='}; {remedy}"
        ) from error


def _state(flag: Mapping[str, Any]) -> str:
    return "broken" if flag["broken"] else str(flag["state"])


def _default(flag: Mapping[str, Any]) -> str:
    return flag["defaultVariant"] or "(the caller's)"


def _flag(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"{found['key']}: {found['type']}, {_state(found)}, version {found['version']}"
    yield from described(
        {
            "default": _default(found),
            **{f"variant {name}": json.dumps(value) for name, value in (found["variants"] or {}).items()},
            "rule": json.dumps(found["targeting"]) if found["targeting"] else "",
            "metadata": json.dumps(found["metadata"]) if found["metadata"] else "",
            "description": found["description"],
            "owner": found["owner"],
            "tags": ", ".join(found["tags"]),
            "seen by": "browsers and phones too" if found["client_visible"] else "servers only",
            "made": f"{moment(found['created_at'])} by {found['created_by']}",
            "broken": found["broken"],
        }
    )


def _stale(found: Mapping[str, Any]) -> Iterator[str]:
    yield from aligned([(flag["key"], flag["why"], flag["sentence"]) for flag in found["flags"]], "")
    if found["cannot_tell"]:
        yield f"more cannot be told: {found['cannot_tell']}"
    elif not found["flags"]:
        yield f"nothing is stale since {moment(found['since'])}"


def _imported(found: Mapping[str, Any]) -> Iterator[str]:
    would = "would be " if found["dry_run"] else ""
    for what in ("created", "changed", "deleted"):
        if found[what]:
            yield f"{would}{what}: {', '.join(found[what])}"
    if found["shared"]:
        yield f"shared rules {would}changed: {', '.join(found['shared'])}"
    yield f"unchanged: {found['unchanged']}"


COMMANDS: Mapping[str, click.Command] = {"flags": flags}
