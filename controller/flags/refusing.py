"""What is wrong with plain flags, all at once and by its place, before any of them is published.

What evaluates flags bears whatever it is given, but bears it by answering with a default; whoever publishes shall hear
of it instead. Limits on size stand here too: a document that readers refuse is worse than one that was not published.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from headgate.evaluator import DocumentError, FlagError, check

from controller.errors import Problem
from controller.flags.plain import NUMBER, Draft, FlagFile, FlagType, definition_of, type_of
from controller.flags.rules import Rules, literal_problems

KEY = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"
MAX_FLAGS = 20_000
"""How many plain flags an environment may have."""
MAX_SHARED = 1000
"""How many shared rules an environment may have."""
MAX_VARIANTS = 100
"""How many variants a flag may have."""
MAX_VALUE_BYTES = 100_000
"""How large the value of a variant may be, as JSON."""
MAX_DOCUMENT_BYTES = 24_000_000
"""How large all plain flags of an environment may be together, as they are served."""
MAX_METADATA = 50
MAX_NAME = 128
MAX_SAID = 2000
MAX_PROBLEMS = 500

_IN_FILE = frozenset({"$schema", "$evaluators", "flags", "metadata"})
_IN_FLAG = frozenset({"state", "variants", "defaultVariant", "targeting", "metadata"})
_OURS = frozenset({"project", "environment", "revision", "valid_for_s", "flag_version", "broken"})
_POLICIES = ("keep", "review", "off")
_STATES = ("ENABLED", "DISABLED")
_LONGEST = {"description": MAX_SAID, "owner": 200, "tags": 1000}
_SAID = (*_LONGEST, "client_visible")
MAX_TAGS = 20
MAX_TAG = 49


def read_flag_file(content: Any, present: Mapping[str, Any]) -> tuple[FlagFile, list[Problem]]:
    """What a flagd file holds, and everything that is wrong with it; a flag that something is wrong with is left out.

    ``present`` are shared rules that are there already; those of the file come before them.
    """
    if not isinstance(content, dict):
        return FlagFile(drafts=()), [Problem("body", "is not an object", 'send {"flags": {...}}')]
    problems = list(_unknown(content, _IN_FILE, ""))
    if not isinstance(content.get("flags"), dict):
        told = "is not an object" if "flags" in content else "is missing"
        problems.append(Problem("flags", told, 'send {"flags": {...}}, each flag by its key'))
        content = {**content, "flags": {}}
    flags, evaluators, metadata = (
        _object(content, name, problems) for name in ("flags", "$evaluators", "metadata")
    )
    shared = {**present, **evaluators}
    if len(shared) > MAX_SHARED:
        message = f"there would be {len(shared)} shared rules"
        problems.append(Problem("$evaluators", message, f"have at most {MAX_SHARED}"))
        shared = evaluators = {}
    rules = Rules(shared)
    problems += metadata_problems(metadata, "metadata")
    if "client_visible" in metadata:
        remedy = "say it in the metadata of each flag that clients may see"
        problems.append(Problem("metadata.client_visible", "is not said of all flags at once", remedy))
    problems += rules.shared_problems(evaluators)
    drafts = []
    for key, flag in flags.items():
        found = list(_file_problems(key, flag, rules))
        problems += found
        if not found:
            drafts.append(_draft(key, flag))
    return FlagFile(drafts=tuple(drafts), evaluators=evaluators, metadata=metadata), problems


def key_problems(key: str, path: str) -> Iterator[Problem]:
    """What is wrong with the key of a flag."""
    if not re.fullmatch(KEY, key):
        remedy = f"use up to {MAX_NAME} of a-z, A-Z, 0-9, ., _, : and -, beginning with a letter or digit"
        yield Problem(path, f"{key[:MAX_NAME]!r} is not a key of a flag", remedy)


def flag_problems(flag: Mapping[str, Any], path: str, rules: Rules) -> Iterator[Problem]:
    """What is wrong with a flag in the words of flagd; ``path`` ends in a dot, or is empty."""
    yield from _state_problems(flag, path)
    variants = flag.get("variants")
    if not isinstance(variants, dict) or not variants:
        yield Problem(
            f"{path}variants", "is not an object of values by name", 'send {"on": true, "off": false}'
        )
        return
    yield from _variant_problems(variants, f"{path}variants")
    yield from _default_problems(flag.get("defaultVariant"), variants, f"{path}defaultVariant")
    yield from rules.problems(flag.get("targeting"), f"{path}targeting", variants)
    if flag.get("metadata") is not None:
        yield from metadata_problems(flag["metadata"], f"{path}metadata")


def metadata_problems(metadata: Any, path: str) -> Iterator[Problem]:
    """What is wrong with metadata: flagd takes texts, numbers, true and false, and some names are Headgate's own."""
    if not isinstance(metadata, dict):
        yield Problem(path, "is not an object", "send texts, numbers, true or false by name")
        return
    if len(metadata) > MAX_METADATA:
        yield Problem(path, f"has {len(metadata)} entries", f"use at most {MAX_METADATA}")
    for name, value in metadata.items():
        here = f"{path}.{name}"
        if not is_name(name):
            yield _no_name(name, path)
        elif name in _OURS:
            yield Problem(here, "is what Headgate itself says there", "leave it out, or choose another name")
        elif value is None or isinstance(value, (dict, list)):
            yield Problem(here, "is neither a text nor a number, true or false", "send one of those")
        elif name == "when_lost" and value not in _POLICIES:
            yield Problem(here, f"{value!r} is not a policy", f"use one of {', '.join(_POLICIES)}")
        else:
            yield from literal_problems(value, here, MAX_SAID)


def is_name(text: str) -> bool:
    """Whether a variant or an entry of metadata can be called so: PostgreSQL, for one, keeps no text with a NUL."""
    return 0 < len(text) <= MAX_NAME and not any(unicodedata.category(each) == "Cc" for each in text)


def _no_name(text: str, path: str) -> Problem:
    remedy = f"use 1 to {MAX_NAME} characters that can be seen"
    return Problem(path, f"{text[:MAX_NAME]!r} is not a name", remedy)


def said_elsewhere(metadata: Mapping[str, Any]) -> Iterator[Problem]:
    """What a file says in the metadata of a flag has a place of its own where a flag is set by itself."""
    for name in sorted(metadata.keys() & set(_SAID)):
        yield Problem(f"metadata.{name}", f"{name} is a field of its own", f"send it as {name}")


def type_problems(wanted: str | None, variants: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """What is wrong with the type somebody names for these variants."""
    found = type_of(variants.values())
    fits = {found, NUMBER if found in (FlagType.INTEGER, FlagType.FLOAT) else found}
    fits |= {FlagType.FLOAT} if found is FlagType.INTEGER else set()
    if wanted is not None and found is not None and wanted not in fits:
        yield Problem(path, f"the variants are of the type {found}, not {wanted}", f"use {found}")


def lasting_type_problems(known: str, variants: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """What is wrong with new variants of a flag that is of this type, and stays so."""
    remedy = f"give variants of the type {known}, or make a flag with another key"
    for each in type_problems(known, variants, path):
        yield Problem(each.field, each.message, remedy)


def compile_problems(key: str, served: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """What the evaluator itself has against a flag: the code that checks here is the code that answers later."""
    try:
        check({"flags": {key: served}})
    except (FlagError, DocumentError) as error:
        yield Problem(path, str(error), "change the flag so that it can be evaluated")


def document_problems(count: int, size: int, path: str) -> Iterator[Problem]:
    """What is wrong with so many flags of an environment, of so many bytes together."""
    if count > MAX_FLAGS:
        yield Problem(path, f"the environment would have {count} flags", f"have at most {MAX_FLAGS}")
    if size > MAX_DOCUMENT_BYTES:
        message = f"the flags of the environment would be {size} bytes large"
        yield Problem(path, message, f"keep them at most {MAX_DOCUMENT_BYTES} large together")


def at_most(problems: list[Problem]) -> list[Problem]:
    """As many problems as somebody will read, and how many there are besides."""
    if len(problems) <= MAX_PROBLEMS:
        return problems
    more = f"there are {len(problems) - MAX_PROBLEMS} further problems"
    return [*problems[:MAX_PROBLEMS], Problem("flags", more, "mend these first")]


def _file_problems(key: str, flag: Any, rules: Rules) -> Iterator[Problem]:
    path = f"flags.{key[:MAX_NAME]}"
    yield from key_problems(key, path)
    if not isinstance(flag, dict):
        yield Problem(path, "is not an object", "send state, variants, defaultVariant and targeting")
        return
    yield from _unknown(flag, _IN_FLAG, f"{path}.")
    yield from flag_problems(flag, f"{path}.", rules)
    metadata = flag.get("metadata")
    if isinstance(metadata, dict):
        yield from _said_problems(metadata, f"{path}.metadata")


def _said_problems(metadata: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """What is wrong with what a file says of a flag in its metadata."""
    for name, longest in _LONGEST.items():
        said = metadata.get(name, "")
        if not isinstance(said, str):
            yield Problem(f"{path}.{name}", "is not a text", "send a text")
        elif len(said) > longest:
            yield Problem(
                f"{path}.{name}", f"is a text of {len(said)} characters", f"make it at most {longest}"
            )
        elif any(unicodedata.category(character) == "Cc" and character not in "\n\r\t" for character in said):
            yield Problem(f"{path}.{name}", "has control characters", "leave out what cannot be seen")
    if isinstance(tags := metadata.get("tags", ""), str):
        yield from _tag_problems(tags_in(tags), f"{path}.tags")
    if not isinstance(metadata.get("client_visible", False), bool):
        yield Problem(f"{path}.client_visible", "is neither true nor false", "send one of them")


def tags_in(text: str) -> tuple[str, ...]:
    """The tags in a text with commas between them, each once."""
    return tuple(dict.fromkeys(tag.strip() for tag in text.split(",") if tag.strip()))


def _tag_problems(tags: tuple[str, ...], path: str) -> Iterator[Problem]:
    if len(tags) > MAX_TAGS:
        yield Problem(path, f"are {len(tags)} tags", f"use at most {MAX_TAGS}")
    if longer := [tag for tag in tags if len(tag) > MAX_TAG]:
        message = f"{longer[0]!r} is a tag of {len(longer[0])} characters"
        yield Problem(path, message, f"make it at most {MAX_TAG}")


def _draft(key: str, flag: Mapping[str, Any]) -> Draft:
    """A flag of a file that nothing is wrong with."""
    metadata = dict(flag.get("metadata") or {})
    said = {name: metadata.pop(name, "") for name in _SAID}
    type = type_of(flag["variants"].values()) or FlagType.OBJECT
    return Draft(
        key=key,
        type=type,
        definition=definition_of({**flag, "metadata": metadata}, type),
        description=said["description"],
        owner=said["owner"],
        tags=tags_in(said["tags"]),
        client_visible=bool(said["client_visible"]),
    )


def _unknown(content: Mapping[str, Any], known: frozenset[str], path: str) -> Iterator[Problem]:
    for name in content.keys() - known:
        remedy = f"leave it out; known here are {', '.join(sorted(known))}"
        yield Problem(f"{path}{name[:MAX_NAME]}", "is not known here", remedy)


def _object(content: Mapping[str, Any], name: str, problems: list[Problem]) -> dict[str, Any]:
    found = content.get(name, {})
    if isinstance(found, dict):
        return found
    problems.append(Problem(name, "is not an object", "send an object, or leave it out"))
    return {}


def _state_problems(flag: Mapping[str, Any], path: str) -> Iterator[Problem]:
    state = flag.get("state")
    if state not in _STATES:
        yield Problem(f"{path}state", f"{state!r} is not a state", f"use one of {', '.join(_STATES)}")


def _variant_problems(variants: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if len(variants) > MAX_VARIANTS:
        yield Problem(path, f"has {len(variants)} variants", f"use at most {MAX_VARIANTS}")
    for name, value in variants.items():
        if not is_name(name):
            yield _no_name(name, path)
        elif value is None:
            yield Problem(f"{path}.{name}", "has no value", "give it one, or leave the variant out")
        else:
            yield from _value_problems(value, f"{path}.{name}")
    if type_of(variants.values()) is None and None not in variants.values():
        kinds = ", ".join(f"{name} is {_kind(value)}" for name, value in list(variants.items())[:10])
        yield Problem(path, f"are of several types: {kinds}", "give all of them values of one type")


def _value_problems(value: Any, path: str) -> Iterator[Problem]:
    found = list(_literals(value, path))
    yield from found
    size = 0 if found else len(json.dumps(value))
    if size > MAX_VALUE_BYTES:
        message = f"is {size} bytes large"
        yield Problem(
            path, message, f"make it at most {MAX_VALUE_BYTES}, or let the flag name where it is kept"
        )


def _literals(value: Any, path: str) -> Iterator[Problem]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _literals(part, f"{path}.{name}")
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from _literals(part, f"{path}.{place}")
    else:
        yield from literal_problems(value, path, MAX_VALUE_BYTES)


def _default_problems(default: Any, variants: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if default is None:
        return
    name = str(default).lower() if isinstance(default, bool) else default
    if not isinstance(name, str) or name not in variants:
        known = ", ".join(sorted(variants)[:10])
        yield Problem(
            path, f"{default!r} is not a variant", f"use one of {known}, or null for the caller's own"
        )


def _kind(value: Any) -> str:
    kind = type_of([value])
    return "null" if kind is None else kind.value
