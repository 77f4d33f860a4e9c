from __future__ import annotations

import pytest

from controller.store.groups import groups_of, memberships, set_group
from controller.store.projects import get_project
from tests.controller.tenant import ADA, BOB, Tenant


@pytest.fixture
def project_id(tenant: Tenant) -> int:
    with tenant.parts.database.read() as tx:
        return get_project(tx, "acme").id


def test_members_are_kept_once_and_in_order(tenant: Tenant, project_id: int) -> None:
    with tenant.parts.database.write() as tx:
        group = set_group(tx, project_id, "risk", [BOB.name, ADA.name, BOB.name])
        assert group.members == (ADA.name, BOB.name)
        assert groups_of(tx, project_id) == [group]


def test_whoever_belonged_to_a_group_before_does_so_no_longer(tenant: Tenant, project_id: int) -> None:
    with tenant.parts.database.write() as tx:
        set_group(tx, project_id, "risk", [ADA.name])
        set_group(tx, project_id, "risk", [BOB.name])
        assert memberships(tx, project_id, ADA.name) == frozenset()
        assert memberships(tx, project_id, BOB.name) == {"risk"}
        set_group(tx, project_id, "risk", [])
        assert memberships(tx, project_id, BOB.name) == frozenset()


def test_somebody_may_belong_to_several_groups(tenant: Tenant, project_id: int) -> None:
    with tenant.parts.database.write() as tx:
        for key in ("security", "risk", "legal"):
            set_group(tx, project_id, key, [ADA.name] if key != "legal" else [BOB.name])
        assert [group.key for group in groups_of(tx, project_id)] == ["legal", "risk", "security"]
        assert memberships(tx, project_id, ADA.name) == {"risk", "security"}
        assert memberships(tx, project_id, "user:ad") == frozenset()


def test_a_group_of_another_project_is_another_group(tenant: Tenant, project_id: int) -> None:
    tenant.parts.catalog.make_project("other", "", "", ADA)
    with tenant.parts.database.write() as tx:
        other = get_project(tx, "other").id
        set_group(tx, other, "risk", [ADA.name])
        assert memberships(tx, project_id, ADA.name) == frozenset()
        set_group(tx, project_id, "risk", [BOB.name])
        assert memberships(tx, other, ADA.name) == {"risk"}


@pytest.mark.parametrize("stored", ["garbage", "7", "{}", '"user:ada"', "[1]", "null", "[["])
def test_a_group_that_cannot_be_read_has_no_members_and_does_not_hide_the_others(
    tenant: Tenant, project_id: int, stored: str
) -> None:
    with tenant.parts.database.write() as tx:
        for key in ("risk", "security"):
            set_group(tx, project_id, key, [ADA.name])
    tenant.sql("UPDATE groups SET members = :stored WHERE key = 'risk'", stored=stored)
    with tenant.parts.database.read() as tx:
        assert [group.members for group in groups_of(tx, project_id)] == [(), (ADA.name,)]
        assert memberships(tx, project_id, ADA.name) == {"security"}
