from __future__ import annotations

from datetime import timedelta

from controller.notices import deliver
from controller.retention import forget_old
from controller.store.idempotency import Once
from stages import Mode
from tests.controller.tenant import ADA, Tenant

TABLES = ("readings", "outcomes", "outbox", "idempotency", "changes")


def counts(tenant: Tenant) -> dict[str, int]:
    return {table: int(str(tenant.ask_sql(f"SELECT count(*) FROM {table}")[0][0])) for table in TABLES}


def test_what_is_old_is_forgotten_but_never_a_change(tenant: Tenant) -> None:
    tenant.beta()
    tenant.trigger()
    tenant.evaluate()
    tenant.report(3)
    tenant.move("disable", once=Once(ADA.name, "k", "b"))
    deliver(tenant.parts.database, tenant.clock())
    before = counts(tenant)
    assert all(before.values())
    kept = timedelta(days=30)
    tenant.clock.pass_(86_400)
    forget_old(tenant.parts.database, tenant.clock(), kept)
    assert counts(tenant) == before
    tenant.clock.pass_(1)
    forget_old(tenant.parts.database, tenant.clock(), kept)
    assert counts(tenant) == before | {"idempotency": 0}
    tenant.clock.pass_(30 * 86_400)
    forget_old(tenant.parts.database, tenant.clock(), kept)
    assert counts(tenant) == dict.fromkeys(TABLES, 0) | {"changes": before["changes"]}
    assert tenant.bad_rows() == []
    assert tenant.rollout().mode is Mode.OFF


def test_a_message_that_waits_is_never_forgotten(tenant: Tenant) -> None:
    waiting = counts(tenant)["outbox"]
    tenant.clock.pass_(3650 * 86_400)
    forget_old(tenant.parts.database, tenant.clock(), timedelta(days=1))
    assert counts(tenant)["outbox"] == waiting
