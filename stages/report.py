"""What an evaluation found, whichever tool ran it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from stages.bounds import CONFIDENCE, lower_mean, lower_share, upper_mean, upper_share

MAX_UNJUDGED = 0.02
"""The share of cases that may have ended in an error or without a score before a run says too little."""


class MetricKind(StrEnum):
    """What the number of a metric is."""

    PASS_RATE = "pass_rate"  # noqa: S105 - a kind of metric, not a password
    """The share of cases that passed, from 0 to 1."""
    MEAN = "mean"
    """The mean of the cases' scores, each from 0 to 1."""
    COUNT = "count"
    """How often something was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One number of a report, with the cases behind it.

    ``value`` is the tool's own figure over the judged cases: None if not one was judged. ``n`` counts every case that
    was asked, ``errored`` those that broke and ``unscored`` those that nobody could judge. Of a pass rate the judged
    cases are ``passed`` and ``failed``; a mean and a count have neither.
    """

    name: str
    kind: MetricKind
    value: float | None
    n: int
    passed: int = 0
    failed: int = 0
    errored: int = 0
    unscored: int = 0

    def __post_init__(self) -> None:
        """Raise ValueError for numbers that contradict each other."""
        if problems := self._contradictions():
            raise ValueError(f"metric {self.name}: {'; '.join(problems)}")

    @property
    def judged(self) -> int:
        """How many cases were judged."""
        return self.n - self.errored - self.unscored

    @property
    def unjudged_share(self) -> float:
        """The share of cases that ended in an error or without a score; 1.0 if there was no case."""
        return (self.errored + self.unscored) / self.n if self.n else 1.0

    def supports_at_least(self, confidence: float = CONFIDENCE) -> float:
        """The least true value that the cases support. A case that was not judged counts as failed, as score 0."""
        if self.value is None:
            return 0.0
        if self.kind is MetricKind.COUNT:
            return self.value
        if self.kind is MetricKind.PASS_RATE:
            return lower_share(self.passed, self.n, confidence)
        return lower_mean(self.value * self.judged / self.n, self.n, confidence)

    def allows_at_most(self, confidence: float = CONFIDENCE) -> float:
        """The greatest true value that the cases allow. A case that was not judged counts as passed, as score 1."""
        if self.value is None:
            return 1.0
        if self.kind is MetricKind.COUNT:
            return self.value
        unjudged = self.errored + self.unscored
        if self.kind is MetricKind.PASS_RATE:
            return upper_share(self.passed + unjudged, self.n, confidence)
        return upper_mean(min(1.0, (self.value * self.judged + unjudged) / self.n), self.n, confidence)

    def _contradictions(self) -> list[str]:
        counts = (self.n, self.passed, self.failed, self.errored, self.unscored)
        found = []
        if min(counts) < 0:
            found.append("a count is below 0")
        if self.kind is MetricKind.PASS_RATE and sum(counts[1:]) != self.n:
            found.append(f"passed, failed, errored and unscored make {sum(counts[1:])}, not {self.n}")
        if self.judged < 0:
            found.append(f"more cases errored or unscored than the {self.n} there were")
        if self.kind is not MetricKind.COUNT and (self.value is None) != (self.judged == 0):
            found.append("a value needs judged cases, and judged cases make a value")
        if self.kind is not MetricKind.COUNT and self.value is not None and not 0.0 <= self.value <= 1.0:
            found.append(f"the value {self.value} is not between 0 and 1")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """The cases that were asked. ``size`` is how many there are, None if the tool does not tell.

    ``layers`` counts the cases of each layer of a golden set, such as happy_path, edge, safety, operational and
    human_review.
    """

    name: str = ""
    version: str = ""
    size: int | None = None
    layers: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalReport:
    """What one evaluation run found: the normal form of every tool's file.

    ``tool`` is the importer's name. ``partial`` says why the run is not whole, and is empty if it is. ``subject``
    names what was evaluated in the tool's own words, such as model, prompt and judge. ``notes`` tell a reader what the
    importer did or left out.
    """

    tool: str
    tool_version: str = ""
    run_id: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    partial: str = ""
    subject: Mapping[str, str] = field(default_factory=dict)
    dataset: Dataset = field(default_factory=Dataset)
    metrics: tuple[Metric, ...] = ()
    notes: tuple[str, ...] = ()

    def metric(self, name: str) -> Metric | None:
        """The metric of that name, or None."""
        return next((metric for metric in self.metrics if metric.name == name), None)
