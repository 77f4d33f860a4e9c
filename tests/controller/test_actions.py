from __future__ import annotations

import json
from typing import Any

import pytest

from controller.actions import Actions, Cause
from controller.guards import Guards
from controller.rollouts import locate
from controller.store.releases import get_release
from stages import Autonomy, Exposure, Mode, Refused, Stage
from tests.controller.tenant import ADA, Tenant
from tests.controller.watching import BY, bad, candidate
from triggers import Action, Arming, Phase, Rung, Severity, State, Step, Verdict, Window


def value(tenant: Tenant) -> tuple[str, str]:
    return tenant.rollout().stage.value, tenant.rollout().mode.value


def actions_of(tenant: Tenant) -> Actions:
    parts = tenant.parts
    return Actions(tenant.rollouts, Guards(parts.viability), parts.shared_causes, tenant.clock)


def done(tenant: Tenant) -> list[tuple[str, str]]:
    """The actions of the newest reading, each with its result."""
    return [(one["action"], one["result"].split(":")[0]) for one in tenant.readings()[-1].due]


def test_a_breach_climbs_the_ladder_review_then_revert_then_disable(watched: Tenant) -> None:
    tried = candidate(watched)
    watched.after(10)
    bad(watched)
    assert watched.moves() == [("review", BY)]
    assert watched.rollout().mode is Mode.REVIEW
    assert watched.standing().state.phase is Phase.FIRING
    bad(watched, 2)
    assert watched.moves() == [("review", BY)]
    bad(watched)
    assert watched.moves() == [("review", BY), ("revert", BY)]
    assert watched.rollout().candidate is None
    with watched.parts.database.read() as tx:
        assert get_release(tx, 1, tried).verdict == "bad"
    assert watched.after(10) == ["done"]
    bad(watched, 2)
    assert watched.moves() == [("review", BY), ("revert", BY), ("disable", BY)]
    assert watched.rollout().mode is Mode.OFF
    bad(watched, 5)
    assert len(watched.moves()) == 3
    assert watched.bad_rows() == []


def test_what_was_done_and_why_stands_in_the_reading_and_in_the_record(watched: Tenant) -> None:
    bad(watched)
    reading = watched.readings()[-1]
    assert (reading.bad, reading.total, reading.verdict, reading.phase) == (5, 5, "breach", "firing")
    assert list(reading.due) == [{"action": "review", "result": "done"}]
    change = watched.changes()[-1]
    assert change.reason == reading.sentence
    assert change.evidence["trigger"] == "unsupported"
    assert change.evidence["numbers"]["measured"] == 1.0
    [(payload,)] = watched.ask_sql("SELECT payload FROM outbox WHERE event = 'trigger.fired'")
    assert json.loads(str(payload))["sentence"] == reading.sentence


def test_where_there_is_nothing_to_revert_the_next_rung_is_taken_at_once(watched: Tenant) -> None:
    bad(watched, 4)
    assert watched.moves() == [("review", BY), ("disable", BY)]
    due = list(watched.readings()[-1].due)
    assert [(one["action"], one["result"].split(":")[0]) for one in due] == [
        ("revert", "impossible"),
        ("disable", "done"),
    ]


def test_in_the_shadow_everything_is_recorded_and_nothing_done(simple: Tenant) -> None:
    simple.trigger(arming=Arming.SHADOW)
    simple.evaluate()
    before = simple.rollout()
    bad(simple, 4)
    assert simple.rollout() == before
    assert simple.moves() == []
    results = [one["result"] for reading in simple.readings() for one in reading.due]
    assert results == ["shadow: not done", "shadow: not done"]
    simple.ask(Stage.PILOT)
    assert simple.rollout().stage is Stage.PILOT


def test_armed_to_hold_it_holds_and_does_nothing_else(simple: Tenant) -> None:
    ladder = (Rung(Action.NOTIFY), Rung(Action.REVIEW, 10), Rung(Action.DISABLE, 20))
    simple.trigger("unsupported", *ladder, arming=Arming.HOLD)
    simple.evaluate()
    bad(simple, 4)
    assert simple.moves() == [("notify", BY), ("hold", BY), ("hold", BY)]
    rollout = simple.rollout()
    assert (rollout.mode, rollout.holds) == (Mode.LIVE, frozenset({BY}))
    with pytest.raises(Refused) as refused:
        simple.move("widen", exposure={"share": 10_000})
    assert [refusal.code for refusal in refused.value.refusals] == ["held", "trigger_firing"]


def test_narrowing_halves_the_share_unless_told_and_never_widens(simple: Tenant) -> None:
    ladder = (
        Rung(Action.NARROW),
        Rung(Action.NARROW, 10, {"share": 9000}),
        Rung(Action.NARROW, 20, {"share": 100}),
    )
    simple.trigger("unsupported", *ladder)
    simple.evaluate()
    shares = []
    for _ in range(3):
        bad(simple)
        shares.append(simple.rollout().exposure.share)
    assert shares == [5000, 5000, 100]


def test_a_narrowing_by_name_takes_away_what_goes_beyond_it(simple: Tenant) -> None:
    parts = {"cohorts": frozenset({"staff"}), "languages": frozenset({"de"}), "autonomy": Autonomy.DRAFT}
    simple.parts.narrowings.define(simple.where(), "staff-drafts", parts, ADA, "they can tell")
    simple.trigger("unsupported", Rung(Action.NARROW, 0, {"to": "staff-drafts"}))
    simple.evaluate()
    simple.move("narrow", exposure={"share": 700, "languages": frozenset({"de-CH", "fr"})})
    bad(simple)
    assert simple.rollout().exposure == Exposure(
        share=700,
        cohorts=frozenset({"staff"}),
        languages=frozenset({"de-CH"}),
        autonomy=Autonomy.DRAFT,
    )
    assert done(simple) == [("narrow", "done")]


@pytest.mark.parametrize("damage", ["DELETE FROM narrowings", "UPDATE narrowings SET exposure = '7'"])
def test_a_narrowing_that_is_gone_or_damaged_becomes_the_next_rung(simple: Tenant, damage: str) -> None:
    simple.parts.narrowings.define(simple.where(), "few", {"share": 100}, ADA, "few")
    simple.trigger("unsupported", Rung(Action.NARROW, 0, {"to": "few"}), Rung(Action.REVIEW, 600))
    simple.evaluate()
    simple.sql(damage)
    bad(simple)
    assert done(simple) == [("narrow", "impossible"), ("review", "done")]


def test_of_moves_due_together_the_strongest_is_made_and_a_hold_besides(simple: Tenant) -> None:
    ladder = (
        Rung(Action.NARROW),
        Rung(Action.HOLD),
        Rung(Action.REVIEW),
        Rung(Action.DEMOTE),
        Rung(Action.NOTIFY),
    )
    simple.trigger("unsupported", *ladder)
    simple.evaluate()
    bad(simple)
    assert done(simple) == [
        ("review", "done"),
        ("demote", "outdone"),
        ("narrow", "outdone"),
        ("hold", "done"),
        ("notify", "done"),
    ]
    assert (simple.rollout().exposure.share, simple.rollout().stage) == (10_000, Stage.BETA)


def test_a_move_that_cannot_be_made_gives_way_to_a_weaker_one_due_with_it(simple: Tenant) -> None:
    simple.trigger("unsupported", Rung(Action.REVERT), Rung(Action.REVIEW), Rung(Action.DISABLE, 600))
    simple.evaluate()
    bad(simple)
    assert done(simple) == [("revert", "impossible"), ("review", "done")]


def test_a_ladder_that_would_end_in_nothing_ends_in_off(simple: Tenant) -> None:
    simple.trigger("unsupported", Rung(Action.REVERT), Rung(Action.NOTIFY, 600))
    simple.evaluate()
    bad(simple)
    assert done(simple) == [("revert", "impossible"), ("notify", "done"), ("disable", "done")]
    assert simple.rollout().mode is Mode.OFF


def test_two_triggers_that_fire_over_one_release_revert_it_once(simple: Tenant) -> None:
    candidate(simple)
    simple.trigger("unsupported", Rung(Action.REVERT))
    with simple.parts.database.read() as tx:
        rollout = locate(tx, simple.where())
    now = simple.clock()
    cause = Cause(simple.standing(), rollout, Window(now, now))
    fired = State(phase=Phase.FIRING, since=now, rungs=1, rung_at=now)
    outcome = Step(verdict=Verdict.BREACH, state=fired, due=(Rung(Action.REVERT),), sentence="bad")
    results, actions = (
        [],
        Actions(simple.rollouts, Guards(simple.parts.viability), simple.parts.shared_causes, simple.clock),
    )
    with simple.parts.database.write() as tx:
        for _ in range(2):
            results += actions.act(tx, cause, outcome, now)[1]
    assert [one.told()["result"] for one in results] == [
        "done",
        "unneeded: the releases that were judged are not served any more",
    ]
    assert (simple.rollout().candidate, simple.rollout().mode) == (None, Mode.LIVE)


@pytest.mark.parametrize(
    ("rest", "result"),
    [
        ((Rung(Action.NARROW, 60), Rung(Action.REVERT, 120), Rung(Action.DISABLE, 600)), "disable"),
        ((Rung(Action.NOTIFY, 60),), "disable"),
    ],
)
def test_a_review_that_reviewers_have_no_time_for_goes_further_down(
    simple: Tenant, rest: tuple[Rung, ...], result: str
) -> None:
    simple.parts.catalog.change_feature("acme", "claims", {"review_capacity_per_day": 100}, ADA, None)
    simple.trigger("unsupported", Rung(Action.REVIEW), *rest)
    simple.evaluate()
    simple.report(95, grounded=True)
    simple.clock.pass_(3600)
    bad(simple)
    steps = simple.readings()[-1].due
    assert steps[0] == {
        "action": "review",
        "result": "impossible: reviewers can look at 100 answers a day, and 2393 a day arrive",
    }
    assert done(simple)[-1] == (result, "done")
    assert simple.rollout().mode is Mode.OFF


def test_a_review_that_reviewers_have_time_for_is_made(simple: Tenant) -> None:
    simple.parts.catalog.change_feature("acme", "claims", {"review_capacity_per_day": 120}, ADA, None)
    simple.trigger("unsupported", Rung(Action.REVIEW))
    simple.evaluate()
    bad(simple)
    assert done(simple) == [("review", "done")]


def governed(tenant: Tenant) -> list[dict[str, Any]]:
    rows = tenant.ask_sql("SELECT payload FROM outbox WHERE event = 'governor.tripped'")
    return [json.loads(str(payload)) for (payload,) in rows]


def test_once_triggers_have_moved_it_often_enough_they_switch_it_off_and_page(simple: Tenant) -> None:
    simple.parts.catalog.change_feature("acme", "claims", {"automatic_moves_per_day": 2}, ADA, None)
    ladder = (Rung(Action.NARROW, 0, {"share": 5000}), Rung(Action.NARROW, 10, {"share": 500}))
    simple.trigger("unsupported", *ladder, Rung(Action.REVIEW, 20), Rung(Action.NOTIFY, 20))
    simple.evaluate()
    bad(simple, 2)
    assert governed(simple) == []
    bad(simple)
    assert done(simple) == [("review", "outdone"), ("disable", "done"), ("notify", "done")]
    assert simple.rollout().mode is Mode.OFF
    [told] = governed(simple)
    assert (told["feature"], told["reason"]) == (
        "claims",
        "triggers moved it 2 times in a day, and 2 are enough",
    )


def test_moves_of_more_than_a_day_ago_and_those_of_people_do_not_count(simple: Tenant) -> None:
    simple.parts.catalog.change_feature("acme", "claims", {"automatic_moves_per_day": 1}, ADA, None)
    simple.trigger("unsupported", Rung(Action.NARROW), clear_s=0, window_s=10)
    simple.evaluate()
    simple.move("narrow", exposure={"share": 9000})
    bad(simple)
    assert done(simple) == [("narrow", "done")]
    simple.parts.trigger_edits.acknowledge(simple.where(), "unsupported", ADA, "fixed")
    simple.after(86_401)
    bad(simple)
    assert done(simple) == [("narrow", "done")]
    assert simple.rollout().mode is Mode.LIVE


def test_a_warning_does_not_switch_off_what_it_cannot_review(simple: Tenant) -> None:
    simple.parts.catalog.change_feature("acme", "claims", {"review_capacity_per_day": 1}, ADA, None)
    simple.report(10, grounded=True)
    stored = simple.trigger("unsupported", Rung(Action.REVIEW, 0, {}, Severity.WARNING))
    with simple.parts.database.read() as tx:
        rollout = locate(tx, simple.where())
    now = simple.clock()
    fired = State(phase=Phase.FIRING, since=now, rungs=1, rung_at=now, severity=Severity.WARNING)
    outcome = Step(verdict=Verdict.BREACH, state=fired, due=stored.trigger.ladder, sentence="bad")
    actions = actions_of(simple)
    with simple.parts.database.write() as tx:
        _, results = actions.act(tx, Cause(stored, rollout, Window(now, now)), outcome, now)
    assert [one.result for one in results] == ["impossible"]


def test_once_it_is_off_weaker_moves_are_not_needed(simple: Tenant) -> None:
    simple.trigger("first", Rung(Action.DISABLE))
    simple.trigger("second", Rung(Action.NARROW))
    simple.evaluate()
    simple.report(5, grounded=False)
    simple.after(10)
    assert (simple.rollout().mode, simple.rollout().exposure.share) == (Mode.OFF, 10_000)
    assert [name for name, _ in simple.moves()] == ["disable"]


def test_a_demotion_goes_down_the_stages(simple: Tenant) -> None:
    simple.ask(Stage.PILOT)
    simple.trigger("unsupported", Rung(Action.DEMOTE))
    simple.evaluate()
    bad(simple)
    assert value(simple) == ("beta", "live")


def test_a_trigger_tells_after_it_has_moved(simple: Tenant) -> None:
    simple.trigger("unsupported", Rung(Action.NOTIFY), Rung(Action.UPDATE_EVAL_SET), Rung(Action.DISABLE))
    simple.evaluate()
    bad(simple)
    assert [name for name, _ in simple.moves()] == ["disable", "notify", "update_eval_set"]


def test_where_nobody_has_the_feature_there_is_nothing_to_do(watched: Tenant) -> None:
    watched.move("demote", stage=Stage.READINESS)
    bad(watched)
    assert watched.moves() == []
    [done] = watched.readings()[-1].due
    assert done["result"] == "unneeded: nobody has the feature"


@pytest.mark.parametrize("damage", ["bundle = '7'", "bundle = '{'", "verdict = 'sideways'"])
def test_a_damaged_release_keeps_nothing_from_going_down(simple: Tenant, damage: str) -> None:
    simple.move("introduce", release=simple.release("two"), share=5000)
    simple.move("adopt")
    simple.trigger(
        "unsupported", Rung(Action.REVERT), Rung(Action.REFRESH_DATA, 60), Rung(Action.DISABLE, 600)
    )
    simple.evaluate()
    simple.sql(f"UPDATE releases SET {damage}")
    bad(simple)
    assert done(simple)[0] == ("revert", "impossible")
    assert simple.rollout().mode is Mode.OFF
