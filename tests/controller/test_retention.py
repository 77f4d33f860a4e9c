from __future__ import annotations

from datetime import timedelta

import pytest

from controller.notices import deliver
from controller.retention import Retention
from controller.store.idempotency import Once
from stages import Mode
from tests.controller.tenant import ADA, Tenant

TABLES = ("readings", "outcomes", "outbox", "idempotency", "changes")


def counts(tenant: Tenant) -> dict[str, int]:
    return {table: int(str(tenant.ask_sql(f"SELECT count(*) FROM {table}")[0][0])) for table in TABLES}


def forget(tenant: Tenant, days: float = 30, quiet: float = 30) -> None:
    kept = timedelta(days=days), timedelta(days=quiet)
    Retention(tenant.parts.database, tenant.clock, kept[1], kept[0]).forget_old()


def test_what_is_old_is_forgotten_but_never_a_change(tenant: Tenant) -> None:
    tenant.beta()
    tenant.trigger()
    tenant.evaluate()
    tenant.report(3)
    tenant.move("disable", once=Once(ADA.name, "k", "b"))
    deliver(tenant.parts.database, tenant.clock())
    before = counts(tenant)
    assert all(before.values())
    tenant.clock.pass_(86_400)
    forget(tenant)
    assert counts(tenant) == before
    tenant.clock.pass_(1)
    forget(tenant)
    assert counts(tenant) == before | {"idempotency": 0}
    tenant.clock.pass_(30 * 86_400)
    forget(tenant)
    assert counts(tenant) == dict.fromkeys(TABLES, 0) | {"changes": before["changes"]}
    assert tenant.bad_rows() == []
    assert tenant.rollout().mode is Mode.OFF


def test_a_message_that_waits_is_never_forgotten(tenant: Tenant) -> None:
    waiting = counts(tenant)["outbox"]
    tenant.clock.pass_(3650 * 86_400)
    forget(tenant, days=1)
    assert counts(tenant)["outbox"] == waiting


def test_quiet_readings_go_before_those_that_tell_something(tenant: Tenant) -> None:
    tenant.beta()
    tenant.trigger(hold_s=10)
    tenant.evaluate()
    for grounded in (True, False, False, True):
        tenant.report(20, grounded=grounded)
        tenant.after(10)
    assert [reading.phase for reading in tenant.readings()] == [
        "quiet",
        "quiet",
        "pending",
        "firing",
        "firing",
    ]
    tenant.clock.pass_(2 * 86_400)
    forget(tenant, quiet=1)
    assert [reading.phase for reading in tenant.readings()] == ["pending", "firing", "firing"]


def test_more_than_goes_at_a_time_goes_all_the_same(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.retention._AT_A_TIME", 2)
    tenant.beta()
    for number in range(5):
        tenant.trigger(f"trigger-{number}")
    tenant.evaluate()
    tenant.clock.pass_(31 * 86_400)
    forget(tenant)
    assert counts(tenant)["readings"] == 0
