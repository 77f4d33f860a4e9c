"""Receipts: which instance runs which flags, and how often they were asked for."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from headgate import Client
from headgate.current import Current
from headgate.receipts import COALESCE_S, HEARTBEAT_S, Receipts
from headgate.tallies import MAX_COUNTED, MAX_TAKEN, MAX_TALLIES, MAX_VARIANTS, Tallies
from headgate.transport import SDK, Transport

KEY = "hg_server_1_secret"


class Bench:
    """Receipts beside flags, on a clock that the test moves."""

    def __init__(self, url: str) -> None:
        self.now = 1000.0
        self.tallies = Tallies()
        self.current = Current(tallies=self.tallies, monotonic=lambda: self.now)
        self.receipts = Receipts(
            Transport(url, KEY),
            self.current,
            self.tallies,
            app="claims",
            app_version="3.1",
            clock=lambda: 1_700_000_000.5,
            monotonic=lambda: self.now,
            draw=lambda: 0.5,
        )

    def use(self, document: Any) -> None:
        revision = str(document["metadata"]["revision"])
        self.current.replace(json.dumps(document).encode(), revision, self.now)
        self.receipts.applied()

    def pass_until_due(self) -> None:
        self.now += self.receipts.step()
        self.receipts.step()

    def ask(self, flag: str, times: int = 1) -> None:
        assert self.current.view is not None
        for _ in range(times):
            self.current.view.find(flag, {"targetingKey": "user-1"}).tally.count += 1


@pytest.fixture
def bench(server: Any) -> Bench:
    return Bench(server.url)


def test_a_receipt_says_who_runs_what_since_when(server: Any, bench: Bench, document: Any) -> None:
    assert bench.receipts.step() == HEARTBEAT_S
    bench.use(document(revision=7))
    assert bench.receipts.step() == pytest.approx(COALESCE_S / 2)
    assert server.receipts == []
    bench.pass_until_due()
    (receipt,) = server.receipts
    assert re.fullmatch(r"[0-9a-f-]{36}", receipt.pop("instance"))
    assert receipt == {
        "revision": 7,
        "etag": "7",
        "sdk": SDK,
        "app": "claims",
        "app_version": "3.1",
        "applied_at": "2023-11-14T22:13:20.500Z",
        "evaluations": {},
    }
    assert re.fullmatch(r"headgate-python/\d+\.\d+\.\d+", SDK)


def test_revisions_that_follow_closely_are_told_together(server: Any, bench: Bench, document: Any) -> None:
    for revision in range(1, 6):
        bench.use(document(revision=revision))
        bench.receipts.step()
    bench.pass_until_due()
    assert [receipt["revision"] for receipt in server.receipts] == [5]


def test_every_minute_it_says_that_it_is_still_there(server: Any, bench: Bench, document: Any) -> None:
    bench.use(document())
    bench.pass_until_due()
    assert 0.9 * HEARTBEAT_S <= bench.receipts.step() <= 1.1 * HEARTBEAT_S
    bench.pass_until_due()
    assert [receipt["revision"] for receipt in server.receipts] == [1, 1]


def test_lookups_are_counted_once_by_flag_and_variant(server: Any, bench: Bench, document: Any) -> None:
    bench.use(document(revision=1))
    bench.ask("feature", 3)
    bench.ask("disabled")
    bench.ask("absent")
    bench.ask("broken")
    bench.pass_until_due()
    bench.use(document(revision=2))
    bench.ask("feature", 2)
    bench.pass_until_due()
    assert [receipt["evaluations"] for receipt in server.receipts] == [
        {"feature": {"stable": 3}, "disabled": {"default": 1}},
        {"feature": {"stable": 2}},
    ]


def test_what_was_not_delivered_is_counted_in_the_next_one_and_nobody_is_hammered(
    server: Any, bench: Bench, document: Any
) -> None:
    server.receipt_status = 500
    bench.use(document(revision=1))
    bench.ask("feature")
    bench.pass_until_due()
    waits = []
    for _ in range(4):
        waits.append(bench.receipts.step())
        bench.pass_until_due()
    assert waits == sorted(waits)
    # A new revision does not break the wait.
    bench.use(document(revision=2))
    assert bench.receipts.step() > 5
    server.receipt_status = 204
    bench.pass_until_due()
    assert server.receipts[-1]["evaluations"] == {"feature": {"stable": 1}}
    assert server.receipts[-1]["revision"] == 2


@pytest.mark.parametrize("status", [401, 404, 422])
def test_a_server_that_does_not_want_them_is_asked_seldom(
    server: Any, bench: Bench, document: Any, status: int, caplog: Any
) -> None:
    server.receipt_status = status
    bench.use(document())
    for _ in range(2):
        bench.pass_until_due()
        assert bench.receipts.step() >= 15
    assert len(caplog.messages) == (1 if status == 422 else 0)


def test_the_number_of_counters_is_bounded() -> None:
    tallies = Tallies()
    for number in range(MAX_TALLIES + 10):
        tallies.of(f"flag-{number}", "on").count += 1
    told = 0
    while found := tallies.take()[0]:
        told += len(found)
        assert len(found) <= MAX_TAKEN
        tallies.settle(tallies.take()[1])
    assert told == MAX_TALLIES


def test_what_is_more_than_one_receipt_may_hold_comes_with_the_next() -> None:
    tallies = Tallies()
    tallies.of("hot", "on").count = 2 * MAX_COUNTED + 5
    for number in range(MAX_VARIANTS + 5):
        tallies.of("wide", f"v-{number}").count = 1
    told = []
    for _ in range(3):
        counts, seen = tallies.take()
        tallies.settle(seen)
        told.append((counts["hot"]["on"], len(counts.get("wide", ()))))
    assert told == [(MAX_COUNTED, MAX_VARIANTS), (MAX_COUNTED, 5), (5, 0)]


def test_a_client_sends_a_receipt_for_what_it_was_streamed(server: Any, document: Any) -> None:
    server.stream_document(document(revision=3))
    with Client(server.url, KEY, app="claims") as client:
        assert client.wait_until_ready(20)
        server.wait_for(lambda: server.receipts)
        assert (server.receipts[0]["revision"], server.receipts[0]["app"]) == (3, "claims")
        server.streams[0].patch(3, document("off", revision=4), "feature")
        server.wait_for(lambda: server.receipts[-1]["revision"] == 4)
        assert client.decide("feature", "user-1").mode == "off"
