"""The assistant in each mode, and what it reports."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from headgate.decision import Mode
from headgate.testing import FakeClient

from examples.support_assistant.assistant import HELD, NOTHING_FOUND, WITHHELD, Assistant
from examples.support_assistant.checks import NO_ANSWER
from examples.support_assistant.customers import visits
from examples.support_assistant.faults import FaultBook, Faults
from examples.support_assistant.metrics import Metrics
from examples.support_assistant.model import StandInModel
from examples.support_assistant.retrieval import Retriever, load_passages
from examples.support_assistant.review import ReviewQueue
from examples.support_assistant.sensitive import sensitive_data
from examples.support_assistant.traffic import Desk, run_visits

_QUESTION = "How high is the excess for subsidence?"
_RETRIEVER = Retriever(load_passages())


def _gate(mode: Mode = "live", model: str = "stand-in-small") -> FakeClient:
    gate = FakeClient()
    for feature in ("support-assistant", "reply-drafts"):
        bundle = None if mode == "off" else {"id": "r-000000000001", "model": {"id": model}}
        gate.set(feature, mode=mode, release="r-000000000001", value={"release": bundle})
    return gate


def _ticks() -> Iterator[float]:
    return (tick * 0.25 for tick in itertools.count())


def _assistant(gate: FakeClient, faults: Faults | None = None, capacity: int = 10) -> Assistant:
    model = StandInModel(FaultBook({"*": faults or Faults()}), sleep=lambda seconds: None)
    ticks = _ticks()
    return Assistant(gate, model, _RETRIEVER, reviews=ReviewQueue(capacity), clock=lambda: next(ticks))


def test_live_shows_the_answer_and_reports_what_was_measured() -> None:
    gate = _gate("live")
    reply = _assistant(gate).answer("customer-1", _QUESTION, ("customers",))
    assert (reply.state, reply.release) == ("answered", "r-000000000001")
    assert "£1,000" in reply.text
    [outcome] = gate.outcomes
    assert (outcome["feature"], outcome["task"]) == ("support-assistant", "answer")
    assert (outcome["mode"], outcome["release"]) == ("live", "r-000000000001")
    assert (outcome["grounded"], outcome["citations_valid"], outcome["sensitive_data"]) == (True, True, False)
    assert (outcome["latency_ms"], outcome["error"], outcome["review"]) == (250, False, None)
    used = outcome["input_tokens"] * 0.15 + outcome["output_tokens"] * 0.60
    assert outcome["cost_usd"] == pytest.approx(used / 1e6)


def test_the_cost_of_a_model_without_a_price_is_not_made_up() -> None:
    gate = _gate(model="somebody-elses")
    _assistant(gate).answer("customer-1", _QUESTION)
    assert gate.outcomes[0]["cost_usd"] is None


def test_off_shows_links_and_calls_no_model() -> None:
    gate = _gate("off")
    reply = _assistant(gate, Faults(fails=1)).answer("customer-1", _QUESTION)
    assert (reply.state, reply.release) == ("searched", "none")
    assert "claims.md#5" in reply.text
    [outcome] = gate.outcomes
    assert outcome["latency_ms"] == 250
    unjudged = ("grounded", "citations_valid", "sensitive_data", "output_tokens", "cost_usd", "error")
    assert all(outcome[name] is None for name in unjudged)


def test_a_feature_headgate_does_not_know_is_treated_as_off() -> None:
    assert _assistant(FakeClient()).answer("customer-1", _QUESTION).state == "searched"


def test_a_search_that_finds_nothing_says_so() -> None:
    assert _assistant(_gate("off")).answer("customer-1", "Zebra?").text == NOTHING_FOUND


def test_review_holds_the_answer_and_reports_it_once_with_the_verdict() -> None:
    gate = _gate("review")
    assistant = _assistant(gate)
    reply = assistant.answer("customer-1", _QUESTION)
    assert (reply.state, reply.text, gate.outcomes) == ("held", HELD, [])
    reviewed = assistant.review_next()
    assert reviewed is not None
    assert reviewed.verdict == gate.outcomes[0]["review"] == "accepted"
    assert gate.outcomes[0]["grounded"] is True
    assert assistant.review_next() is None
    assert len(gate.outcomes) == 1


@pytest.mark.parametrize(
    "faults", [Faults(unsupported=1), Faults(wrong_citation=1), Faults(leak_account=True)]
)
def test_the_reviewer_rejects_an_answer_that_fails_a_check(faults: Faults) -> None:
    gate = _gate("review")
    assistant = _assistant(gate, faults)
    assistant.answer("customer-1", _QUESTION)
    assistant.review_next()
    assert gate.outcomes[0]["review"] == "rejected"


def test_a_live_feature_whose_answers_need_review_is_held_too() -> None:
    gate = _gate()
    gate.set("support-assistant", mode="live", review_required=True)
    assert _assistant(gate).answer("customer-1", _QUESTION).state == "held"


def test_each_user_gets_what_was_decided_for_them() -> None:
    gate = _gate("off")
    gate.set("support-assistant", mode="live", release="r-000000000002", user="customer-7")
    assistant = _assistant(gate)
    states = [assistant.answer(user, _QUESTION).state for user in ("customer-1", "customer-7")]
    assert states == ["searched", "answered"]


def test_a_full_review_queue_falls_back_to_search_and_still_reports() -> None:
    gate = _gate("review")
    assistant = _assistant(gate, capacity=1)
    assert assistant.answer("customer-1", _QUESTION).state == "held"
    assert assistant.answer("customer-2", _QUESTION).state == "searched"
    assert len(assistant.reviews) == 1
    assert [outcome["review"] for outcome in gate.outcomes] == [None]


def test_a_leak_is_withheld_from_the_user_and_reported_all_the_same() -> None:
    gate = _gate("live")
    reply = _assistant(gate, Faults(leak_account=True)).answer("customer-1", _QUESTION)
    assert (reply.state, reply.text) == ("withheld", WITHHELD)
    assert not sensitive_data(str(reply.as_json()))
    assert (gate.outcomes[0]["sensitive_data"], gate.outcomes[0]["escalated"]) == (True, True)


def test_an_unsupported_answer_is_reported_as_such() -> None:
    gate = _gate("live")
    _assistant(gate, Faults(unsupported=1)).answer("customer-1", _QUESTION)
    assert gate.outcomes[0]["grounded"] is False


def test_a_question_without_an_answer_is_escalated_and_not_judged() -> None:
    gate = _gate("live")
    reply = _assistant(gate).answer("customer-1", "Do you sponsor tournaments?")
    assert (reply.state, reply.text) == ("answered", NO_ANSWER)
    assert (gate.outcomes[0]["grounded"], gate.outcomes[0]["escalated"]) == (None, True)


def test_a_model_that_fails_leaves_the_user_with_links_and_is_reported() -> None:
    gate = _gate("live")
    reply = _assistant(gate, Faults(fails=1)).answer("customer-1", _QUESTION)
    assert reply.state == "searched"
    assert (gate.outcomes[0]["error"], gate.outcomes[0]["grounded"]) == (True, None)


def test_a_reply_draft_is_a_letter_with_the_same_checks() -> None:
    gate = _gate("live")
    reply = _assistant(gate).draft_reply("agent-01", _QUESTION)
    assert reply.text.startswith("Dear customer")
    assert reply.text.endswith("Northwind Mutual")
    assert (gate.outcomes[0]["feature"], gate.outcomes[0]["task"]) == ("reply-drafts", "draft-reply")
    assert gate.outcomes[0]["grounded"] is True


@pytest.mark.parametrize("mode", ["off", "review", "live"])
def test_every_visit_ends_in_exactly_one_outcome(mode: Mode) -> None:
    gate = _gate(mode)
    desk = Desk(_assistant(gate, Faults(unsupported=0.3, fails=0.2)), Metrics())
    run_visits(desk, visits(), 200)
    assert len(gate.outcomes) == 200
