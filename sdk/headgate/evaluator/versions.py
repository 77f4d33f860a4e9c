"""Semantic versions (semver.org 2.0.0), lenient about a leading v and missing parts."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

Part = TypeVar("Part")
_IDENTIFIER: Final = re.compile(r"[0-9A-Za-z-]+")


class Version(NamedTuple):
    """A version in the order of precedence; build metadata has none and is left out."""

    major: int
    minor: int
    patch: int
    prerelease: tuple[tuple[int, int, str], ...]


_RELEASE: Final = ((2, 0, ""),)
"""Stands for "no pre-release" and sorts after every pre-release identifier."""


def parse_version(value: Any) -> Version | None:
    """Return ``value`` as a version, or None. ``1`` and ``v1.2`` stand for 1.0.0 and 1.2.0."""
    text = str(value)
    head, plus, build = text[text[:1] in ("v", "V") :].partition("+")
    core, dash, prerelease = head.partition("-")
    numbers = _all_or_none([_number(part) for part in core.split(".")])
    ranks = _all_or_none([_rank(part) for part in prerelease.split(".")]) if dash else _RELEASE
    if numbers is None or ranks is None or len(numbers) > 3 or (plus and not _is_build(build)):
        return None
    major, minor, patch = (*numbers, 0, 0)[:3]
    return Version(major, minor, patch, ranks)


def _all_or_none(parts: list[Part | None]) -> tuple[Part, ...] | None:
    known = tuple(part for part in parts if part is not None)
    return known if len(known) == len(parts) else None


def _number(part: str) -> int | None:
    if not (part.isascii() and part.isdecimal()) or (part[0] == "0" and part != "0"):
        return None
    try:
        return int(part)
    except ValueError:  # Python refuses thousands of digits.
        return None


def _rank(part: str) -> tuple[int, int, str] | None:
    if not _IDENTIFIER.fullmatch(part):
        return None
    if not part.isdecimal():
        return 1, 0, part
    number = _number(part)
    return None if number is None else (0, number, "")


def _is_build(build: str) -> bool:
    return all(_IDENTIFIER.fullmatch(part) for part in build.split("."))


def _same_major(left: Version, right: Version) -> bool:
    return left.major == right.major


def _same_minor(left: Version, right: Version) -> bool:
    return left[:2] == right[:2]


COMPARISONS: Final[dict[str, Callable[[Version, Version], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "^": _same_major,
    "~": _same_minor,
}


def compare_versions(left: Any, comparison: Any, right: Any) -> bool | None:
    """Return whether the comparison holds; None when a side is no version or the comparison is unknown."""
    compare = COMPARISONS.get(comparison) if isinstance(comparison, str) else None
    one, other = parse_version(left), parse_version(right)
    return None if compare is None or one is None or other is None else compare(one, other)
