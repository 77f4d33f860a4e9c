"""A double for the tests of products: same methods as the client, no network, no threads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

from headgate.context import targeting_key
from headgate.decision import Decision, Mode, Reason, without_value
from headgate.outcomes import make_outcome
from headgate.polling import Listener, Status
from headgate.readonly import freeze

_MOMENT = 1_577_836_800.0  # The start of the year 2020.


class FakeClient:
    """Says what it was told to say.

    ``FakeClient({"claims-assistant": "live"})`` lets everybody have the feature; ``set`` changes it, for
    everybody or for one user. ``outcomes`` lists what was reported, as it would have been sent.
    """

    def __init__(self, features: Mapping[str, Mode] | None = None) -> None:
        """``features`` maps the key of each known feature to its mode."""
        self.outcomes: list[dict[str, Any]] = []
        self._decisions: dict[tuple[str, str | None], Decision] = {}
        self._listeners: list[Listener] = []
        self._revision = 0
        self._closed = False
        for feature, mode in (features or {}).items():
            self.set(feature, mode=mode)

    def set(
        self,
        feature: str,
        *,
        mode: Mode = "live",
        release: str | None = "r-000000000000",
        user: object = None,
        review_required: bool | None = None,
        autonomy: str = "recommend",
        fallback: str | None = None,
        stage: str = "pilot",
        reason: Reason = "TARGETING_MATCH",
        value: Mapping[str, Any] | None = None,
    ) -> None:
        """Decide ``feature`` like this from now on, for ``user`` only if given, and tell the listeners.

        ``value`` is laid over the value that the other arguments make.
        """
        release = None if mode == "off" else release
        review = mode == "review" if review_required is None else review_required
        whole = {
            "mode": mode,
            "stage": stage,
            "autonomy": autonomy,
            "release": None if release is None else {"id": release},
            "review": {"required": review, "sample_rate": 0.0, "below_confidence": None, "reviewers": []},
            "fallback": fallback,
            "limits": {},
            **(value or {}),
        }
        self._revision += 1
        decision = Decision(
            feature=feature,
            mode=mode,
            reason=reason,
            review_required=review,
            release=release,
            autonomy=autonomy,
            fallback=fallback,
            value=freeze(whole),
            variant="off" if mode == "off" else "stable",
            revision=self._revision,
        )
        self._decisions[feature, None if user is None else targeting_key(user)] = decision
        for listener in tuple(self._listeners):
            listener(self._revision)

    def wait_until_ready(self, timeout_s: float = 5.0) -> bool:
        """Return true at once."""
        return True

    def decide(
        self,
        feature: str,
        user: object = None,
        *,
        task: str | None = None,
        cohorts: Iterable[str] | None = None,
        attributes: Mapping[str, Any] | None = None,
        default: Decision | Mode | None = None,
    ) -> Decision:
        """Return what ``set`` said for this user, or else for everybody; else ``default`` or an error."""
        for key in ((feature, targeting_key(user)), (feature, None)):
            if key in self._decisions:
                return self._decisions[key]
        return without_value(feature, default, "ERROR", "FLAG_NOT_FOUND", self._revision)

    def enabled(
        self,
        feature: str,
        user: object = None,
        *,
        task: str | None = None,
        cohorts: Iterable[str] | None = None,
        attributes: Mapping[str, Any] | None = None,
        default: bool = False,
    ) -> bool:
        """Return whether the mode is live; ``default`` for an unknown feature."""
        decision = self.decide(feature, user)
        return default if decision.error_code else decision.mode == "live"

    def report(
        self,
        decision: Decision,
        *,
        task: str | None = None,
        latency_ms: float | None = None,
        cost_usd: float | None = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        grounded: bool | None = None,
        citations_valid: bool | None = None,
        sensitive_data: bool | None = None,
        review: str | None = None,
        abandoned: bool | None = None,
        escalated: bool | None = None,
        error: bool | None = None,
    ) -> None:
        """Append the outcome to ``outcomes``."""
        said = {
            "task": task,
            "latency_ms": latency_ms,
            "cost_usd": cost_usd,
            "input_tokens": input_tokens,
            "output_tokens": output_tokens,
            "grounded": grounded,
            "citations_valid": citations_valid,
            "sensitive_data": sensitive_data,
            "review": review,
            "abandoned": abandoned,
            "escalated": escalated,
            "error": error,
        }
        self.outcomes.append(make_outcome(decision, said, _MOMENT))

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Return true at once."""
        return True

    def on_change(self, listener: Listener) -> None:
        """Call ``listener`` with the revision after each ``set``."""
        self._listeners.append(listener)

    @property
    def revision(self) -> int | None:
        """The number of times something was set."""
        return self._revision

    @property
    def status(self) -> Status:
        """``ready``, or ``closed`` after ``close``."""
        return "closed" if self._closed else "ready"

    @property
    def dropped_outcomes(self) -> int:
        """Always zero."""
        return 0

    def close(self, timeout_s: float = 2.0) -> None:
        """Only changes the status."""
        self._closed = True

    def __enter__(self) -> FakeClient:
        """Return the double itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the double."""
        self.close()
