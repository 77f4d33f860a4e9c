from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest

from controller.plain_flags import Place
from controller.rollouts import locate_environment
from controller.store.database import Database, DatabaseUnavailable
from controller.store.flag_counts import counted_since, uses_since
from controller.store.instances import Instance, instances_in, revision_times
from tests.controller.tenant import ADA, Tenant


def environment(tenant: Tenant) -> int:
    with tenant.parts.database.read() as tx:
        return locate_environment(tx, "acme", "production").id


def receipt(tenant: Tenant, revision: int | None = 5, instance: str = "", **rest: Any) -> dict[str, Any]:
    known = {"sdk": "headgate-python/1", "app": "shop", "app_version": "7", "etag": f"{revision}-x"}
    said = {"instance": instance or str(uuid.uuid4()), "revision": revision, "applied_at": tenant.clock()}
    return {**known, **said, "evaluations": {}, **rest}


def take(tenant: Tenant, *receipts: dict[str, Any]) -> None:
    for one in receipts:
        tenant.parts.receipts.take(environment(tenant), one)
    tenant.parts.receipts.flush()


def seen(tenant: Tenant) -> list[Instance]:
    with tenant.parts.database.read() as tx:
        return instances_in(tx, environment(tenant))


def counts(tenant: Tenant) -> dict[str, dict[str, int]]:
    with tenant.parts.database.read() as tx:
        found = uses_since(tx, environment(tenant), tenant.clock() - timedelta(days=365))
    return {flag: {name: use.count for name, use in uses.items()} for flag, uses in found.items()}


def test_an_instance_is_seen_and_seen_again(tenant: Tenant) -> None:
    first = receipt(tenant)
    take(tenant, first)
    began = tenant.clock()
    tenant.clock.pass_(60)
    take(tenant, {**first, "applied_at": tenant.clock()})
    [one] = seen(tenant)
    assert (one.first_seen_at, one.told_at, one.applied_at, one.seen_at) == (
        began,
        began,
        began,
        tenant.clock(),
    )
    tenant.clock.pass_(1)
    take(tenant, {**first, "revision": 6, "applied_at": tenant.clock() - timedelta(seconds=0.1)})
    [one] = seen(tenant)
    assert (one.revision, one.first_seen_at, one.told_at) == (6, began, tenant.clock())
    assert one.applied_at == tenant.clock() - timedelta(seconds=0.1)


def test_receipts_that_wait_together_are_written_as_if_one_by_one(tenant: Tenant) -> None:
    first, began = receipt(tenant, instance="a"), tenant.clock()
    tenant.parts.receipts.take(environment(tenant), first)
    tenant.clock.pass_(0.2)
    tenant.parts.receipts.take(environment(tenant), {**first, "applied_at": tenant.clock()})
    tenant.clock.pass_(0.2)
    tenant.parts.receipts.take(environment(tenant), receipt(tenant, None, "b"))
    tenant.parts.receipts.flush()
    [one, other] = seen(tenant)
    assert (one.applied_at, one.told_at, one.seen_at) == (began, began, began + timedelta(seconds=0.2))
    assert other.revision is None


def test_instances_are_forgotten_after_a_day_and_the_times_of_revisions_too(tenant: Tenant) -> None:
    for value in (1, 2):
        content = {"state": "ENABLED", "variants": {"a": value}}
        tenant.parts.plain_flags.set(Place("acme", "production"), "banner", content, ADA, "")
    take(tenant, receipt(tenant))
    with tenant.parts.database.read() as tx:
        assert list(revision_times(tx, environment(tenant))) == [2, 3]
    tenant.clock.pass_(86_401)
    take(tenant, receipt(tenant))
    assert [one.seen_at for one in seen(tenant)] == [tenant.clock()]
    with tenant.parts.database.read() as tx:
        assert list(revision_times(tx, environment(tenant))) == [3]


def test_an_environment_knows_so_many_instances_and_no_more(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.store.instances.MAX_INSTANCES", 3)
    for number in range(5):
        tenant.clock.pass_(1)
        tenant.parts.receipts.take(environment(tenant), receipt(tenant, instance=f"i-{number}"))
    tenant.parts.receipts.flush()
    assert [one.instance for one in seen(tenant)] == ["i-2", "i-3", "i-4"]


def test_evaluations_are_added_up_by_day(tenant: Tenant) -> None:
    tenant.feature("claims")
    asked = {"claims": {"stable": 3, "default": 1}, "claims.enabled": {"on": 2}}
    take(tenant, receipt(tenant, evaluations=asked), receipt(tenant, evaluations=asked))
    tenant.clock.pass_(86_400)
    take(tenant, receipt(tenant, evaluations={"claims": {"stable": 4}}))
    assert counts(tenant) == {"claims": {"stable": 10, "default": 2}, "claims.enabled": {"on": 4}}
    assert tenant.ask_sql("SELECT count(*) FROM flag_counts") == [(4,)]
    with tenant.parts.database.read() as tx:
        assert counted_since(tx, environment(tenant)) == tenant.clock().replace(hour=0) - timedelta(days=1)


def test_who_asks_for_flags_that_are_not_there_fills_no_table(tenant: Tenant) -> None:
    tenant.feature("claims")
    odd = {"nobody": {"on": 1}, "claims": {f"v{n}": 1 for n in range(50)}, "claims\x00": {"\x00": 1}}
    take(tenant, receipt(tenant, evaluations=odd))
    assert counts(tenant) == {"claims": {"(other)": 50}}


def test_it_is_still_counted_who_asks_for_a_deleted_flag(tenant: Tenant) -> None:
    here, content = Place("acme", "production"), {"state": "ENABLED", "variants": {"on": True}}
    tenant.parts.plain_flags.set(here, "banner", content, ADA, "")
    tenant.parts.plain_flags.delete(here, "banner", ADA, "done")
    take(tenant, receipt(tenant, evaluations={"banner": {"default": 7}}))
    assert counts(tenant) == {"banner": {"default": 7}}


def test_what_cannot_be_written_waits(small: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    small.feature("claims")
    here = environment(small)
    one = receipt(small, evaluations={"claims": {"stable": 1}})
    with monkeypatch.context() as patched:

        def away(_: Database) -> None:
            raise DatabaseUnavailable

        patched.setattr(Database, "write", away)
        small.parts.receipts.take(here, one)
        with pytest.raises(DatabaseUnavailable):
            small.parts.receipts.flush()
    take(small, receipt(small, evaluations={"claims": {"stable": 1}}))
    assert len(seen(small)) == 2
    assert counts(small) == {"claims": {"stable": 2}}


def test_receipts_of_many_threads_are_all_counted(small: Tenant) -> None:
    small.feature("claims")
    here, receipts = environment(small), small.parts.receipts

    def report() -> None:
        for _ in range(25):
            receipts.take(here, receipt(small, evaluations={"claims": {"stable": 1}}))
            receipts.flush()

    threads = [threading.Thread(target=report) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen(small)) == 100
    assert counts(small) == {"claims": {"stable": 100}}


def test_ticks_write_receipts(small: Tenant) -> None:
    small.parts.receipts.take(environment(small), receipt(small))
    small.tick()
    assert len(seen(small)) == 1
