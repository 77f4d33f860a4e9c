"""What a reading means to a trigger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """Five answers, because "I do not know" has more than one reason and is never "fine"."""

    OK = "ok"
    BREACH = "breach"
    INSUFFICIENT = "insufficient"
    SOURCE_ERROR = "source_error"
    STALE = "stale"

    @property
    def is_blind(self) -> bool:
        """Whether the trigger sees nothing at all: the source failed or speaks of the past."""
        return self in (Verdict.SOURCE_ERROR, Verdict.STALE)


class Severity(StrEnum):
    """How bad a breach is, where a method can tell."""

    WARNING = "warning"
    """It is going to be too much; only those rungs of a ladder are taken that are marked so."""
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """The worse, the higher."""
        return 1 if self is Severity.CRITICAL else 0


class Lack(StrEnum):
    """Why there is nothing to judge."""

    NO_DATA = "no_data"
    """The source answered, and it holds nothing for the question."""
    PARTIAL = "partial"
    """A part of the data did not take part in the answer."""
    SOURCE_ERROR = "source_error"
    """The source failed, or answered what cannot be used."""
    STALE = "stale"
    """The answer speaks of the past."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict with its reasons.

    ``memory`` is what the method wants to be given next time: whole numbers only, so that a restart changes
    nothing. ``sentence`` says the verdict in words; ``numbers`` holds what it was computed from, all of it
    finite. ``severity`` is that of a breach.
    """

    verdict: Verdict
    memory: tuple[int, ...]
    sentence: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    severity: Severity = Severity.CRITICAL
