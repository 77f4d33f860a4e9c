"""What the product counts."""

from __future__ import annotations

import pytest
from headgate.decision import Mode
from headgate.testing import FakeClient

from examples.support_assistant.assistant import Assistant
from examples.support_assistant.customers import people, visits
from examples.support_assistant.faults import FaultBook, Faults
from examples.support_assistant.metrics import Metrics
from examples.support_assistant.model import StandInModel
from examples.support_assistant.retrieval import Retriever, load_passages
from examples.support_assistant.traffic import Desk, announce_releases, run_visits

_RETRIEVER = Retriever(load_passages())


def _gate(mode: Mode) -> FakeClient:
    gate = FakeClient()
    for feature in ("support-assistant", "reply-drafts"):
        gate.set(feature, mode=mode, release="r-000000000001")
    return gate


def _desk(gate: FakeClient, faults: Faults) -> Desk:
    model = StandInModel(FaultBook({"*": faults}), sleep=lambda seconds: None)
    return Desk(Assistant(gate, model, _RETRIEVER), Metrics())


def _value(desk: Desk, name: str, feature: str = "support-assistant") -> float | None:
    labels = {"feature": feature, "release": "r-000000000001"}
    return desk.metrics.registry.get_sample_value(name, labels)


@pytest.mark.parametrize("feature", ["support-assistant", "reply-drafts"])
@pytest.mark.parametrize(
    "name",
    [
        "support_answers_total",
        "support_answers_judged_total",
        "support_answers_unsupported_total",
        "support_answers_miscited_total",
        "support_answers_sensitive_total",
        "support_reviews_rejected_total",
        "support_answer_latency_seconds_count",
    ],
)
def test_every_series_of_an_announced_release_starts_at_zero(name: str, feature: str) -> None:
    gate = _gate("live")
    desk = _desk(gate, Faults())
    announce_releases(gate, desk.metrics, people())
    assert _value(desk, name, feature) == 0


def test_the_counters_agree_with_the_outcomes_reported() -> None:
    gate = _gate("live")
    desk = _desk(gate, Faults(unsupported=0.3, wrong_citation=0.2, leak_account=0.1, fails=0.1))
    run_visits(desk, (visit for visit in visits() if visit.feature.key == "support-assistant"), 300)
    expected = {
        "support_answers_total": [o["output_tokens"] is not None for o in gate.outcomes],
        "support_answers_judged_total": [o["grounded"] is not None for o in gate.outcomes],
        "support_answers_unsupported_total": [o["grounded"] is False for o in gate.outcomes],
        "support_answers_miscited_total": [o["citations_valid"] is False for o in gate.outcomes],
        "support_answers_sensitive_total": [o["sensitive_data"] is True for o in gate.outcomes],
        "support_model_errors_total": [o["error"] is True for o in gate.outcomes],
        "support_searches_total": [o["error"] is True for o in gate.outcomes],
    }
    assert {name: _value(desk, name) for name in expected} == {n: sum(v) for n, v in expected.items()}
    assert _value(desk, "support_answer_latency_seconds_count") == sum(expected["support_answers_total"])


def test_reviews_are_counted_by_verdict() -> None:
    gate = _gate("review")
    desk = _desk(gate, Faults(unsupported=0.5))
    run_visits(desk, (visit for visit in visits() if visit.feature.key == "support-assistant"), 100)
    rejected, accepted = (
        _value(desk, "support_reviews_rejected_total"),
        _value(desk, "support_reviews_accepted_total"),
    )
    assert rejected == _value(desk, "support_answers_unsupported_total")
    assert rejected is not None
    assert accepted == 100 - rejected
