"""Releases as they are shown: what each changed, and what is known of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller.api.views import release_warnings
from controller.console.words import Sign
from controller.store.releases import StoredRelease
from stages import Refusal, Rollout

_VERDICTS = {
    "good": Sign("good", "quiet", "good"),
    "bad": Sign("bad", "broken", "alarm"),
}
_UNKNOWN = Sign("not known yet", "never", "plain")
_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Difference:
    """A part of a bundle that is another one than in the release before; empty: it was or is not there."""

    part: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseLine:
    """A release, what users get of it, its verdict, what it changed, and what whoever serves it should know."""

    release: StoredRelease
    role: str
    verdict: Sign
    differences: tuple[Difference, ...]
    is_first: bool
    warnings: tuple[Refusal, ...]


def release_lines(releases: Sequence[StoredRelease], rollout: Rollout, most: int) -> list[ReleaseLine]:
    """The newest releases, newest first, and older ones that users get or got; each beside the one before it."""
    befores: list[StoredRelease | None] = [None, *releases]
    lines = [_line(release, before, rollout) for release, before in zip(releases, befores, strict=False)]
    newest = lines[::-1]
    return newest[:most] + [line for line in newest[most:] if line.role]


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    """Where two bundles differ, part by part."""
    old, new = dict(_flat(before)), dict(_flat(after))
    for part in sorted({*old, *new}):
        if old.get(part) != new.get(part):
            yield Difference(part, old.get(part, ""), new.get(part, ""))


def _line(release: StoredRelease, before: StoredRelease | None, rollout: Rollout) -> ReleaseLine:
    roles = {rollout.stable: "stable", rollout.candidate: "candidate", rollout.previous: "previous"}
    return ReleaseLine(
        release=release,
        role=roles.get(release.public_id, ""),
        verdict=_VERDICTS.get(release.verdict, _UNKNOWN),
        differences=tuple(differences(before.bundle, release.bundle)) if before else (),
        is_first=before is None,
        warnings=release_warnings(release.bundle),
    )


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key, part in value.items():
            yield from _flat(part, f"{path}.{key}" if path else str(key))
    elif value not in ({}, [], None, ""):
        told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield path, told if len(told) <= _LONGEST else f"{told[:_LONGEST]}…"
