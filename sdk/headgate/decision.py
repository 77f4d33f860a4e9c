"""What a lookup returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from headgate.amounts import amount
from headgate.evaluator import Evaluation
from headgate.readonly import EMPTY, freeze
from headgate.sampling import is_sampled

if TYPE_CHECKING:
    from decimal import Decimal

Mode = Literal["off", "review", "live"]
"""In order of safety: not at all, with a human between the answer and the user, on its own."""

Reason = Literal["STATIC", "TARGETING_MATCH", "SPLIT", "DEFAULT", "DISABLED", "STALE", "ERROR"]
"""Why the answer is what it is. ``STALE``: Headgate was out of reach too long, so ``when_lost`` applies."""

ErrorCode = Literal["PROVIDER_NOT_READY", "FLAG_NOT_FOUND", "TYPE_MISMATCH", "PARSE_ERROR", "GENERAL"]
"""What went wrong: no flags yet, no such feature, no feature's value, an unusable flag, anything else."""

WhenLost = Literal["keep", "review", "off"]

MODES: Final[tuple[Mode, ...]] = ("off", "review", "live")
POLICIES: Final[tuple[WhenLost, ...]] = ("keep", "review", "off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """May this user have the feature, which release, must a human look?

    ``value`` is everything the feature's rollout says, read-only, and empty when there is no such value;
    ``json.dumps`` takes it, and ``dict(decision.value)`` copies it.
    """

    feature: str
    mode: Mode
    reason: Reason
    review_required: bool = False
    release: str | None = None
    autonomy: str | None = None
    fallback: str | None = None
    value: Mapping[str, Any] = field(default_factory=lambda: EMPTY, hash=False)
    variant: str | None = None
    revision: int | None = None
    error_code: ErrorCode | None = None

    @property
    def enabled(self) -> bool:
        """Whether the feature may run at all: the mode is live or review."""
        return self.mode != "off"

    def needs_review(
        self, conversation: str | None = None, confidence: float | Decimal | None = None
    ) -> bool:
        """Return whether a human has to look at the answer before the user does.

        That is so when the decision says so, when ``confidence`` is below what the rollout asks for, not known or
        no number, and for the sampled share of conversations, always the same ones. Without a conversation nothing
        is sampled.
        """
        review = _mapping(self.value.get("review"))
        least, rate = _number(review.get("below_confidence")), _number(review.get("sample_rate"))
        sure = amount(confidence)
        return (
            self.review_required
            or (least is not None and (sure is None or sure < least))
            or (
                rate is not None and conversation is not None and is_sampled(self.feature, conversation, rate)
            )
        )


def without_value(
    feature: str,
    default: Decision | Mode | None,
    reason: Reason,
    error_code: ErrorCode | None,
    revision: int | None = None,
) -> Decision:
    """Return the caller's default, or "off", for a feature without a value. A Decision stays as it is."""
    if isinstance(default, Decision):
        return default
    mode: Mode = default if default in MODES else "off"
    return Decision(
        feature=feature,
        mode=mode,
        reason=reason,
        review_required=mode == "review",
        revision=revision,
        error_code=error_code,
    )


def from_evaluation(feature: str, found: Evaluation, revision: int | None) -> Decision | None:
    """Return the decision an answer stands for; None when its value is not that of a feature's rollout."""
    value = found.value
    if not isinstance(value, dict) or value.get("mode") not in MODES:
        return None
    review, release = _mapping(value.get("review")), _mapping(value.get("release"))
    return Decision(
        feature=feature,
        mode=value["mode"],
        reason=found.reason,
        review_required=value["mode"] == "review" or review.get("required") is True,
        release=_text(release.get("id")),
        autonomy=_text(value.get("autonomy")),
        fallback=_text(value.get("fallback")),
        value=freeze(value),
        variant=found.variant,
        revision=revision,
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else EMPTY


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def when_lost(decision: Decision, policy: WhenLost) -> Decision:
    """Return what becomes of ``decision`` once Headgate is out of reach too long. Never less safe."""
    stale = replace(decision, reason="STALE")
    if policy == "keep" or decision.mode == "off":
        return stale
    if policy == "off":
        value = freeze({**decision.value, "mode": "off", "release": None})
        return replace(stale, mode="off", release=None, review_required=False, value=value)
    review = {**_mapping(decision.value.get("review")), "required": True}
    value = freeze({**decision.value, "mode": "review", "review": review})
    return replace(stale, mode="review", review_required=True, value=value)
