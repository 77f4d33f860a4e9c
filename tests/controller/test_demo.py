from __future__ import annotations

import json
import logging
import uuid
from typing import Any

import pytest
from sqlalchemy import func, select

from controller.delivery.memory import Memory
from controller.demo import ACTS, ENVIRONMENT, PROJECT, find_demo
from controller.errors import Conflict, NotFound
from controller.rollouts import Where, locate, locate_environment
from controller.store.changes import verify
from controller.store.keys import KeyKind
from controller.store.tables import metadata
from controller.store.tables.core import outcomes
from stages import Mode, Stage
from tests.conftest import SECRET
from tests.controller.tenant import ADA, BOB, Tenant


def rows(tenant: Tenant) -> dict[str, int]:
    """How many rows each table has."""
    with tenant.parts.database.read() as tx:
        return {
            table.name: tx.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }


def receipt(tenant: Tenant) -> dict[str, Any]:
    said = {"instance": str(uuid.uuid4()), "revision": 1, "etag": "1-x", "applied_at": tenant.clock()}
    return {**said, "sdk": "", "app": "", "app_version": "", "evaluations": {"reply-drafts": {"off": 1}}}


def test_the_demo_has_features_in_every_stage_and_goes_without_a_trace(
    tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    parts, before = tenant.parts, rows(tenant)
    parts.demo.load(ADA)
    with parts.database.read() as tx:
        found = {act.key: locate(tx, Where(PROJECT, ENVIRONMENT, act.key)).rollout for act in ACTS}
        assert {rollout.stage for rollout in found.values()} == set(Stage)
        assert {row.task for row in tx.execute(select(outcomes.c.task))} == {"demo"}
        assert list(verify(tx)) == []
    tenant.clock.pass_(60)
    tenant.tick()
    with parts.database.read() as tx:
        assert locate(tx, Where(PROJECT, ENVIRONMENT, "help-search")).rollout.mode is Mode.REVIEW
        assert locate(tx, Where(PROJECT, ENVIRONMENT, "reply-drafts")).rollout.mode is Mode.LIVE

    with caplog.at_level(logging.WARNING):
        parts.demo.remove(BOB)
    assert "the demo project was removed by user:bob" in caplog.text
    assert rows(tenant) == before
    with parts.database.read() as tx:
        assert list(verify(tx)) == []
        assert find_demo(tx) is None
    parts.demo.load(ADA)
    with pytest.raises(Conflict, match="already"):
        parts.demo.load(ADA)


def test_a_project_of_somebodys_own_is_no_demo_and_stays(small: Tenant) -> None:
    small.parts.catalog.make_project(PROJECT, "Our demos", "", ADA)
    with pytest.raises(Conflict, match="already"):
        small.parts.demo.load(ADA)
    with pytest.raises(Conflict, match="not loaded as a demo"):
        small.parts.demo.remove(ADA)
    with small.parts.database.read() as tx:
        assert find_demo(tx) is None


def test_without_a_demo_there_is_nothing_to_remove(small: Tenant) -> None:
    with pytest.raises(NotFound):
        small.parts.demo.remove(ADA)


def test_nothing_in_memory_outlives_the_demo(small: Tenant) -> None:
    """SQLite gives the ids of what was removed to what comes next."""
    parts = small.parts
    parts.demo.load(ADA)
    memory = Memory(parts.database, parts.snapshots, SECRET, small.clock)
    _, text = parts.catalog.make_key(PROJECT, KeyKind.SERVER, "try", ENVIRONMENT, ADA)
    memory.refresh()
    lock = memory.key(text)
    assert lock is not None
    gone = lock.environment_id
    assert gone is not None
    assert memory.served(gone) is not None
    with parts.database.read() as tx:
        revision = locate_environment(tx, PROJECT, ENVIRONMENT).revision
    parts.receipts.take(gone, receipt(small))
    parts.demo.remove(ADA)

    parts.receipts.take(gone, receipt(small))
    parts.receipts.flush()
    assert rows(small)["instances"] == 0
    memory.refresh({"keys"})
    assert memory.key(text) is None
    assert memory.served(gone) is None

    small.parts.catalog.make_project("next", "", "", ADA)
    after = parts.catalog.make_environment("next", "production", "", ADA, protected=False)
    assert after.id == gone
    for number in range(revision - 1):
        parts.catalog.make_feature("next", f"feature-{number}", described(), ADA)
    with parts.database.read() as tx:
        assert locate_environment(tx, "next", "production").revision == revision
    served = json.loads(parts.snapshots.current(gone).body)
    assert "reply-drafts" not in served["flags"]


def described() -> dict[str, str]:
    return {"name": "", "owner": "us", "risk_tier": "T1", "when_lost": "review"}
