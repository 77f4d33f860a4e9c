"""All flags of one revision as the product sees them, whether Headgate is in reach or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeGuard

from headgate.decision import (
    POLICIES,
    Decision,
    ErrorCode,
    Mode,
    Reason,
    WhenLost,
    from_evaluation,
    when_lost,
    without_value,
)
from headgate.evaluator import Document, Evaluation
from headgate.readonly import freeze
from headgate.tallies import Tallies, Tally

SWITCH_SUFFIX: Final = ".enabled"
_LONGEST_S: Final = 1e10  # Lifetimes. No clock bears a number without an end.


class Found:
    """What a lookup finds: one answer of one flag, made once, as a decision and as a plain value.

    ``decision`` is None where there is none without a default of the caller; ``variant`` is None when there is no
    plain value either. ``tally`` counts how often it was given.
    """

    __slots__ = (
        "decision",
        "error_code",
        "error_message",
        "metadata",
        "reason",
        "revision",
        "tally",
        "value",
        "variant",
    )

    def __init__(
        self,
        decision: Decision | None,
        answer: Evaluation,
        reason: Reason,
        variant: str | None,
        value: Any,
        tally: Tally,
        revision: int | None,
    ) -> None:
        """``value`` is read-only."""
        self.decision = decision
        self.reason = reason
        self.variant = variant
        self.value = value
        self.tally = tally
        self.revision = revision
        self.metadata = answer.metadata
        self.error_code: ErrorCode | None = answer.error_code
        self.error_message = answer.error_message

    def decision_with(self, feature: str, default: Decision | Mode | None) -> Decision:
        """Return what becomes of ``default`` where there is no decision."""
        is_plain = self.variant is not None or self.reason == "STALE"
        reason: Reason = "ERROR" if is_plain else self.reason
        return without_value(
            feature, default, reason, "TYPE_MISMATCH" if is_plain else self.error_code, self.revision
        )


class View:
    """One document, compiled into what lookups return. What it answers never changes.

    ``rules`` holds the flags asked for so far, each a function from a context to a ``Found``.
    """

    __slots__ = ("_document", "_source", "_tallies", "is_lost", "revision", "rules")

    def __init__(self, document: Document, tallies: Tallies, *, lost: bool = False) -> None:
        """With ``lost`` every flag obeys its own ``when_lost``."""
        self.is_lost = lost
        self.revision = _whole(document.metadata.get("revision"))
        self._tallies = tallies
        self._source = document
        self._document = document.wrapped(self._found)
        self._document.prepare()
        self.rules = self._document.rules

    @property
    def document(self) -> Document:
        """The document behind it."""
        return self._source

    @property
    def valid_for_s(self) -> float | None:
        """How long the document may be used without hearing from Headgate, in seconds; None: for ever."""
        seconds = self._source.metadata.get("valid_for_s")
        return float(min(seconds, _LONGEST_S)) if _is_number(seconds) and seconds > 0 else None

    def lost(self) -> View:
        """Return the view to use from now on when Headgate has been out of reach for too long."""
        return View(self._source, self._tallies, lost=True)

    def found(self) -> View:
        """Return the view to use when Headgate is back and still says the same."""
        return View(self._source, self._tallies)

    def find(self, flag: str, context: dict[str, Any]) -> Found:
        """Return what ``flag`` answers, compiling it if need be. Never raises."""
        found: Found = self._document.evaluate(flag, context)
        return found

    def _found(self, flag: str, answer: Evaluation) -> Found:
        decision = from_evaluation(flag, answer, self.revision) if answer.variant is not None else None
        if decision is None:
            return self._plain(flag, answer)
        if self.is_lost:
            decision = when_lost(decision, _policy(answer.metadata))
        tally = self._tallies.of(flag, answer.variant)
        return Found(decision, answer, decision.reason, answer.variant, decision.value, tally, self.revision)

    def _plain(self, flag: str, answer: Evaluation) -> Found:
        """Return what is found of a flag that is no feature, or has no value."""
        variant, value = answer.variant, freeze(answer.value)
        reason: Reason = answer.reason
        code: ErrorCode | None = answer.error_code
        if self.is_lost and variant is not None:
            variant, value = self._when_lost(flag, variant, value, answer.metadata)
            reason = "STALE"
        tally = Tally() if code else self._tallies.of(flag, variant)
        return Found(None, answer, reason, variant, value, tally, self.revision)

    def _when_lost(
        self, flag: str, variant: str, value: Any, metadata: Mapping[str, Any]
    ) -> tuple[str | None, Any]:
        """Return what is left of a plain value: a feature's switch closes with its feature."""
        feature = flag.removesuffix(SWITCH_SUFFIX)
        is_switch = isinstance(value, bool) and feature != flag
        if is_switch and "when_lost" not in metadata:
            metadata = self._source.metadata_of(feature)
        policy = _policy(metadata) if is_switch else metadata.get("when_lost", "keep")
        if policy == "keep":
            return variant, value
        return (variant, False) if is_switch else (None, None)


def _policy(metadata: Mapping[str, Any]) -> WhenLost:
    policy = metadata.get("when_lost")
    return policy if policy in POLICIES else "review"


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
