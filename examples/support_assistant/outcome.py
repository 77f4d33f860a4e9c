"""What came of one question: the draft, what was measured, and the reply the user saw."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from headgate import Run

from examples.support_assistant.checks import Judgement
from examples.support_assistant.model import Completion, Release

Verdict = Literal["accepted", "rejected"]
State = Literal["answered", "withheld", "held", "searched"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A capability of the product: its Headgate key, its task, and the words put around an answer."""

    key: str
    task: str
    opening: str = ""
    closing: str = ""


SUPPORT_ASSISTANT = Feature(key="support-assistant", task="answer")
REPLY_DRAFTS = Feature(
    key="reply-drafts",
    task="draft-reply",
    opening="Dear customer,\n\nthank you for writing to us. ",
    closing="\n\nKind regards,\nNorthwind Mutual",
)
FEATURES = {feature.key: feature for feature in (SUPPORT_ASSISTANT, REPLY_DRAFTS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was measured, in the words of `headgate.Run.say`. None means not judged, never good."""

    latency_ms: int
    cost_usd: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    grounded: bool | None = None
    citations_valid: bool | None = None
    sensitive_data: bool | None = None
    escalated: bool | None = None
    review: Verdict | None = None
    error: bool | None = None

    def as_report(self) -> dict[str, Any]:
        """The keyword arguments of `say`."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An answer a model wrote and the checks read; nobody outside has seen it yet."""

    feature: Feature
    run: Run
    release: Release
    completion: Completion
    judgement: Judgement
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the user saw.

    `state` is `answered` (a model's answer), `withheld` (the output guard stopped it), `held` (a person reads
    it first) or `searched` (links only: the feature is off, or there was no answer to show). `links` are
    passage ids.
    """

    feature: str
    mode: str
    release: str
    state: State
    text: str
    links: tuple[str, ...]
    outcome: Outcome

    def as_json(self) -> dict[str, Any]:
        """The reply as JSON types."""
        return asdict(self)
