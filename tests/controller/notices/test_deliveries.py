from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from controller.notices import deliver
from controller.notices.deliveries import Deliveries
from controller.store.deliveries import (
    Delivery,
    DeliveryStatus,
    claim_delivery,
    claimed_delivery,
    settle_delivery,
)
from controller.store.outbox import put
from tests.controller.tenant import ADA, PATIENCE_S, Tenant
from tests.controller.watching import bad
from tests.endpoint import Endpoint, hanging, replying, serving
from triggers import Action, Rung


@dataclass
class Told:
    """A project with a destination that listens."""

    tenant: Tenant
    endpoint: Endpoint

    def connect(self, key: str = "pager", *events: str, **settings: Any) -> None:
        settings = {"url": f"{self.endpoint.url}/{key}", "secret": "env:HOOK"} | settings
        self.tenant.parts.notices.connect("acme", key, "webhook", settings, events or ("note",), ADA)

    def say(self, *notes: int, destination: str = "") -> None:
        with self.tenant.parts.database.write() as tx:
            for number in notes:
                put(tx, 1, "note", {"n": number}, self.tenant.clock(), destination=destination)

    def work(self, seconds: float = 0) -> None:
        self.tenant.clock.pass_(seconds)
        deliver(self.tenant.parts.database, self.tenant.clock())
        self.tenant.parts.deliveries.run()
        assert self.tenant.parts.deliveries.join(PATIENCE_S)

    def sent(self, key: str = "pager") -> list[Delivery]:
        return self.tenant.parts.notices.sent("acme", key, status=None, before=None, limit=100)[::-1]

    @property
    def heard(self) -> list[tuple[str, int]]:
        return [
            (call.headers["webhook-id"], json.loads(call.body)["data"]["n"]) for call in self.endpoint.calls
        ]


@pytest.fixture
def patterns(monkeypatch: pytest.MonkeyPatch) -> None:
    from controller.notices import events

    monkeypatch.setattr(events, "EVENTS", {**events.EVENTS, "note": "a test"})


@pytest.fixture
def make_told(make_tenant: Any, patterns: None) -> Iterator[Any]:
    with serving(replying(200)) as endpoint:

        def make(url: str) -> Told:
            secrets = {"HEADGATE_SECRET_HOOK": f"{endpoint.url} a-secret-of-tests"}
            return Told(make_tenant(url, outbound_secrets=secrets), endpoint)

        yield make


@pytest.fixture
def both(make_told: Any, database_url: str) -> Told:
    return make_told(database_url)


@pytest.fixture
def told(make_told: Any, sqlite_url: str) -> Told:
    return make_told(sqlite_url)


def test_what_is_asked_for_arrives_once_and_in_order(both: Told) -> None:
    both.connect()
    both.connect("other", "trigger.*")
    both.say(1, 2)
    for _ in range(3):
        both.work()
    assert [n for _, n in both.heard] == [1, 2]
    assert [(one.status, one.attempts, one.message) for one in both.sent()] == [("delivered", 1, "")] * 2
    assert both.sent("other") == []


def test_one_that_is_named_is_told_whatever_it_asks_for(told: Told) -> None:
    told.connect("pager", "trigger.*")
    told.say(1, destination="pager")
    told.work()
    assert [n for _, n in told.heard] == [1]


def test_a_failure_is_tried_again_under_the_same_id_later_and_later(both: Told) -> None:
    both.connect()
    both.endpoint.behaviour = replying(503)
    both.say(1)
    waits = []
    for _ in range(4):
        both.work()
        [one] = both.sent()
        assert (one.status, one.message) == ("waiting", "it answered with 503")
        waits.append((one.due_at - both.tenant.clock()).total_seconds())
        both.work(waits[-1] - 0.001)
        assert both.sent()[0].attempts == len(waits)
        both.tenant.clock.pass_(0.002)
    assert waits == sorted(waits)
    both.endpoint.behaviour = replying(200)
    both.work()
    assert both.sent()[0].status == "delivered"
    assert len(set(both.heard)) == 1
    assert len(both.heard) == 5


def test_a_destination_that_asks_to_wait_is_left_alone(told: Told) -> None:
    told.connect()
    told.endpoint.behaviour = replying(429, headers={"Retry-After": "600"})
    told.say(1)
    told.work()
    told.work(599)
    assert len(told.heard) == 1
    told.endpoint.behaviour = replying(200)
    told.work(1)
    assert told.sent()[0].status == "delivered"


def test_after_a_day_it_is_given_up_which_is_seen_and_a_person_sends_it_again(told: Told) -> None:
    told.connect()
    told.endpoint.behaviour = replying(500)
    told.say(1)
    told.work()
    while told.sent()[0].status == "waiting":
        told.tenant.clock.time = told.sent()[0].due_at
        told.work()
    [one] = told.sent()
    assert (one.status, one.message) == ("given_up", "it answered with 500")
    assert 86_000 > (told.tenant.clock() - one.added_at).total_seconds() > 80_000
    told.endpoint.behaviour = replying(200)
    told.work(1000)
    assert told.sent()[0].status == "given_up"
    told.tenant.parts.notices.send_again("acme", "pager", one.id)
    told.work()
    assert told.sent()[0].status == "delivered"
    assert len(set(told.heard)) == 1


def test_one_that_is_gone_is_not_asked_again(told: Told) -> None:
    told.connect()
    told.endpoint.behaviour = replying(410)
    told.say(1)
    told.work()
    assert told.sent()[0].status == "given_up"


def test_one_that_hangs_keeps_no_other_one_waiting(told: Told, make_tenant: Any) -> None:
    told.connect()
    parts = told.tenant.parts
    with serving(hanging) as stuck:
        told.tenant.sql(
            "INSERT INTO destinations (project_id, key, kind, settings, events, created_at) "
            "SELECT project_id, 'stuck', kind, settings, events, created_at FROM destinations"
        )
        told.say(1, 2, 3)
        deliver(parts.database, told.tenant.clock())
        original = parts.deliveries.channel

        def channel(destination: Any) -> Any:
            found = original(destination)
            if destination.key == "stuck":
                object.__setattr__(found, "url", stuck.url)
            return found

        parts.deliveries.channel = channel  # type: ignore[method-assign]
        parts.deliveries.run()
        while len(told.heard) < 3:
            stuck.stopping.wait(0.01)
    assert parts.deliveries.join(PATIENCE_S)


def test_a_worker_killed_before_it_sent_is_made_up_for_when_its_lease_is_over(both: Told) -> None:
    both.connect()
    both.say(1)
    deliver(both.tenant.parts.database, both.tenant.clock())
    claim_of_the_dead(both)
    both.work(29)
    assert both.heard == []
    both.work(1)
    assert [n for _, n in both.heard] == [1]


def test_a_worker_killed_after_it_sent_is_made_up_for_under_the_same_id(both: Told) -> None:
    both.connect()
    both.say(1)
    deliver(both.tenant.parts.database, both.tenant.clock())
    claim = claim_of_the_dead(both)
    with both.tenant.parts.database.read() as tx:
        delivery = claimed_delivery(tx, claim)
    assert delivery is not None
    from controller.notices.deliveries import _notice

    notice = _notice(delivery, "")
    both.tenant.parts.deliveries.channel(delivery.destination).send(notice, both.tenant.clock(), 5)
    both.work(30)
    assert len(both.heard) == 2
    assert len(set(both.heard)) == 1
    with both.tenant.parts.database.write() as tx:
        assert not settle_delivery(
            tx,
            claim,
            DeliveryStatus.GIVEN_UP,
            message="late",
            attempts=9,
            due_at=None,
            now=both.tenant.clock(),
        )
    assert (both.sent()[0].status, both.sent()[0].attempts) == ("delivered", 1)


def claim_of_the_dead(told: Told) -> Any:
    with told.tenant.parts.database.write() as tx:
        [id] = [row[0] for row in tx.exec_driver_sql("SELECT id FROM destinations")]
        claim = claim_delivery(tx, id, told.tenant.clock(), 30)
        assert claim is not None
        assert claim_delivery(tx, id, told.tenant.clock(), 30) is None
    return claim


def test_two_workers_share_what_waits(make_told: Any, postgres_url: str) -> None:
    told = make_told(postgres_url)
    told.connect()
    told.say(*range(20))
    parts = told.tenant.parts
    deliver(parts.database, told.tenant.clock())
    other = Deliveries(
        parts.database,
        parts.notices.outbound,
        parts.notices.secrets,
        lease_s=60,
        deadline_s=5,
        now=told.tenant.clock,
    )
    for worker in (parts.deliveries, other):
        worker.run()
    for worker in (parts.deliveries, other):
        assert worker.join(PATIENCE_S)
    assert sorted(n for _, n in told.heard) == list(range(20))


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        ("UPDATE destinations SET kind = 'pigeon'", "'pigeon' is not a kind of destination"),
        ("UPDATE destinations SET settings = '{}'", "url: is missing"),
    ],
)
def test_one_that_cannot_be_used_any_more_says_so(told: Told, damage: str, why: str) -> None:
    told.connect()
    told.tenant.sql(damage)
    told.say(1)
    told.work()
    assert why in told.sent()[0].message
    assert told.sent()[0].status == "waiting"


def test_a_channel_that_breaks_its_promise_is_tried_again_after_a_pause(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    from controller.notices.webhook import Webhook

    def fail(*_: object) -> None:
        raise RuntimeError

    told.connect()
    told.say(1)
    with monkeypatch.context() as failing:
        failing.setattr(Webhook, "send", fail)
        told.work()
    assert (told.sent()[0].status, told.sent()[0].message) == ("waiting", "the channel failed: RuntimeError")


def test_one_that_is_disconnected_is_told_nothing_more(told: Told) -> None:
    told.connect()
    told.say(1)
    deliver(told.tenant.parts.database, told.tenant.clock())
    told.tenant.parts.notices.disconnect("acme", "pager", ADA)
    told.work()
    assert told.heard == []


def test_what_a_trigger_did_is_told_with_what_became_of_it(told: Told) -> None:
    told.connect("pager", "trigger.*", "action.*", "promotion.*")
    told.tenant.beta()
    told.tenant.trigger("unsupported", Rung(Action.REVERT), Rung(Action.REVIEW, 60))
    told.tenant.evaluate()
    bad(told.tenant)
    told.work()
    contents = [json.loads(call.body) for call in told.endpoint.calls]
    assert [content["type"] for content in contents] == [
        "promotion.requested",
        "promotion.applied",
        "action.done",
        "trigger.fired",
    ]
    actions = contents[2]["data"]["actions"]
    assert [one["action"] for one in actions] == ["revert", "review"]
