"""Keeping once what many flags have in common.

Ten thousand flags ask for a few attributes, have a few names for their variants, and share most of what they are
about: modes, limits, reviewers, models, and nearly all metadata.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

from headgate.readonly import ReadOnlyDict

kept_once: Final = lru_cache(maxsize=1024)
"""Has a function return the same object for equal arguments; of flags that are long gone nothing stays for long."""


@kept_once
def shared_name(name: str) -> str:
    """Return the one text that stands for a name of an attribute or a variant."""
    return name


class Values:
    """The values in one document, read-only. Lists are kept as tuples."""

    __slots__ = ("_mappings", "_texts")

    def __init__(self) -> None:
        """There are none yet."""
        self._texts: dict[str, str] = {}
        self._mappings: dict[bytes, ReadOnlyDict] = {}

    def in_flag(self, flag: Any) -> Any:
        """Return a flag as it was read, with these values for its variants."""
        variants = flag.get("variants") if isinstance(flag, dict) else None
        if not isinstance(variants, dict):
            return flag
        return {**flag, "variants": {name: self._of(value) for name, value in variants.items()}}

    def mapping(self, mapping: dict[str, Any]) -> ReadOnlyDict:
        """Return the one object that stands for a JSON object."""
        copy = ReadOnlyDict({self._of(name): self._of(item) for name, item in mapping.items()})
        # To Python true is 1, and 1 is 1.0. Written out they differ, and so do objects in another order.
        mark = blake2b(repr(copy).encode(), digest_size=16).digest()
        return self._mappings.setdefault(mark, copy)

    def _of(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._texts.setdefault(value, value)
        if isinstance(value, dict):
            return self.mapping(value)
        return tuple(map(self._of, value)) if isinstance(value, (list, tuple)) else value
