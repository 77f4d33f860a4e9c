"""What users get: an immutable bundle of prompts, model, index and guardrails, named by its content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Goodness(StrEnum):
    """What is known of a release."""

    UNKNOWN = "unknown"
    GOOD = "good"
    BAD = "bad"


class Part(StrEnum):
    """A part of a release that evidence can be about."""

    PROMPT = "prompt"
    MODEL = "model"
    RETRIEVAL = "retrieval"
    GUARDRAILS = "guardrails"
    TOOLS = "tools"
    JUDGE = "judge"
    EVAL_SET = "eval_set"
    OUTPUT = "output"


_FIELDS: Mapping[Part, tuple[str, ...]] = {
    Part.PROMPT: ("prompt", "prompts"),
    Part.MODEL: ("model", "fallbacks"),
    Part.RETRIEVAL: ("retrieval",),
    Part.GUARDRAILS: ("guardrails",),
    Part.TOOLS: ("tools",),
    Part.JUDGE: ("judge",),
    Part.EVAL_SET: ("eval_set",),
    Part.OUTPUT: ("output_schema",),
}
"""The fields of a bundle that make up each part."""


_EXACT = 2**53
"""Up to here every whole number is a double, and every double with nothing behind the point is one whole number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A sealed bundle. ``verdict`` is the only thing about it that changes."""

    id: str
    digest: str
    bundle: Mapping[str, Any]
    verdict: Goodness = Goodness.UNKNOWN


@dataclass(frozen=True, slots=True)
class Difference:
    """One place in which two bundles differ; a side that has nothing there is None.

    ``path`` is dotted, with numbers for the items of a list: ``model.params.temperature``, ``fallbacks.0.id``.
    """

    path: str
    before: Any
    after: Any


def canonical_json(content: object) -> str:
    """The one spelling of some JSON: sorted keys, no spaces. Equal content gives equal text.

    Raises:
        ValueError: The content holds NaN or an infinity, or contains itself.
        TypeError: The content is not JSON.
    """
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(content: object) -> str:
    """The sha256 of the canonical JSON, in hex."""
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def seal(bundle: Mapping[str, Any]) -> Release:
    """Name a bundle by its content: the same bundle always gives the same release.

    JSON knows one kind of number, so 1.0 is sealed as 1: some programs write the one for the other.

    Raises ValueError or TypeError for a bundle that is not JSON, like `canonical_json`.
    """
    # A copy, so that whoever still holds the original cannot change what the name stands for.
    sealed = json.loads(canonical_json(bundle), parse_float=_number)
    fingerprint = digest(sealed)
    return Release(id=f"r-{fingerprint[:12]}", digest=fingerprint, bundle=sealed)


def _number(digits: str) -> int | float:
    number = float(digits)
    return int(number) if number.is_integer() and abs(number) <= _EXACT else number


def parts(bundle: Mapping[str, Any]) -> dict[Part, str]:
    """The digest of each part of a bundle: two releases with the same digest of a part share that part."""
    return {part: digest([bundle.get(field) or None for field in fields]) for part, fields in _FIELDS.items()}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Every place in which two bundles differ, in the order of their paths."""
    return tuple(_differences(before, after, ""))


def _differences(before: Any, after: Any, path: str) -> Iterator[Difference]:
    sides = _children(before), _children(after)
    if None in sides or type(before) is not type(after):
        if before != after or type(before) is not type(after):
            yield Difference(path, before, after)
        return
    ours, theirs = (side or {} for side in sides)
    for name in sorted({*ours, *theirs}):
        yield from _differences(ours.get(name), theirs.get(name), f"{path}.{name}" if path else name)


def _children(content: Any) -> dict[str, Any] | None:
    if isinstance(content, Mapping):
        return {str(name): value for name, value in content.items()}
    if isinstance(content, list):
        return {str(place): value for place, value in enumerate(content)}
    return None
