from __future__ import annotations

import json
import logging

import pytest

from controller import notices
from controller.notices import deliver
from controller.notices.log import write_log
from controller.store.outbox import Message, anything_waits, put
from tests.conftest import START
from tests.controller.tenant import Tenant


def waits(tenant: Tenant) -> bool:
    with tenant.parts.database.read() as tx:
        return anything_waits(tx)


def test_each_message_is_told_once_and_in_order(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Message] = []
    monkeypatch.setitem(notices.EVERYTHING, "list", told.append)  # type: ignore[arg-type]
    tenant.beta()
    for _ in range(3):
        deliver(tenant.parts.database, tenant.clock())
    assert not waits(tenant)
    assert [message.payload["seq"] for message in told] == [change.seq for change in tenant.changes()]
    assert told[0].event == "change.project.create"
    assert told[0].created_at == START


def test_a_channel_that_fails_leaves_the_messages_waiting(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Message) -> None:
        raise ConnectionError

    with monkeypatch.context() as failing:
        failing.setitem(notices.EVERYTHING, "list", fail)  # type: ignore[arg-type]
        with pytest.raises(ConnectionError):
            deliver(tenant.parts.database, tenant.clock())
    assert waits(tenant)
    deliver(tenant.parts.database, tenant.clock())
    assert not waits(tenant)


def test_many_messages_are_delivered_a_hundred_at_a_time(tenant: Tenant) -> None:
    with tenant.parts.database.write() as tx:
        for number in range(150):
            put(tx, 1, "note", {"n": number}, tenant.clock())
    deliver(tenant.parts.database, tenant.clock())
    assert waits(tenant)
    deliver(tenant.parts.database, tenant.clock())
    assert not waits(tenant)


def test_two_who_deliver_at_the_same_time_share_the_messages(make_tenant, postgres_url: str) -> None:
    from controller.store.outbox import take

    tenant = make_tenant(postgres_url)
    with tenant.parts.database.write() as tx:
        for number in range(6):
            put(tx, 1, "note", {"n": number}, tenant.clock())
    with tenant.parts.database.write() as first, tenant.parts.database.write() as second:
        mine, theirs = take(first, tenant.clock(), limit=4), take(second, tenant.clock(), limit=100)
    assert len(mine) == 4
    assert not {message.id for message in mine} & {message.id for message in theirs}
    assert not waits(tenant)


def test_nothing_in_a_message_breaks_out_of_its_line(caplog: pytest.LogCaptureFixture) -> None:
    payload = {"reason": 'a\nb\x1b[31m\u202e"} forged', "é": "ü"}
    with caplog.at_level(logging.INFO, "headgate.notices"):
        write_log(Message(id=1, project_id=1, event="note", payload=payload, created_at=START))
    [line] = caplog.messages
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line.removeprefix("note ")) == payload
