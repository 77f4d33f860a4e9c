"""Plain flags: the flags a team defines itself, in the format of flagd.

What Headgate knows of a flag besides (whose it is, what it is for) stands in a flagd file as metadata of the flag, so
that a file that was exported can be imported again as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from controller.flags.document import JSON, SCHEMA
from controller.flags.rules import Rules
from controller.store.plain_flags import FlagSet, PlainFlag


class FlagType(StrEnum):
    """What sort of value a flag has, in the words of OpenFeature; it stays the same for good."""

    BOOLEAN = "boolean"
    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    OBJECT = "object"


NUMBER = "number"
"""In place of integer or float: whichever the variants are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A plain flag as somebody wants it. ``definition`` is in the words of flagd, without what is not said."""

    key: str
    type: FlagType
    definition: JSON
    description: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    client_visible: bool = False

    def columns(self) -> dict[str, Any]:
        """What is kept of it."""
        return {
            "type": self.type.value,
            "definition": self.definition,
            "description": self.description,
            "owner": self.owner,
            "tags": list(self.tags),
            "client_visible": self.client_visible,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagFile:
    """What a flagd file holds."""

    drafts: tuple[Draft, ...]
    evaluators: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)


def type_of(variants: Iterable[Any]) -> FlagType | None:
    """The type of these values: numbers are integers if all are whole; None if they are of several types."""
    kinds = {_TYPES.get(type(value)) for value in variants}
    if kinds == {FlagType.INTEGER, FlagType.FLOAT}:
        return FlagType.FLOAT
    return kinds.pop() if len(kinds) == 1 else None


def definition_of(content: Mapping[str, Any], type: FlagType) -> JSON:
    """What a flag says in the words of flagd, in one way where flagd has several."""
    variants = content["variants"]
    if type is FlagType.FLOAT:
        variants = {name: float(value) for name, value in variants.items()}
    definition: JSON = {"state": content["state"], "variants": variants}
    default = content.get("defaultVariant")
    if default is not None:
        definition["defaultVariant"] = str(default).lower() if isinstance(default, bool) else default
    for name in ("targeting", "metadata"):
        if content.get(name):
            definition[name] = content[name]
    return definition


def served(definition: JSON, shared: FlagSet, rules: Rules, *, version: int, client_visible: bool) -> JSON:
    """A plain flag as it stands in the flag document: on its own feet, whatever it shares with others."""
    rest = {name: part for name, part in definition.items() if name != "metadata"}
    if "targeting" in rest:
        rest["targeting"] = rules.written_out(rest["targeting"])
    metadata = {"when_lost": "keep", **shared.metadata, **definition.get("metadata", {})}
    return rest | {"metadata": metadata | {"flag_version": version, "client_visible": client_visible}}


def size_of(flag: JSON) -> int:
    """How many bytes a served flag is."""
    return len(json.dumps(flag, separators=(",", ":")))


def broken(why: str) -> JSON:
    """What is served in place of a plain flag that cannot be read: nothing, so that the caller's default applies."""
    metadata = {"when_lost": "keep", "client_visible": False, "broken": why}
    return {"state": "DISABLED", "variants": {"off": False}, "defaultVariant": "off", "metadata": metadata}


def canary(*, on: bool) -> JSON:
    """The flag that drills flip; product code has no use for it."""
    metadata = {"when_lost": "keep", "client_visible": False}
    default = "on" if on else "off"
    return {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "defaultVariant": default,
        "metadata": metadata,
    }


def flag_file(flags: Iterable[PlainFlag], shared: FlagSet) -> JSON:
    """The flagd file with these flags."""
    file: JSON = {"$schema": SCHEMA, "flags": {flag.key: _in_file(flag) for flag in flags}}
    if shared.evaluators:
        file["$evaluators"] = dict(shared.evaluators)
    if shared.metadata:
        file["metadata"] = dict(shared.metadata)
    return file


def _in_file(flag: PlainFlag) -> JSON:
    said: JSON = {"description": flag.description, "owner": flag.owner, "tags": ",".join(flag.tags)}
    said["client_visible"] = flag.client_visible
    metadata = {**flag.definition.get("metadata", {}), **{name: what for name, what in said.items() if what}}
    rest = {name: part for name, part in flag.definition.items() if name != "metadata"}
    return rest | ({"metadata": metadata} if metadata else {})


_TYPES = {
    bool: FlagType.BOOLEAN,
    str: FlagType.STRING,
    int: FlagType.INTEGER,
    float: FlagType.FLOAT,
    dict: FlagType.OBJECT,
    list: FlagType.OBJECT,
}
