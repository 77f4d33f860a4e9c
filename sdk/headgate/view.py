"""All flags of one revision as the product sees them, whether Headgate is in reach or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from headgate.decision import Decision, Mode, WhenLost, from_evaluation, when_lost, without_value
from headgate.evaluator import Document, Evaluation

SWITCH_SUFFIX: Final = ".enabled"
_POLICIES: Final[tuple[WhenLost, ...]] = ("keep", "review", "off")


class Told(NamedTuple):
    """A decision and whether it stands for a value; without one, the caller's own default comes first."""

    decision: Decision
    has_value: bool


class View:
    """One document, with the decisions made from it so far.

    Answers are built once by the evaluator, so every decision is made once too and then only looked up. Two
    threads that make the same decision at the same time do the work twice and store equal results.
    """

    __slots__ = ("_document", "_lost", "_switches", "_told", "revision")

    def __init__(self, document: Document, *, lost: bool = False) -> None:
        """With ``lost`` every flag obeys its own ``when_lost``."""
        self._document = document
        self._lost = lost
        self._told: dict[Evaluation, Told] = {}
        self._switches: dict[Evaluation, bool] = {}
        self.revision = _whole(document.metadata.get("revision"))

    @property
    def valid_for_s(self) -> float | None:
        """How long the document may be used without hearing from Headgate, in seconds; None: for ever."""
        seconds = self._document.metadata.get("valid_for_s")
        return float(seconds) if seconds is not None and _is_number(seconds) and seconds > 0 else None

    @property
    def is_lost(self) -> bool:
        """Whether every flag obeys its ``when_lost``."""
        return self._lost

    def lost(self) -> View:
        """Return the view to use from now on when Headgate has been out of reach for too long."""
        return View(self._document, lost=True)

    def found(self) -> View:
        """Return the view to use when Headgate is back and still says the same."""
        return View(self._document)

    def decide(self, feature: str, context: dict[str, Any], default: Decision | Mode | None) -> Decision:
        """Return the decision for ``feature``, or ``default`` when the document has no value for it."""
        found = self._document.evaluate(feature, context)
        told = self._told.get(found) or self._tell(feature, found)
        if told.has_value or default is None:
            return told.decision
        decision = told.decision
        return without_value(feature, default, decision.reason, decision.error_code, self.revision)

    def _tell(self, feature: str, found: Evaluation) -> Told:
        told = self._make(feature, found)
        # Answers about errors may be made anew each time; keeping those would grow without end.
        if found.error_code is None:
            self._told[found] = told
        return told

    def _make(self, feature: str, found: Evaluation) -> Told:
        if found.variant is None:
            return Told(
                without_value(feature, None, found.reason, found.error_code, self.revision), has_value=False
            )
        decision = from_evaluation(feature, found, self.revision)
        if decision is None:
            return Told(
                without_value(feature, None, "ERROR", "TYPE_MISMATCH", self.revision), has_value=False
            )
        return Told(when_lost(decision, _policy(found.metadata)) if self._lost else decision, has_value=True)

    def is_on(self, feature: str, context: dict[str, Any], default: bool) -> bool:
        """Return the ``.enabled`` flag of ``feature``, or ``default`` when it has no boolean value."""
        key = feature + SWITCH_SUFFIX
        found = self._document.evaluate(key, context)
        known = self._switches.get(found)
        if known is not None:
            return known
        if not isinstance(found.value, bool):
            return default
        is_on = found.value and not (self._lost and self._closes(feature, found))
        self._switches[found] = is_on
        return is_on

    def _closes(self, feature: str, found: Evaluation) -> bool:
        # The switch of a feature follows the feature when it says nothing itself.
        metadata = found.metadata
        if "when_lost" not in metadata:
            metadata = self._document.evaluate(feature, {}).metadata
        return _policy(metadata) != "keep"


def _policy(metadata: Mapping[str, Any]) -> WhenLost:
    policy = metadata.get("when_lost")
    return policy if policy in _POLICIES else "review"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
