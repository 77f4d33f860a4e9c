"""What the product tells Prometheus about itself."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from examples.support_assistant.outcome import Reply
from examples.support_assistant.review import Reviewed

LATENCY_BUCKETS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_LABELS = ("feature", "release")


class Metrics:
    """Counters by feature and release.

    Every series of a release starts at 0 when the release is announced, so that a rate over the first error
    is not lost and a query never finds nothing. An answer that could not be judged counts in
    `support_answers_total` only; `support_answers_judged_total` is the number the unsupported ones are a part
    of.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Register the metrics with `registry`, by default one of their own."""
        self.registry = registry if registry is not None else CollectorRegistry()
        self._answers = self._counter("support_answers", "Answers a model wrote.")
        self._judged = self._counter("support_answers_judged", "Answers whose support could be judged.")
        self._unsupported = self._counter(
            "support_answers_unsupported", "Answers not supported by what they cite."
        )
        self._miscited = self._counter("support_answers_miscited", "Answers citing what was not retrieved.")
        self._sensitive = self._counter(
            "support_answers_sensitive", "Answers with an account or card number."
        )
        self._rejected = self._counter("support_reviews_rejected", "Held answers a reviewer rejected.")
        self._accepted = self._counter("support_reviews_accepted", "Held answers a reviewer accepted.")
        self._errors = self._counter("support_model_errors", "Questions the model gave no answer to.")
        self._searches = self._counter("support_searches", "Questions answered with links only.")
        self._latency = Histogram(
            "support_answer_latency_seconds",
            "From question to checked answer.",
            _LABELS,
            buckets=LATENCY_BUCKETS_S,
            registry=self.registry,
        )

    def announce(self, feature: str, release: str | None) -> None:
        """Export every series of a release at 0, unless it is there already."""
        labels = (feature, release or "none")
        for counter in self._counters:
            counter.labels(*labels)
        self._latency.labels(*labels)

    def observe(self, reply: Reply) -> None:
        """Count one reply."""
        labels = (reply.feature, reply.release)
        self.announce(*labels)
        outcome = reply.outcome
        self._searches.labels(*labels).inc(reply.state == "searched")
        self._errors.labels(*labels).inc(outcome.error is True)
        if outcome.output_tokens is None:
            return
        self._answers.labels(*labels).inc()
        self._judged.labels(*labels).inc(outcome.grounded is not None)
        self._unsupported.labels(*labels).inc(outcome.grounded is False)
        self._miscited.labels(*labels).inc(outcome.citations_valid is False)
        self._sensitive.labels(*labels).inc(outcome.sensitive_data is True)
        self._latency.labels(*labels).observe(outcome.latency_ms / 1000)

    def observe_review(self, reviewed: Reviewed) -> None:
        """Count one review."""
        labels = (reviewed.draft.feature.key, reviewed.draft.release.id)
        self.announce(*labels)
        (self._accepted if reviewed.verdict == "accepted" else self._rejected).labels(*labels).inc()

    def render(self) -> bytes:
        """The Prometheus text exposition of everything counted."""
        return generate_latest(self.registry)

    @property
    def _counters(self) -> tuple[Counter, ...]:
        return (
            self._answers,
            self._judged,
            self._unsupported,
            self._miscited,
            self._sensitive,
            self._rejected,
            self._accepted,
            self._errors,
            self._searches,
        )

    def _counter(self, name: str, meaning: str) -> Counter:
        return Counter(name, meaning, _LABELS, registry=self.registry)
