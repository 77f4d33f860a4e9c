"""Optimistic locking over HTTP: the ETag of a thing is its version."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from controller.errors import InvalidInput, Problem

_ETAG = re.compile(r'(?:W/)?"([0-9]{1,18})"|([0-9]{1,18})')


def expected_version(headers: Mapping[str, Any]) -> int | None:
    """The version in If-Match; None if the caller does not care.

    Raises:
        InvalidInput: The header does not hold one of our ETags.
    """
    given = headers.get("if_match")
    if given in (None, "*"):
        return None
    match = _ETAG.fullmatch(str(given))
    if match is None:
        raise InvalidInput(
            Problem("If-Match", f"{given!r} is not an ETag of ours", 'send the ETag read, such as "7"')
        )
    return int(match[1] or match[2])


def with_version(content: Any, version: int | None) -> tuple[Any, int, dict[str, str]]:
    """An answer with its version as ETag; what cannot be read has none."""
    return content, 200, {} if version is None else {"ETag": f'"{version}"'}
