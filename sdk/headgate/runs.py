"""One answer of a feature from the question to what became of it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from headgate.amounts import plus
from headgate.decision import Decision
from headgate.outcomes import Said
from headgate.readonly import EMPTY

if TYPE_CHECKING:
    from decimal import Decimal

    from typing_extensions import Unpack

Report = Callable[[Decision, Mapping[str, Any], "str | None"], None]
"""Takes a decision, what is said about the answer, and the conversation it belongs to."""


class Run:
    """Times an answer and reports what is said about it, once, when the ``with`` block ends.

    An exception that leaves the block is reported as an error and goes on its way. Nothing here raises or waits.
    """

    def __init__(
        self,
        decision: Decision,
        report: Report,
        *,
        task: str | None = None,
        conversation: str | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """``clock`` returns seconds and is there for tests."""
        self.decision = decision
        self._report = report
        self._conversation = conversation
        # What belongs to no conversation is a conversation of its own, so that its sample is random.
        self._sampled_by = conversation if conversation is not None else uuid.uuid4().hex
        self._clock = clock
        self._started = clock()
        self._said: dict[str, Any] = {"task": task}
        self._is_held = False
        self._is_over = False

    @property
    def enabled(self) -> bool:
        """Whether the feature may run at all."""
        return self.decision.enabled

    @property
    def release(self) -> Mapping[str, Any]:
        """The release's bundle: prompt, model, retrieval, ...; empty when there is none."""
        release = self.decision.value.get("release")
        return release if isinstance(release, Mapping) else EMPTY

    def needs_review(self, confidence: float | Decimal | None = None) -> bool:
        """Return whether a human has to look at the answer first; see ``Decision.needs_review``."""
        return self.decision.needs_review(self._sampled_by, confidence)

    def say(self, **said: Unpack[Said]) -> None:
        """Note what is known about the answer; the last word counts."""
        self._said.update(said)

    def tokens(self, input: int | None = None, output: int | None = None) -> None:
        """Note how many tokens the model read and wrote; several calls are added up.

        With what is no number, or less than 0, the sum is not known.
        """
        for name, count in (("input_tokens", input), ("output_tokens", output)):
            if count is not None:
                self._said[name] = plus(self._said.get(name), count)

    def cost(self, usd: float | Decimal) -> None:
        """Note what it cost in US dollars; several calls are added up. With what is no amount the sum is not known."""
        self._said["cost_usd"] = plus(self._said.get("cost_usd"), usd)

    def grounded(self, is_grounded: bool = True) -> None:
        """Note whether the sources support the answer."""
        self._said["grounded"] = is_grounded

    def review(self, result: str) -> None:
        """Note what a human said: "accepted" or "rejected"."""
        self._said["review"] = result

    def hold(self) -> None:
        """Report nothing when the block ends, because a human looks first; ``finish`` reports it then."""
        self._is_held = True

    def finish(self, **said: Unpack[Said]) -> None:
        """Report now, unless it was done already."""
        self._said.update(said)
        if self._is_over:
            return
        self._is_over = True
        self._stop_clock()
        self._report(self.decision, self._said, self._conversation)

    def _stop_clock(self) -> None:
        self._said.setdefault("latency_ms", max(0.0, self._clock() - self._started) * 1000)

    def __enter__(self) -> Run:
        """Return the run itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the clock and report, unless the answer is held."""
        self._stop_clock()
        if kind is not None and issubclass(kind, Exception):
            self._said["error"] = True
        else:
            # What did not run, or was interrupted, did not go well either.
            self._said.setdefault("error", False if kind is None and self.enabled else None)
        if not self._is_held or self._said["error"]:
            self.finish()
