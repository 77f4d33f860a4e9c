"""A release becomes good by serving long enough without a breach."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.servings import SOAK
from controller.store.releases import get_release
from controller.store.rollouts import get_rollout
from stages import Goodness
from tests.controller.climbing import RAMP_PLANS, Climber
from tests.controller.conftest import MakeTenant
from tests.controller.tenant import ADA, TRIGGER, Tenant
from triggers import Arming

SOAK_PASSES = 19
"""After the first look, which counts nothing, so many looks of 5 s come to the 86 s that the plan asks for."""


@pytest.fixture
def plans_file(tmp_path: Path) -> str:
    path = tmp_path / "plans.yaml"
    path.write_text(RAMP_PLANS)
    return str(path)


@pytest.fixture
def climber(tenant: Tenant) -> Climber:
    return Climber(tenant)


@pytest.fixture
def alone(small: Tenant) -> Climber:
    return Climber(small)


def verdict(climber: Climber, release: str) -> str:
    tenant = climber.tenant
    with tenant.parts.database.read() as tx:
        [(environment,)] = tenant.ask_sql("SELECT id FROM environments WHERE key = 'production'")
        return get_release(tx, get_rollout(tx, int(str(environment)), "claims").feature_id, release).verdict


def soak(climber: Climber, times: int = SOAK_PASSES) -> None:
    """Passes, with the triggers evaluated before each."""
    for _ in range(times):
        climber.tenant.after(5)
        climber.ramps.run()


def watched(climber: Climber) -> str:
    release = climber.enter()
    climber.watch(window_s=600)
    return release


def test_a_release_that_served_long_enough_is_good(climber: Climber) -> None:
    release = watched(climber)
    soak(climber, SOAK_PASSES - 1)
    assert verdict(climber, release) == "unknown"
    soak(climber, 2)
    assert verdict(climber, release) == "good"
    change = climber.tenant.changes()[-1]
    assert (change.name, change.actor, change.actor_kind) == ("release.judge", "soak", "schedule")
    assert change.after == {"release": release, "verdict": "good"}
    assert change.reason == "served 90 s in production without a breach; 86 s were asked for"
    assert change.evidence == {"served_s": 90, "asked_s": 86}
    soak(climber, 3)
    assert climber.tenant.changes()[-1].seq == change.seq
    assert climber.tenant.ask_sql("SELECT count(*) FROM servings") == [(0,)]
    assert SOAK.name == "soak"


def test_an_outage_counts_as_one_gap(alone: Climber) -> None:
    release = watched(alone)
    soak(alone, 2)
    alone.tenant.after(86_400)
    alone.ramps.run()
    assert verdict(alone, release) == "unknown"
    assert alone.tenant.ask_sql("SELECT good_us FROM servings") == [(20_000_000,)]


def test_any_breach_begins_anew_even_one_that_was_over_before_anybody_looked(alone: Climber) -> None:
    release = watched(alone)
    soak(alone, 10)
    alone.tenant.report(10, grounded=False)
    alone.tenant.after(10)
    alone.tenant.report(1000, grounded=True)
    alone.tenant.after(10)
    assert alone.tenant.standing("errors").verdict == "ok"
    alone.ramps.run()
    assert alone.tenant.ask_sql("SELECT good_us FROM servings") == [(0,)]
    soak(alone, SOAK_PASSES - 2)
    assert verdict(alone, release) == "unknown"
    soak(alone, 4)
    assert verdict(alone, release) == "good"


def test_while_a_trigger_fires_nothing_is_earned(alone: Climber) -> None:
    release = watched(alone)
    soak(alone, 5)
    alone.tenant.report(10, grounded=False)
    soak(alone, 2 * SOAK_PASSES)
    assert verdict(alone, release) == "unknown"
    assert alone.tenant.ask_sql("SELECT good_us FROM servings") == [(0,)]


def test_nobody_who_watches_is_no_good_sign(alone: Climber) -> None:
    release = alone.enter()
    soak(alone, 2 * SOAK_PASSES)
    alone.watch("shadow", arming=Arming.SHADOW)
    soak(alone, 2 * SOAK_PASSES)
    assert verdict(alone, release) == "unknown"


def test_blind_time_does_not_count_and_takes_nothing_away(alone: Climber) -> None:
    release = watched(alone)
    soak(alone, 5)
    alone.tenant.sql("UPDATE triggers SET method = 'no such method'")
    alone.pass_(2 * SOAK_PASSES)
    assert alone.tenant.ask_sql("SELECT good_us FROM servings") == [(20_000_000,)]
    alone.tenant.sql("UPDATE triggers SET method = 'threshold'")
    soak(alone, 14)
    assert verdict(alone, release) == "unknown"
    soak(alone, 1)
    assert verdict(alone, release) == "good"


def test_a_candidate_proves_itself_too(alone: Climber) -> None:
    watched(alone)
    other = alone.tenant.release("two")
    alone.tenant.move("introduce", release=other, share=100)
    soak(alone, SOAK_PASSES + 1)
    assert verdict(alone, other) == "good"


def test_time_in_which_nobody_got_it_does_not_count(alone: Climber) -> None:
    release = watched(alone)
    soak(alone, 5)
    alone.tenant.move("review")
    soak(alone, 2 * SOAK_PASSES)
    assert verdict(alone, release) == "unknown"
    assert alone.tenant.ask_sql("SELECT good_us, held FROM servings") == [(20_000_000, 0)]
    alone.tenant.move("resume")
    alone.tenant.move("narrow", exposure={"share": 0})
    soak(alone, 2 * SOAK_PASSES)
    assert verdict(alone, release) == "unknown"


def test_a_bad_release_is_never_touched(alone: Climber) -> None:
    watched(alone)
    other = alone.tenant.release("two")
    alone.tenant.move("introduce", release=other, share=100)
    soak(alone, 5)
    alone.tenant.move("revert", actor=TRIGGER)
    soak(alone, 2 * SOAK_PASSES)
    assert verdict(alone, other) == "bad"


def test_what_a_person_takes_back_begins_anew(alone: Climber) -> None:
    release = watched(alone)
    soak(alone, SOAK_PASSES - 2)
    catalog = alone.tenant.parts.catalog
    catalog.judge_release("acme", "claims", release, Goodness.BAD, "a complaint", ADA)
    soak(alone, 1)
    catalog.judge_release("acme", "claims", release, Goodness.UNKNOWN, "a mistake", ADA)
    soak(alone, 5)
    assert verdict(alone, release) == "unknown"


def test_an_environment_that_asks_for_nothing_makes_nothing_good(
    make_tenant: MakeTenant, sqlite_url: str
) -> None:
    climber = Climber(make_tenant(sqlite_url, protected=False))
    release = climber.enter()
    climber.watch()
    soak(climber, 2 * SOAK_PASSES)
    assert verdict(climber, release) == "unknown"


def test_a_rollout_that_is_gone_or_broken_is_passed_over(alone: Climber) -> None:
    watched(alone)
    soak(alone, 2)
    alone.tenant.sql("UPDATE rollouts SET exposure = 'no json'")
    soak(alone, 2)
    assert alone.tenant.ask_sql("SELECT good_us FROM servings") == [(5_000_000,)]
