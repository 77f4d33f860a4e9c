"""Another risk tier: what it does to users who have the feature already."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages import Autonomy, Mode, RampState, Refused, Stage
from tests.controller.climbing import RAMP_PLANS, Climber
from tests.controller.conftest import MakeTenant
from tests.controller.tenant import ADA, BOB, Tenant
from tests.controller.test_release_approvals import PLANS


@pytest.fixture
def plans_file(tmp_path: Path) -> str:
    path = tmp_path / "plans.yaml"
    path.write_text(PLANS)
    return str(path)


def raise_to(tenant: Tenant, tier: str) -> None:
    tenant.parts.catalog.change_feature("acme", "claims", {"risk_tier": tier}, BOB, None)


def in_beta(tenant: Tenant, share: int = 8000) -> str:
    tenant.feature()
    release = tenant.release()
    tenant.move("introduce", release=release)
    asked = {"share": share, "autonomy": Autonomy.EXECUTE}
    tenant.promotions.ask(tenant.where(), Stage.BETA, asked, ADA, "ready")
    return release


def refused(tenant: Tenant, move: str, **asked: object) -> list[str]:
    with pytest.raises(Refused) as caught:
        tenant.move(move, **asked)
    return [refusal.code for refusal in caught.value.refusals]


def test_users_keep_no_more_than_the_raised_tier_allows_and_it_is_held(tenant: Tenant) -> None:
    in_beta(tenant)
    raise_to(tenant, "T3")
    rollout = tenant.rollout()
    assert (rollout.stage, rollout.mode) == (Stage.BETA, Mode.LIVE)
    assert (rollout.exposure.share, rollout.exposure.autonomy) == (1000, Autonomy.DRAFT)
    assert rollout.holds == {"risk_tier"}
    narrowed, held = tenant.changes()[-3:-1]
    assert [narrowed.name, held.name] == ["narrow", "hold"]
    for change in (narrowed, held):
        assert (change.actor, change.reason) == (BOB.name, "the risk tier was raised from T1 to T3")
    assert tenant.bad_rows() == []


def test_it_goes_no_further_up_until_its_stage_has_all_that_the_raised_tier_asks_for(small: Tenant) -> None:
    release = in_beta(small, share=500)
    raise_to(small, "T3")
    assert "held" in refused(small, "widen", exposure={"share": 600})
    assert "held" in refused(small, "introduce", release=small.release("two"), share=100)
    missing = ["evidence_missing", "evidence_missing", "triggers_missing"]
    assert refused(small, "resume") == missing
    small.prove("runbook")
    small.prove("evaluation-report", release)
    assert refused(small, "resume") == missing[2:]
    small.trigger("errors", query={"measure": "error"})
    assert refused(small, "resume") == ["trigger_blind"]
    small.report(50, error=False)
    small.after(10)
    small.move("resume")
    assert small.rollout().holds == frozenset()
    small.move("widen", exposure={"share": 600})


def test_what_is_within_the_raised_tier_is_held_and_not_narrowed(small: Tenant) -> None:
    in_beta(small, share=500)
    small.move("narrow", exposure={"autonomy": Autonomy.DRAFT})
    raise_to(small, "T2")
    assert (small.rollout().exposure.share, small.rollout().holds) == (500, {"risk_tier"})
    assert [change.name for change in small.changes()[-3:]] == ["narrow", "hold", "feature.change"]


def test_every_way_down_stays_open(small: Tenant) -> None:
    in_beta(small)
    raise_to(small, "T3")
    for move in ("review", "disable", "demote", "stop"):
        small.move(move)
    small.move("resume")
    small.move("revive")
    assert small.rollout().stage is Stage.READINESS


def test_before_users_have_it_and_where_nothing_is_asked_for_a_raised_tier_changes_no_rollout(
    make_tenant: MakeTenant, sqlite_url: str
) -> None:
    tenant = make_tenant(sqlite_url, protected=False)
    in_beta(tenant)
    before = tenant.rollout()
    raise_to(tenant, "T3")
    assert tenant.rollout() == before


def test_what_cannot_be_read_does_not_keep_a_tier_from_being_raised(small: Tenant) -> None:
    in_beta(small)
    small.sql("UPDATE rollouts SET exposure = 'garbage'")
    raise_to(small, "T3")
    assert small.ask_sql("SELECT risk_tier FROM features") == [("T3",)]


class TestRamps:
    """With a ramp that runs."""

    @pytest.fixture
    def plans_file(self, tmp_path: Path) -> str:
        path = tmp_path / "plans.yaml"
        path.write_text(RAMP_PLANS)
        return str(path)

    def test_a_ramp_is_off_until_a_person_starts_it_again(self, small: Tenant) -> None:
        climber = Climber(small)
        climber.enter()
        raise_to(small, "T2")
        assert climber.standing().state is RampState.OFF
