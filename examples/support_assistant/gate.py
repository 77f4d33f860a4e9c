"""The part of the Headgate SDK the assistant uses: `headgate.Client` and its `FakeClient` both fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from headgate import Decision


class Gate(Protocol):
    """Decides who gets which release, and is told what came of it."""

    def decide(self, feature: str, user: str, *, task: str, cohorts: Sequence[str]) -> Decision:
        """Answer from memory; never raises and never waits for the network."""

    def report(
        self,
        decision: Decision,
        *,
        task: str,
        latency_ms: int,
        cost_usd: float | None,
        input_tokens: int | None,
        output_tokens: int | None,
        grounded: bool | None,
        citations_valid: bool | None,
        sensitive_data: bool | None,
        review: str | None,
        escalated: bool | None,
        error: bool | None,
    ) -> None:
        """Queue one outcome; never raises and never waits for the network."""
