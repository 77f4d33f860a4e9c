"""Outcomes: what is sent, sent again, and given up."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from headgate import Decision
from headgate.outcomes import FIELDS, MAX_BATCH, OutcomeQueue, make_outcome
from headgate.transport import Transport
from hypothesis import given
from hypothesis import strategies as st

DECISION = Decision(feature="feature", mode="live", reason="SPLIT", release="r-7f3a12ab34cd")
FIELD_NAMES = [
    "id",
    "feature",
    "release",
    "at",
    "task",
    "mode",
    "latency_ms",
    "cost_usd",
    "input_tokens",
    "output_tokens",
    "grounded",
    "citations_valid",
    "sensitive_data",
    "review",
    "abandoned",
    "escalated",
    "error",
]


@pytest.fixture
def queue(server: Any) -> Iterator[OutcomeQueue]:
    running = OutcomeQueue(Transport(server.url, "key"), interval_s=0.01, capacity=2000)
    yield running
    running.close(1.0)


def outcome(n: int = 0) -> dict[str, Any]:
    return make_outcome(DECISION, {"latency_ms": n}, 0.0)


def ids(batch: list[dict[str, Any]]) -> list[str]:
    return [one["id"] for one in batch]


def test_an_outcome_has_exactly_the_agreed_fields() -> None:
    made = make_outcome(DECISION, {}, 1_700_000_000.5)
    assert sorted(made) == sorted(FIELD_NAMES)
    assert re.fullmatch(r"[0-9a-f]{32}", made["id"])
    assert made["at"] == "2023-11-14T22:13:20.500Z"
    assert [made[name] for name in FIELDS] == [None] * len(FIELDS)


@given(st.dictionaries(st.sampled_from(list(FIELDS)), st.from_type(object)))
def test_what_is_of_the_wrong_kind_counts_as_not_judged(said: dict[str, Any]) -> None:
    made = make_outcome(DECISION, said, 0.0)
    for name in ("grounded", "citations_valid", "sensitive_data", "abandoned", "escalated", "error"):
        assert made[name] is None or made[name] is said[name]
    assert made["review"] in (None, "accepted", "rejected")


@pytest.mark.parametrize(
    ("name", "given", "sent"),
    [
        ("latency_ms", 12.6, 13),
        ("latency_ms", -1, None),
        ("latency_ms", True, None),
        ("latency_ms", float("nan"), None),
        ("cost_usd", float("inf"), None),
        ("cost_usd", 10**400, None),
        ("input_tokens", 2**31 - 1, 2**31 - 1),
        ("output_tokens", 2**31, None),
        ("task", "t" * 63, "t" * 63),
        ("task", "t" * 64, None),
        ("cost_usd", 0.25, 0.25),
        ("grounded", 1, None),
        ("grounded", False, False),
        ("review", "maybe", None),
        ("review", [], None),
        ("task", 5, None),
        ("task", "cut \ud83d", None),
        ("cost_usd", Decimal("0.25"), 0.25),
        ("cost_usd", Decimal("NaN"), None),
        ("input_tokens", Fraction(7), 7),
    ],
)
def test_fields_are_checked_one_by_one(name: str, given: Any, sent: Any) -> None:
    assert make_outcome(DECISION, {name: given}, 0.0)[name] == sent


def test_batches_have_at_most_five_hundred_and_keep_the_order(server: Any, queue: OutcomeQueue) -> None:
    sent = [outcome(n) for n in range(1201)]
    for one in sent:
        queue.put(one)
    assert queue.flush(20)
    assert max(map(len, server.batches)) <= MAX_BATCH
    assert [one for batch in server.batches for one in ids(batch)] == ids(sent)


def test_after_a_failure_the_same_ids_are_sent_again(server: Any, queue: OutcomeQueue) -> None:
    answers = iter([(500, {}, b""), (401, {}, b""), (429, {"Retry-After": "0"}, b"")])
    server.outcomes = lambda body: next(answers, (202, {}, b"{}"))
    one = outcome()
    queue.put(one)
    # The back-off after a refused key is long; asking to flush tries at once.
    assert any(queue.flush(0.2) for _ in range(100))
    assert len(server.batches) == 4
    assert {tuple(ids(batch)) for batch in server.batches} == {(one["id"],)}
    assert queue.dropped == 0


def test_one_unacceptable_outcome_does_not_cost_the_others(server: Any, queue: OutcomeQueue) -> None:
    sent = [outcome(n) for n in range(9)]
    taken: list[str] = []

    def judge(body: Any) -> Any:
        if sent[4]["id"] in ids(body["outcomes"]):
            return 422, {}, b"{}"
        taken.extend(ids(body["outcomes"]))
        return 202, {}, b"{}"

    server.outcomes = judge
    for one in sent:
        queue.put(one)
    assert queue.flush(20)
    assert taken == ids(sent[:4] + sent[5:])
    assert queue.dropped == 1


def test_a_server_that_takes_none_at_all_is_not_hammered(server: Any) -> None:
    server.outcomes = lambda body: (400, {}, b"{}")
    queue = OutcomeQueue(Transport(server.url, "key"), interval_s=3600.0)
    for n in range(8):
        queue.put(outcome(n))
    waits = [queue.send_next() for _ in range(6)]
    assert waits[:4] == [0.0] * 4
    assert min(waits[4:]) > 1000
    assert queue.dropped == 3
    queue.close(0.0)


def test_what_cannot_be_written_costs_nothing_else(server: Any, queue: OutcomeQueue) -> None:
    queue.put({**outcome(), "feature": object()})
    queue.put(outcome())
    assert queue.flush(20)
    assert (queue.dropped, sum(map(len, server.batches))) == (1, 1)


def test_who_asks_to_be_left_alone_is_also_when_the_product_is_in_a_hurry(server: Any) -> None:
    server.outcomes = lambda body: (429, {"Retry-After": "60"}, b"")
    queue = OutcomeQueue(Transport(server.url, "key"), interval_s=3600.0)
    queue.put(outcome())
    assert not queue.flush(0.2)
    server.wait_for(lambda: server.batches)
    assert not any(queue.flush(0.01) for _ in range(20))
    queue.close(20)
    assert (len(server.batches), queue.dropped) == (1, 1)


def refusing(server: Any, judge: Any) -> list[dict[str, Any]]:
    """Let the server refuse a batch as Headgate does, naming each wrong field; returns what it takes."""
    taken: list[dict[str, Any]] = []

    def answer(body: Any) -> Any:
        places = enumerate(body["outcomes"])
        errors = [
            {"field": f"outcomes.{place}{field}", "message": "wrong"}
            for place, one in places
            for field in judge(one)
        ]
        if errors:
            return 422, {}, json.dumps({"errors": errors}).encode()
        taken.extend(body["outcomes"])
        return 202, {}, b"{}"

    server.outcomes = answer
    return taken


def test_what_the_server_names_as_wrong_is_left_out_at_once(
    server: Any, queue: OutcomeQueue, caplog: Any
) -> None:
    sent = [outcome(n) for n in range(400)]
    useless, unjudged = {one["id"] for one in sent[::2]}, {one["id"] for one in sent[1::4]}

    def judge(one: Any) -> list[str]:
        too_long = [".latency_ms"] if one["id"] in unjudged and one["latency_ms"] is not None else []
        return [".feature"] if one["id"] in useless else too_long

    taken = refusing(server, judge)
    with caplog.at_level("WARNING", "headgate"):
        for one in sent:
            queue.put(one)
        assert queue.flush(20)
    assert ids(taken) == ids(sent[1::2])
    assert all((one["latency_ms"] is None) is (one["id"] in unjudged) for one in taken)
    assert queue.dropped == 200
    assert len(server.batches) < 10
    assert caplog.messages[0].count("feature: wrong") == 1
    assert len(caplog.messages) < 5


@pytest.mark.parametrize("field", ["", ".0.feature", ".99", ".x.feature", ".0.no-such.field", ".0.task"])
def test_a_refusal_that_names_nothing_of_use_ends_too(server: Any, queue: OutcomeQueue, field: str) -> None:
    errors = json.dumps({"errors": [{"field": f"outcomes{field}", "message": "wrong"}]}).encode()
    server.outcomes = lambda _body: (422, {}, errors)
    for n in range(9):
        queue.put(outcome(n))
    assert queue.flush(20)
    assert queue.dropped == 9


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"errors": 5}', b'{"errors": [{}]}', b"\xff"])
def test_a_refusal_that_cannot_be_read_ends_too(server: Any, queue: OutcomeQueue, body: bytes) -> None:
    server.outcomes = lambda _body: (400, {}, body)
    for n in range(3):
        queue.put(outcome(n))
    assert queue.flush(20)
    assert queue.dropped == 3


@pytest.fixture
def no_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The queue's thread cannot be started until this is undone."""
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "headgate-outcomes":
            raise RuntimeError("can't start new thread at interpreter shutdown")
        start(thread)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        yield patched


def test_where_no_thread_can_be_started_outcomes_wait_and_nobody_waits_for_them(
    server: Any, no_thread: pytest.MonkeyPatch
) -> None:
    queue = OutcomeQueue(Transport(server.url, "key"), interval_s=0.01)
    sent = [outcome(n) for n in range(2)]
    queue.put(sent[0])
    assert not queue.flush(600)
    no_thread.undo()
    queue.put(sent[1])
    assert queue.flush(20)
    assert ids(server.batches[0]) == ids(sent)
    assert queue.dropped == 0
    queue.close(1.0)


@pytest.mark.usefixtures("no_thread")
@pytest.mark.parametrize(("status", "dropped", "asked"), [(202, 0, 2), (503, 700, 1)])
def test_where_no_thread_can_be_started_who_closes_sends(
    server: Any, status: int, dropped: int, asked: int
) -> None:
    server.outcomes = lambda _body: (status, {}, b"{}")
    queue = OutcomeQueue(Transport(server.url, "key"))
    for n in range(700):
        queue.put(outcome(n))
    queue.close(20)
    assert (queue.dropped, len(server.batches)) == (dropped, asked)


def test_when_it_is_full_the_oldest_are_dropped_and_counted(server: Any) -> None:
    queue = OutcomeQueue(Transport(server.url, "key"), capacity=3, interval_s=3600.0)
    sent = [outcome(n) for n in range(5)]
    for one in sent:
        queue.put(one)
    assert queue.dropped == 2
    assert queue.flush(20)
    assert ids(server.batches[0]) == ids(sent[2:])
    queue.close(1.0)


def test_what_is_left_at_close_is_counted() -> None:
    queue = OutcomeQueue(Transport("http://127.0.0.1:1", "key"), interval_s=0.01)
    queue.put(outcome())
    queue.close(0.05)
    assert queue.dropped == 1
    assert queue.flush(0.0)


def test_flushing_nothing_succeeds_at_once(queue: OutcomeQueue) -> None:
    assert queue.flush(0.0)
