from __future__ import annotations

from typing import Any

import pytest

from controller.errors import Conflict, InvalidInput, NotFound
from stages import Autonomy, Exposure
from tests.controller.tenant import ADA, Tenant
from triggers import Action, Arming, Rung


def define(tenant: Tenant, key: str = "few", **parts: Any) -> Exposure:
    return tenant.parts.narrowings.define(tenant.where(), key, parts, ADA, "a test").ceiling


def test_what_is_not_said_is_not_limited_and_it_is_recorded(tenant: Tenant) -> None:
    tenant.beta(share=5000)
    before = tenant.rollout()
    assert define(tenant, share=100) == Exposure(share=100, autonomy=Autonomy.EXECUTE)
    assert define(tenant, cohorts=frozenset({"staff"})).cohorts == {"staff"}
    [item] = tenant.parts.narrowings.of(tenant.where())
    assert item.key == "few"
    assert tenant.rollout() == before
    assert [change.name for change in tenant.changes()[-2:]] == ["narrowing.define"] * 2
    tenant.parts.narrowings.drop(tenant.where(), "few", ADA, "not needed")
    assert tenant.parts.narrowings.of(tenant.where()) == []
    assert tenant.bad_rows() == []


@pytest.mark.parametrize(
    "parts",
    [{}, {"share": 5000}, {"autonomy": Autonomy.EXECUTE}, {"tasks": frozenset({"letters", "claims"})}],
)
def test_one_that_takes_nothing_away_is_refused(simple: Tenant, parts: dict[str, Any]) -> None:
    simple.move("narrow", exposure={"share": 5000, "tasks": frozenset({"letters"})})
    with pytest.raises(InvalidInput, match="takes nothing away"):
        define(simple, **parts)


def test_one_that_leaves_nobody_is_refused_unless_it_says_so(simple: Tenant) -> None:
    simple.move("narrow", exposure={"cohorts": frozenset({"staff"})})
    with pytest.raises(InvalidInput, match="nobody in common"):
        define(simple, cohorts=frozenset({"public"}))
    assert define(simple, share=0).share == 0


def test_before_anybody_has_the_feature_it_only_has_to_limit_something(small: Tenant) -> None:
    small.feature()
    with pytest.raises(InvalidInput, match="takes nothing away"):
        define(small)
    assert define(small, share=9000).share == 9000


@pytest.mark.parametrize("arming", Arming)
def test_what_an_armed_trigger_goes_down_to_does_not_become_wider(simple: Tenant, arming: Arming) -> None:
    define(simple, share=100)
    simple.trigger("unsupported", Rung(Action.NARROW, 0, {"to": "few"}), arming=arming)
    define(simple, share=50)
    if arming is Arming.ACT:
        with pytest.raises(Conflict, match="a wider one takes another name"):
            define(simple, share=51)
    else:
        assert define(simple, share=51).share == 51
    with pytest.raises(Conflict, match="unsupported would narrow to few"):
        simple.parts.narrowings.drop(simple.where(), "few", ADA, "gone")


def test_a_ladder_names_only_what_is_there(simple: Tenant) -> None:
    with pytest.raises(InvalidInput) as refused:
        simple.trigger("unsupported", Rung(Action.REVIEW), Rung(Action.NARROW, 5, {"to": "few"}))
    assert [problem.field for problem in refused.value.problems] == ["ladder.1.args.to"]
    with pytest.raises(NotFound):
        simple.parts.narrowings.drop(simple.where(), "few", ADA, "never was")
