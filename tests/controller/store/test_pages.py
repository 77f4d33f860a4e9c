"""Lists are given out in pages: each item once, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from controller.store.changes import changes_of
from controller.store.evidence import evidence_of
from controller.store.features import features_of
from controller.store.promotions import promotions_of
from controller.store.readings import readings_of
from controller.store.releases import releases_of
from controller.store.sources import sources_of
from controller.store.triggers import triggers_by_rollout
from stages import Stage
from tests.controller.tenant import ADA, Tenant


@pytest.fixture
def full(tenant: Tenant) -> Tenant:
    """Five of everything there are lists of."""
    tenant.beta()
    tenant.trigger()
    for number in range(5):
        tenant.after(10)
        if number:
            tenant.feature(f"feature-{number}")
            tenant.release(f"model-{number}")
            tenant.parts.sources.connect("acme", f"source-{number}", "outcomes", {}, ADA)
        tenant.prove("runbook")
    tenant.sql("UPDATE rollouts SET stage = 'beta'")
    for _ in range(4):
        tenant.sql("UPDATE rollouts SET stage = 'beta' WHERE id = 1")
        tenant.ask(Stage.PILOT)
    return tenant


FORWARD: dict[str, Callable[..., list[Any]]] = {
    "evidence": evidence_of,
    "features": features_of,
    "promotions": promotions_of,
    "releases": releases_of,
    "sources": sources_of,
}


@pytest.mark.parametrize("what", FORWARD)
def test_pages_go_forward_from_the_oldest(full: Tenant, what: str) -> None:
    with full.parts.database.read() as tx:
        everything = FORWARD[what](tx, 1)
        pages = [FORWARD[what](tx, 1, 0, 2)]
        while pages[-1]:
            pages.append(FORWARD[what](tx, 1, pages[-1][-1].id, 2))
    assert len(everything) >= 5
    assert [item for page in pages for item in page] == everything
    assert [item.id for item in everything] == sorted(item.id for item in everything)


@pytest.mark.parametrize(("what", "number"), [(changes_of, "seq"), (readings_of, "id")])
def test_pages_go_back_from_the_newest(full: Tenant, what: Callable[..., list[Any]], number: str) -> None:
    with full.parts.database.read() as tx:
        everything = what(tx, 1, limit=1000)
        pages = [what(tx, 1, limit=2)]
        while pages[-1]:
            pages.append(what(tx, 1, before=getattr(pages[-1][-1], number), limit=2))
    assert len(everything) >= 5
    assert [item for page in pages for item in page] == everything


def test_the_changes_of_one_feature_can_be_asked_for(full: Tenant) -> None:
    with full.parts.database.read() as tx:
        names = [change.name for change in changes_of(tx, 1, feature="feature-1")]
    assert names == ["feature.create"]


def test_the_triggers_of_many_rollouts_come_by_rollout(full: Tenant) -> None:
    full.beta("another")
    full.trigger("more", feature="another")
    with full.parts.database.read() as tx:
        found = triggers_by_rollout(tx, [1, 2, 6])
    keys = {
        id: [item.trigger.key for item in items if hasattr(item, "trigger")] for id, items in found.items()
    }
    assert keys == {1: ["unsupported"], 2: [], 6: ["more"]}
