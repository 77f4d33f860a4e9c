"""What users get: an immutable bundle of prompt, model, index and guardrails, named by its content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Goodness(StrEnum):
    """What is known of a release."""

    UNKNOWN = "unknown"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A sealed bundle. ``verdict`` is the only thing about it that changes."""

    id: str
    digest: str
    bundle: Mapping[str, Any]
    verdict: Goodness = Goodness.UNKNOWN


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

    Raises ValueError or TypeError for a bundle that is not JSON, like `canonical_json`.
    """
    fingerprint = digest(bundle)
    # A copy, so that whoever still holds the original cannot change what the name stands for.
    sealed = json.loads(canonical_json(bundle))
    return Release(id=f"r-{fingerprint[:12]}", digest=fingerprint, bundle=sealed)
