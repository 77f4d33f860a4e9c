"""From the question to what became of the answer."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from headgate.decision import Decision
from headgate.readonly import freeze
from headgate.runs import Run
from headgate.testing import FakeClient


@pytest.fixture
def client() -> FakeClient:
    return FakeClient({"feature": "live", "off": "off"})


def test_a_run_is_timed_and_reported_once_with_what_was_said(client: FakeClient) -> None:
    with client.run("feature", "user-1", task="summarise") as run:
        assert run.enabled
        assert run.release == {"id": "r-000000000000"}
        run.tokens(100, 20)
        run.tokens(output=5)
        run.cost(0.01)
        run.cost(0.02)
        run.grounded()
        run.review("accepted")
        run.say(citations_valid=True)
    run.finish(grounded=False)
    (outcome,) = client.outcomes
    assert outcome["latency_ms"] >= 0
    assert (outcome["task"], outcome["input_tokens"], outcome["output_tokens"]) == ("summarise", 100, 25)
    assert outcome["cost_usd"] == pytest.approx(0.03)
    assert (outcome["grounded"], outcome["review"], outcome["citations_valid"]) == (True, "accepted", True)
    assert (outcome["error"], outcome["sensitive_data"]) == (False, None)


def test_an_exception_is_reported_and_goes_on_its_way(client: FakeClient) -> None:
    with pytest.raises(ZeroDivisionError), client.run("feature", "user-1") as run:
        run.cost(1 / 0)
    assert [outcome["error"] for outcome in client.outcomes] == [True]


def test_leaving_by_an_interrupt_is_no_error_of_the_feature(client: FakeClient) -> None:
    with pytest.raises(KeyboardInterrupt), client.run("feature", "user-1"):
        raise KeyboardInterrupt
    assert [outcome["error"] for outcome in client.outcomes] == [None]


def test_what_is_held_is_reported_when_a_human_has_looked(client: FakeClient) -> None:
    with client.run("feature", "user-1") as run:
        run.hold()
    assert client.outcomes == []
    run.finish(review="rejected")
    run.finish(review="accepted")
    assert [outcome["review"] for outcome in client.outcomes] == ["rejected"]


def test_the_latency_is_that_of_the_block(client: FakeClient) -> None:
    times = iter([10.0, 10.25, 99.0])
    said: list[Any] = []
    with Run(client.decide("feature"), lambda *all: said.append(all), clock=lambda: next(times)) as run:
        run.hold()
    run.finish()
    assert said[0][1]["latency_ms"] == 250


def test_nonsense_that_is_said_does_no_harm(client: FakeClient) -> None:
    with client.run("feature", "user-1") as run:
        run.tokens("many", None)  # type: ignore[arg-type]
        run.cost("much")  # type: ignore[arg-type]
        run.review("perhaps")
        run.say(nothing_known=1)  # type: ignore[call-arg]
    (outcome,) = client.outcomes
    assert (outcome["input_tokens"], outcome["cost_usd"], outcome["review"]) == (None, None, None)


def test_a_sum_with_a_part_that_is_no_amount_is_not_known(client: FakeClient) -> None:
    for part in (-1, float("nan"), "many", True, 10**400, Decimal("sNaN")):
        with client.run("feature", "user-1") as run:
            run.tokens(100, 20)
            run.cost(0.5)
            run.tokens(part)  # type: ignore[arg-type]
            run.cost(part)  # type: ignore[arg-type]
            run.cost(0.5)
        outcome = client.outcomes[-1]
        assert (outcome["input_tokens"], outcome["output_tokens"], outcome["cost_usd"]) == (None, 20, None)


def test_what_was_said_before_is_added_to_whatever_it_was(client: FakeClient) -> None:
    with client.run("feature", "user-1") as run:
        run.say(input_tokens="many", cost_usd=Decimal("0.25"))  # type: ignore[typeddict-item]
        run.tokens(5)
        run.cost(Decimal("0.5"))
    assert (client.outcomes[0]["input_tokens"], client.outcomes[0]["cost_usd"]) == (None, 0.75)


def test_a_feature_that_is_off_runs_too_and_says_so(client: FakeClient) -> None:
    with client.run("off", "user-1") as run:
        assert not run.enabled
        assert run.release == {}
    assert client.outcomes[0]["mode"] == "off"


def test_a_conversation_is_sampled_as_a_whole_and_single_answers_by_chance() -> None:
    value = freeze({"review": {"sample_rate": 0.5}})
    decision = Decision(feature="feature", mode="live", reason="STATIC", value=value)
    for name in ("a", "b", "c", "d"):
        runs = [Run(decision, lambda *_: None, conversation=name).needs_review() for _ in range(5)]
        assert len(set(runs)) == 1
    singles = [Run(decision, lambda *_: None).needs_review() for _ in range(400)]
    assert 120 < sum(singles) < 280
