from __future__ import annotations

from typing import Any

import pytest

from controller.cases import tightened
from controller.errors import InvalidInput, NotFound
from controller.governance import Governance
from controller.store.groups import groups_of
from controller.store.projects import get_project
from stages import Stage
from tests.controller.tenant import ADA, BOB, EVE, Tenant

MORE_SOAK = {"tiers": {"T2": {"beta": {"soak_s": 90}, "pilot": {"soak_s": 90}, "scaled": {"soak_s": 90}}}}


def governance(tenant: Tenant) -> Governance:
    return tenant.parts.governance


def soak(tenant: Tenant) -> int:
    with tenant.parts.database.read() as tx:
        plans = tightened(tenant.parts.plans, get_project(tx, "acme"))
    return plans.of("T2", protected=True)[Stage.BETA].soak_s


def test_a_project_may_ask_for_more_and_the_record_says_so(tenant: Tenant) -> None:
    project = governance(tenant).tighten("acme", MORE_SOAK, ADA, "we were too quick")
    assert project.tightening == MORE_SOAK
    assert soak(tenant) == 90
    change = tenant.changes()[-1]
    assert (change.name, change.actor, change.reason) == ("plans.tighten", ADA.name, "we were too quick")
    assert change.before == {"tightening": None}
    assert change.after == {"tightening": MORE_SOAK, "loosened": {}}


def test_taking_back_what_was_asked_for_is_said_aloud(tenant: Tenant) -> None:
    governance(tenant).tighten("acme", MORE_SOAK, ADA, "we were too quick")
    project = governance(tenant).tighten("acme", None, ADA, "we learnt")
    assert (project.tightening, soak(tenant)) == (None, 60)
    [loosened] = tenant.changes()[-1].after["loosened"].items()
    assert loosened == ("T2", [f"{stage}: soak_s is lower" for stage in ("beta", "pilot", "scaled")])


@pytest.mark.parametrize(
    ("tightening", "code", "field"),
    [
        ({"tiers": {"T2": {"beta": {"soak_s": 59}}}}, "plan_loosened", "tiers.T2.beta"),
        ({"tiers": {"T2": {"beta": {"luck": 1}}}}, "invalid_field", "tiers.T2.beta.luck"),
        ({"tiers": {"T9": {}}}, "invalid_field", "tiers.T9"),
        ({"tiers": []}, "invalid_field", "tiers"),
    ],
)
def test_less_than_the_installation_asks_for_or_nonsense_is_refused_by_its_place(
    small: Tenant, tightening: Any, code: str, field: str
) -> None:
    before = small.changes()
    with pytest.raises(InvalidInput) as refused:
        governance(small).tighten("acme", tightening, ADA, "faster")
    assert refused.value.code == code
    assert [problem.field for problem in refused.value.problems] == [field]
    assert all(problem.remedy for problem in refused.value.problems)
    assert (small.changes(), soak(small)) == (before, 60)


@pytest.mark.parametrize("stored", ["{", '{"tiers": {"T2": {"beta": {"soak_s": 1}}}}'])
def test_what_cannot_be_used_any_more_can_be_set_anew(tenant: Tenant, stored: str) -> None:
    tenant.sql("UPDATE projects SET tightening = :stored", stored=stored)
    with pytest.raises(InvalidInput):
        soak(tenant)
    governance(tenant).tighten("acme", MORE_SOAK, ADA, "again")
    assert soak(tenant) == 90
    assert tenant.bad_rows() == []


def test_a_group_is_set_as_a_whole_and_recorded(tenant: Tenant) -> None:
    governance(tenant).set_group("acme", "risk", [BOB.name, ADA.name], EVE)
    group = governance(tenant).set_group("acme", "risk", [EVE.name], BOB)
    assert group.members == (EVE.name,)
    change = tenant.changes()[-1]
    assert (change.name, change.actor) == ("group.set", BOB.name)
    assert (change.before, change.after) == ({"risk": [ADA.name, BOB.name]}, {"risk": [EVE.name]})
    with tenant.parts.database.read() as tx:
        assert groups_of(tx, get_project(tx, "acme").id) == [group]


def test_a_project_that_is_not_there_has_no_rules(tenant: Tenant) -> None:
    with pytest.raises(NotFound):
        governance(tenant).tighten("nowhere", None, ADA, "x")
    with pytest.raises(NotFound):
        governance(tenant).set_group("nowhere", "risk", [], ADA)
