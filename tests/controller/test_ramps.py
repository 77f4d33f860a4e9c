"""Ramps as people and workers use them, on both kinds of database where that matters."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from controller.actors import ActorKind
from controller.errors import Conflict
from controller.ramps import RAMP, _each
from controller.store.database import DatabaseUnavailable
from stages import Mode, RampState, Refused, Stage
from tests.conftest import Clock
from tests.controller.climbing import RAMP_PLANS, Climber
from tests.controller.conftest import MakeTenant
from tests.controller.tenant import ADA, BOB, EVE, TRIGGER, Tenant, services_on
from triggers import Arming


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
    """On SQLite alone, for rules that no database has a say in."""
    return Climber(small)


def test_a_promotion_starts_the_ramp_of_its_stage(climber: Climber) -> None:
    climber.enter()
    standing = climber.standing()
    assert (standing.state, standing.started_by, standing.share) == (RampState.RUNNING, "user:ada", 500)
    assert standing.next is not None
    assert (standing.next.share, standing.credited_s, standing.answers) == (1000, 0, 0)
    assert climber.why() == ["step_holding", "samples_missing"]
    promoted, started = climber.tenant.changes()[-2:]
    assert (promoted.name, started.name, started.actor) == ("promote", "ramp.start", "user:ada")


def test_a_ramp_climbs_to_its_end(climber: Climber) -> None:
    climber.enter()
    climber.answers(5)
    climber.pass_(4)
    assert (climber.share, climber.standing().credited_s) == (500, 15)
    climber.pass_()
    assert climber.share == 1000
    assert climber.why() == ["step_holding", "approvals_missing"]
    climber.pass_(10)
    assert climber.why() == ["approvals_missing"]
    assert climber.approve().agreed == {"user:bob"}
    assert climber.share == 1000
    climber.pass_()
    assert climber.share == 2500
    assert climber.standing().state is RampState.FINISHED
    climber.pass_(10)
    assert climber.advances() == [(500, 1000), (1000, 2500)]
    assert climber.tenant.bad_rows() == []


def test_a_step_is_recorded_with_what_it_was_taken_for(climber: Climber) -> None:
    climber.enter()
    climber.answers(7)
    climber.pass_(5)
    change = climber.tenant.changes()[-1]
    assert (change.name, change.actor, change.actor_kind) == ("advance", "ramp", "schedule")
    assert change.reason == "from 500 to 1000 basis points after 20 good seconds and 7 answers"
    evidence = {name: change.evidence[name] for name in ("from_share", "to_share", "credited_s", "answers")}
    assert evidence == {"from_share": 500, "to_share": 1000, "credited_s": 20, "answers": 7}
    assert change.evidence["started_by"] == "user:ada"
    assert RAMP.kind is ActorKind.SCHEDULE


def test_an_outage_of_headgate_is_no_good_time(climber: Climber) -> None:
    climber.enter()
    climber.answers(100)
    climber.pass_()
    climber.pass_(seconds=6 * 3600)
    assert climber.standing().credited_s == 15
    assert climber.share == 500
    climber.pass_()
    climber.pass_(seconds=6 * 3600)
    assert climber.advances() == [(500, 1000)]


def test_a_pass_takes_one_step_however_often_it_is_done_at_a_moment(climber: Climber) -> None:
    climber.enter()
    climber.answers(100)
    climber.pass_(5)
    for _ in range(20):
        climber.ramps.run()
    assert climber.advances() == [(500, 1000)]


def test_two_workers_on_one_database_take_one_step(
    make_tenant: MakeTenant, postgres_url: str, clock: Clock, plans_file: str
) -> None:
    climber = Climber(make_tenant(postgres_url))
    climber.enter()
    climber.answers(100)
    climber.pass_(4)
    clock.pass_(5)
    other = services_on(postgres_url, clock, plans=plans_file)
    gate = threading.Barrier(4)

    def work(run: object) -> None:
        gate.wait(30)
        run()  # type: ignore[operator]

    runs = [climber.ramps.run, other.ramps.run, climber.ramps.run, other.ramps.run]
    workers = [threading.Thread(target=work, args=(run,)) for run in runs]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    other.database.close()
    assert climber.advances() == [(500, 1000)]
    row = climber.row()
    assert row is not None
    assert row.step_since == clock()


def test_a_hold_pauses_nothing_but_switches_off(alone: Climber) -> None:
    alone.enter()
    alone.tenant.move("hold", actor=TRIGGER, hold="trigger:unsupported")
    assert alone.standing().state is RampState.OFF
    assert alone.standing().why[0].message == "the ramp is off: held by trigger:unsupported"


def test_a_ramp_that_was_narrowed_stays_off_until_a_person_starts_it(climber: Climber) -> None:
    climber.enter()
    climber.answers(5)
    climber.pass_(5)
    climber.tenant.move("narrow", exposure={"share": 700}, actor=BOB)
    climber.answers(50)
    climber.pass_(50)
    assert (climber.share, climber.why()) == (700, ["ramp_off"])
    assert climber.standing().why[0].message == "the ramp is off: narrowed by user:bob"
    started = climber.start(BOB)
    assert (started.state, started.credited_s, started.answers) == (RampState.RUNNING, 0, 0)
    climber.answers(5)
    climber.pass_(5)
    assert climber.advances() == [(500, 1000), (700, 1000)]


def test_a_widening_by_hand_switches_it_off(alone: Climber) -> None:
    alone.enter()
    alone.tenant.move("widen", exposure={"share": 600})
    assert alone.standing().why[0].message == "the ramp is off: widened by user:ada"
    alone.tenant.move("widen", exposure={"share": 2400})
    assert alone.why() == ["ramp_off"]


def test_widening_by_hand_does_not_pass_a_step_that_people_have_to_agree_to(alone: Climber) -> None:
    alone.enter()
    for share in (2500, 5000):
        with pytest.raises(Refused) as refused:
            alone.tenant.move("widen", exposure={"share": share})
        assert [refusal.code for refusal in refused.value.refusals] == ["step_unapproved"]


def test_a_release_on_trial_pauses_it_and_one_that_is_adopted_begins_the_step_anew(climber: Climber) -> None:
    climber.enter()
    climber.answers(5)
    climber.pass_(4)
    other = climber.tenant.release("two")
    climber.tenant.move("introduce", release=other, share=100)
    climber.pass_(20)
    assert (climber.standing().state, climber.why()) == (RampState.PAUSED, ["candidate_running"])
    assert climber.standing().credited_s == 15
    climber.tenant.move("adopt")
    climber.pass_()
    standing = climber.standing()
    assert (standing.state, standing.credited_s, standing.answers) == (RampState.RUNNING, 0, 0)
    climber.tenant.clock.pass_(1)
    climber.answers(5)
    climber.pass_(6)
    assert climber.advances() == [(500, 1000)]


def test_a_pause_of_a_person_loses_nothing_and_earns_nothing(climber: Climber) -> None:
    climber.enter()
    climber.answers(5)
    climber.pass_(4)
    paused = climber.ramps.pause(climber.tenant.where(), BOB, "a holiday")
    assert paused.state is RampState.PAUSED
    assert paused.why[0].message == "paused by user:bob: a holiday"
    climber.pass_(20)
    resumed = climber.start(BOB)
    assert (resumed.state, resumed.credited_s, resumed.started_by) == (RampState.RUNNING, 15, "user:ada")
    climber.pass_(2)
    assert climber.advances() == [(500, 1000)]
    names = [change.name for change in climber.tenant.changes()]
    assert names.count("ramp.start") == 2
    assert names.count("ramp.pause") == 1


def test_a_trigger_that_may_hold_and_sees_nothing_pauses_it(alone: Climber) -> None:
    alone.enter()
    alone.watch("shadow", arming=Arming.SHADOW)
    alone.watch("holder", arming=Arming.HOLD)
    assert "trigger_blind" not in alone.why()
    alone.tenant.clock.pass_(3600)
    assert alone.why() == ["evaluations_stopped", "trigger_blind"]
    assert alone.standing().why[-1].field == "holder"


def test_a_trigger_that_cannot_be_read_pauses_it(alone: Climber) -> None:
    alone.enter()
    alone.watch()
    alone.tenant.sql("UPDATE triggers SET method = 'no such method'")
    assert alone.why() == ["trigger_blind"]


def test_a_criterion_that_is_missed_pauses_it(alone: Climber) -> None:
    alone.enter()
    alone.tenant.report(30, review="rejected", release=alone.tenant.rollout().stable)
    alone.tenant.clock.pass_(1)
    assert alone.why() == ["criterion_missed"]
    assert alone.standing().next_at is None


def test_the_earliest_time_of_the_next_step_is_told(alone: Climber) -> None:
    alone.enter()
    assert alone.standing().next_at is None
    alone.answers(5)
    alone.pass_(2)
    assert (alone.standing().next_at - alone.tenant.clock()).total_seconds() == 15  # type: ignore[operator]


def test_a_ramp_that_runs_is_not_started_again(alone: Climber) -> None:
    alone.enter()
    with pytest.raises(Conflict, match="running already"):
        alone.start()


def test_only_people_start_and_approve(alone: Climber) -> None:
    alone.enter()
    with pytest.raises(Refused, match="only people"):
        alone.start(TRIGGER)
    with pytest.raises(Refused, match="only people"):
        alone.approve(RAMP)


def test_where_there_is_no_further_step_nothing_is_started_or_approved(alone: Climber) -> None:
    alone.tenant.feature()
    assert alone.why() == ["no_step_left"]
    for ask in (alone.start, alone.approve):
        with pytest.raises(Refused, match="no step above the share 0 in readiness"):
            ask()


def test_what_does_not_run_is_not_paused_and_not_approved(alone: Climber) -> None:
    alone.enter()
    alone.tenant.move("narrow", exposure={"share": 400})
    with pytest.raises(Conflict, match="nothing to pause"):
        alone.ramps.pause(alone.tenant.where(), ADA, "stop")
    with pytest.raises(Conflict, match="start it before"):
        alone.approve()


def test_an_approval_is_recorded_and_void_after_a_change(alone: Climber) -> None:
    alone.enter()
    alone.answers(5)
    alone.pass_(5)
    assert alone.approve(EVE).agreed == {"user:eve"}
    assert alone.tenant.changes()[-1].name == "ramp.approve"
    alone.watch("another")
    assert alone.standing().agreed == frozenset()
    with pytest.raises(Refused, match="you started this ramp"):
        alone.approve(ADA)


def test_a_step_is_approved_as_it_was_seen_or_not_at_all(alone: Climber) -> None:
    alone.enter()
    alone.answers(5)
    alone.pass_(5)
    seen = alone.standing().seen
    alone.watch("another")
    with pytest.raises(Refused, match="has changed since you looked"):
        alone.ramps.approve(alone.tenant.where(), EVE, seen)
    now = alone.standing().seen
    assert alone.ramps.approve(alone.tenant.where(), EVE, now).agreed == {"user:eve"}


def test_a_promotion_into_a_stage_with_one_step_starts_nothing(alone: Climber) -> None:
    alone.enter()
    alone.tenant.report(20, review="accepted", release=alone.tenant.rollout().stable)
    alone.tenant.clock.pass_(1)
    alone.tenant.ask(Stage.PILOT, 500)
    assert alone.tenant.rollout().stage is Stage.PILOT
    standing = alone.standing()
    assert (standing.state, standing.why[0].message) == (
        RampState.OFF,
        "the ramp is off: promoted by user:ada",
    )
    assert alone.start().state is RampState.RUNNING


def test_a_feature_that_nobody_started_a_ramp_for_says_so(alone: Climber) -> None:
    alone.enter()
    alone.tenant.sql("DELETE FROM ramps")
    assert alone.standing().why[0].message == "the ramp is off: nobody started it"
    alone.tenant.move("widen", exposure={"share": 600})
    assert alone.row() is None


def test_a_ramp_whose_plan_got_a_further_step_does_not_go_on_by_itself(alone: Climber) -> None:
    alone.enter()
    alone.tenant.sql("UPDATE ramps SET state = 'finished'")
    alone.answers(50)
    alone.pass_(20)
    assert (alone.share, alone.why()) == (500, ["ramp_off"])


def test_a_ramp_whose_plan_lost_its_steps_is_finished(alone: Climber) -> None:
    alone.enter(share=5000)
    assert alone.row() is None
    alone.tenant.sql(
        "INSERT INTO ramps (rollout_id, state, why, started_by, step_since, credited_us, counted_at, held, approvals)"
        " SELECT id, 'running', '', 'user:ada', 0, 0, 0, 0, '[]' FROM rollouts"
    )
    alone.pass_()
    row = alone.row()
    assert row is not None
    assert row.state is RampState.FINISHED


def test_a_row_that_cannot_be_read_is_off_and_can_be_started_again(alone: Climber) -> None:
    alone.enter()
    alone.tenant.sql("UPDATE ramps SET approvals = 'no json'")
    alone.answers(50)
    alone.pass_(10)
    assert alone.share == 500
    assert "cannot be read" in alone.standing().why[0].message
    assert alone.start().state is RampState.RUNNING


def test_one_feature_that_fails_keeps_no_other_waiting(alone: Climber) -> None:
    for feature in ("broken", "claims"):
        alone.enter(feature)
        alone.answers(5, feature)
    alone.tenant.sql("UPDATE features SET risk_tier = 'none' WHERE key = 'broken'")
    alone.pass_(5)
    assert alone.share == 1000


def test_a_rollout_that_cannot_be_read_is_passed_over(alone: Climber) -> None:
    alone.enter()
    alone.tenant.sql("UPDATE rollouts SET exposure = 'no json'")
    alone.pass_(2)
    assert alone.tenant.ask_sql("SELECT state, held FROM ramps") == [("running", 0)]


def test_a_database_that_is_gone_ends_the_pass() -> None:
    asked = []

    def ask(id: int) -> None:
        asked.append(id)
        raise DatabaseUnavailable("OperationalError")

    with pytest.raises(DatabaseUnavailable):
        _each([1, 2], ask)
    assert asked == [1]


def test_going_down_works_whatever_the_ramp(alone: Climber) -> None:
    alone.enter()
    alone.tenant.sql("UPDATE ramps SET credited_us = 'x'")
    alone.tenant.move("disable", actor=TRIGGER)
    assert alone.tenant.rollout().mode is Mode.OFF
