"""The part of the Headgate SDK the assistant uses: `headgate.Client` and its `FakeClient` both fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from headgate import Decision, Run


class Gate(Protocol):
    """Decides who gets which release, and hears what came of it."""

    def decide(self, feature: str, user: str, *, task: str, cohorts: Sequence[str]) -> Decision:
        """Answer from memory; never raises and never waits for the network."""

    def run(self, feature: str, user: str, *, task: str, cohorts: Sequence[str]) -> Run:
        """Decide from memory; what the run is told is reported at its end. Never raises, never waits."""
