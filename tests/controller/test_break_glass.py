from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.actors import Actor, ActorKind
from controller.break_glass import BREAK_GLASS, BreakGlassDesk, Emergency
from controller.store.break_glass import BreakGlass, break_glasses_of
from stages import NOBODY, Autonomy, Exposure, Goodness, Mode, Refused, Stage
from tests.controller.tenant import ADA, BOB, EVE, TRIGGER, Tenant
from triggers import Action, Rung

WHY = "the old search is down for everybody"


def desk(tenant: Tenant) -> BreakGlassDesk:
    return tenant.parts.break_glass


def enter(
    tenant: Tenant, stage: Stage = Stage.BETA, minutes: int = 30, actor: Actor = ADA, **exposure: Any
) -> BreakGlass:
    asked = Emergency(stage=stage, exposure=exposure or None, minutes=minutes, reason=WHY)
    return desk(tenant).enter(tenant.where(), asked, actor)


def glasses(tenant: Tenant) -> list[BreakGlass]:
    with tenant.parts.database.read() as tx:
        return break_glasses_of(tx, 1)


def events(tenant: Tenant, name: str) -> list[dict[str, Any]]:
    found = tenant.ask_sql("SELECT event, payload FROM outbox ORDER BY id")
    return [json.loads(str(payload)) for event, payload in found if event == f"break_glass.{name}"]


def against(act: Callable[[], object]) -> list[str]:
    with pytest.raises(Refused) as refused:
        act()
    assert all(refusal.remedy for refusal in refused.value.refusals)
    return [refusal.code for refusal in refused.value.refusals]


def in_readiness(tenant: Tenant, tier: str = "T2") -> Tenant:
    """With a release, and with nothing else that beta asks for."""
    tenant.feature(tier=tier)
    tenant.move("introduce", release=tenant.release())
    return tenant


def over(tenant: Tenant, minutes: float = 30) -> None:
    tenant.clock.pass_(minutes * 60)
    desk(tenant).end_overdue()


def test_what_a_stage_asks_for_is_skipped_and_written_down(
    tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    in_readiness(tenant)
    with caplog.at_level(logging.WARNING, "controller.break_glass"):
        glass = enter(tenant)
    skipped = ["soaking", "evidence_missing", "triggers_missing", "approvals_missing"]
    assert [each["code"] for each in glass.skipped] == skipped
    assert all(each["message"] for each in glass.skipped)
    assert (glass.actor, glass.reason, glass.is_running, glass.is_reviewed) == (ADA.name, WHY, True, False)
    assert glass.until == tenant.clock() + timedelta(minutes=30)
    rollout = tenant.rollout()
    assert (rollout.stage, rollout.mode, rollout.exposure.share) == (Stage.BETA, Mode.LIVE, 1000)
    change = tenant.changes()[-1]
    assert (change.name, change.actor, change.reason) == ("break_glass.enter", ADA.name, WHY)
    assert (change.before["stage"], change.after["stage"]) == ("readiness", "beta")
    assert change.evidence["until"] == glass.until.isoformat()
    assert [each["code"] for each in change.evidence["skipped"]] == skipped
    [told] = events(tenant, "entered")
    assert (told["actor"], told["feature"], told["to_stage"]) == (ADA.name, "claims", "beta")
    assert (told["until"], [each["code"] for each in told["skipped"]]) == (glass.until.isoformat(), skipped)
    [warning] = caplog.messages
    assert all(part in warning for part in (ADA.name, "claims", "beta", WHY, "evidence_missing"))
    assert tenant.bad_rows() == []


def test_exit_criteria_samples_and_models_that_may_change_are_skipped_too(
    make_tenant: Callable[..., Tenant], sqlite_url: str, plans_file: str
) -> None:
    Path(plans_file).write_text("""
criteria: {latency: {title: Answers in time, measure: slow, at_most: 0.05, limit: 800, window_days: 1}}
tiers:
  T1: &plan
    pinned_models: true
    beta: {ceiling: 10000, start: 1000, exit_criteria: [latency], approver_groups: [risk]}
    pilot: {ceiling: 10000, start: 5000, min_samples: 50, trigger_classes: [latency]}
    scaled: {ceiling: 10000, start: 9000, min_samples: 50}
  T2: *plan
  T3: *plan
""")
    tenant = in_readiness(make_tenant(sqlite_url))
    assert [each["code"] for each in enter(tenant).skipped] == ["model_unpinned", "approvals_missing"]
    desk(tenant).review(tenant.where(), 1, BOB, "it was right")
    assert {each["code"] for each in enter(tenant, Stage.PILOT).skipped} == {
        "model_unpinned",
        "samples_missing",
        "criterion_unmeasured",
        "trigger_class_missing",
        "approvals_missing",
    }


def no_release(tenant: Tenant) -> None:
    tenant.feature(tier="T2")


def a_bad_release(tenant: Tenant) -> None:
    in_readiness(tenant)
    release = tenant.rollout().stable
    assert release
    tenant.parts.catalog.judge_release("acme", "claims", release, Goodness.BAD, "it lies", ADA)


def a_model_that_is_gone(tenant: Tenant) -> None:
    tenant.feature(tier="T2")
    bundle = {"prompt": {"ref": "git:a@1"}, "model": {"provider": "openai", "id": "gpt-4-0613"}}
    release = tenant.parts.catalog.make_release("acme", "claims", bundle, "", ADA)[0].public_id
    tenant.move("introduce", release=release)


def a_hold(tenant: Tenant) -> None:
    in_readiness(tenant)
    tenant.move("hold")


def a_trigger_that_fires(tenant: Tenant) -> None:
    in_readiness(tenant)
    tenant.trigger(
        "leaks", Rung(Action.NOTIFY), query={"measure": "sensitive_data"}, method="any_event", params={}
    )
    tenant.evaluate()
    tenant.report(1, sensitive_data=True)
    tenant.after(10)


def a_cap(tenant: Tenant) -> None:
    in_readiness(tenant)
    tenant.sql("UPDATE features SET autonomy_cap = 'draft'")


@pytest.mark.parametrize(
    ("arranged", "asked", "code"),
    [
        (no_release, {}, "no_release"),
        (a_bad_release, {}, "release_bad"),
        (a_model_that_is_gone, {}, "model_retired"),
        (a_hold, {}, "held"),
        (a_trigger_that_fires, {}, "trigger_firing"),
        (a_cap, {"autonomy": Autonomy.RECOMMEND}, "autonomy_above_cap"),
        (in_readiness, {"share": 5001}, "share_above_ceiling"),
        (in_readiness, {"stage": Stage.PILOT}, "not_from_here"),
        (in_readiness, {"stage": Stage.STOPPED}, "not_from_here"),
        (in_readiness, {"actor": TRIGGER}, "not_a_person"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_counts_in_an_emergency_too_refuses_it_and_nothing_is_recorded(
    small: Tenant, arranged: Callable[[Tenant], object], asked: dict[str, Any], code: str
) -> None:
    arranged(small)
    before = (small.rollout(), small.changes())
    assert against(lambda: enter(small, **asked)) == [code]
    assert (small.rollout(), small.changes()) == before
    assert glasses(small) == []
    assert events(small, "entered") == []


def test_when_its_time_is_over_the_feature_goes_back_where_it_came_from(tenant: Tenant) -> None:
    in_readiness(tenant)
    enter(tenant, minutes=30)
    over(tenant, 29.9)
    assert tenant.rollout().stage is Stage.BETA
    over(tenant, 0.1)
    rollout = tenant.rollout()
    assert (rollout.stage, rollout.mode, rollout.exposure) == (Stage.READINESS, Mode.OFF, NOBODY)
    change = tenant.changes()[-1]
    assert (change.name, change.actor, change.actor_kind) == ("demote", "break-glass", ActorKind.SCHEDULE)
    assert change.evidence["break_glass"] == 1
    [glass] = glasses(tenant)
    assert (glass.ended_how, glass.ended_by, glass.ended_at) == ("expired", BREAK_GLASS.name, tenant.clock())
    over(tenant)
    assert tenant.changes()[-1] == change
    assert [told["how"] for told in events(tenant, "ended")] == ["expired"]
    assert tenant.bad_rows() == []


def test_it_goes_back_with_no_more_exposure_than_before(tenant: Tenant) -> None:
    tenant.beta(share=1000)
    tenant.move("narrow", exposure={"cohorts": frozenset({"staff", "testers"}), "autonomy": Autonomy.DRAFT})
    before = tenant.rollout().exposure
    enter(tenant, Stage.PILOT, share=8000, cohorts=frozenset(), autonomy=Autonomy.EXECUTE)
    tenant.move("widen", exposure={"share": 9000, "tasks": frozenset({"letters"})})
    over(tenant)
    rollout = tenant.rollout()
    assert (rollout.stage, rollout.mode) == (Stage.BETA, Mode.LIVE)
    assert rollout.exposure == Exposure(
        share=1000, cohorts=before.cohorts, tasks=frozenset({"letters"}), autonomy=Autonomy.DRAFT
    )
    assert [(change.name, change.actor) for change in tenant.changes()[-2:]] == [
        ("demote", "break-glass"),
        ("narrow", "break-glass"),
    ]


def test_what_was_narrowed_meanwhile_stays_narrow(tenant: Tenant) -> None:
    tenant.beta(share=5000)
    enter(tenant, Stage.PILOT)
    tenant.move("narrow", exposure={"share": 10})
    over(tenant)
    assert tenant.rollout().exposure.share == 10
    assert tenant.changes()[-1].name == "demote"


@pytest.mark.parametrize("move", ["demote", "stop"])
def test_whoever_leads_out_of_the_stage_ends_it_early(tenant: Tenant, move: str) -> None:
    tenant.beta()
    enter(tenant, Stage.PILOT)
    tenant.move(move, actor=TRIGGER)
    [glass] = glasses(tenant)
    assert (glass.ended_how, glass.ended_by, glass.ended_at) == (move, TRIGGER.name, tenant.clock())
    assert [(told["how"], told["by"]) for told in events(tenant, "ended")] == [(move, TRIGGER.name)]
    before = tenant.rollout()
    over(tenant)
    assert tenant.rollout() == before


@pytest.mark.parametrize("move", ["disable", "review", "hold"])
def test_going_down_within_the_stage_does_not_lift_the_time_box(tenant: Tenant, move: str) -> None:
    tenant.beta()
    enter(tenant, Stage.PILOT)
    tenant.move(move)
    tenant.move("resume")
    assert glasses(tenant)[0].is_running
    tenant.move(move)
    over(tenant)
    assert tenant.rollout().stage is Stage.BETA
    assert glasses(tenant)[0].ended_how == "expired"


def test_until_somebody_else_has_reviewed_it_nothing_is_promoted(tenant: Tenant) -> None:
    tenant.beta()
    enter(tenant, Stage.PILOT)
    assert against(lambda: tenant.ask(Stage.SCALED)) == ["break_glass_unreviewed"]
    assert against(lambda: enter(tenant, Stage.SCALED)) == ["break_glass_unreviewed"]
    over(tenant)
    assert against(lambda: tenant.ask(Stage.PILOT)) == ["break_glass_unreviewed"]
    assert against(lambda: desk(tenant).review(tenant.where(), 1, ADA, "fine")) == ["self_review"]
    glass = desk(tenant).review(tenant.where(), 1, BOB, "it was right")
    assert (glass.reviewed_by, glass.reviewed_at, glass.review) == (BOB.name, tenant.clock(), "it was right")
    change = tenant.changes()[-1]
    assert (change.name, change.actor, change.reason) == ("break_glass.review", BOB.name, "it was right")
    assert against(lambda: desk(tenant).review(tenant.where(), 1, EVE, "me too")) == ["already_reviewed"]
    assert tenant.ask(Stage.PILOT).refusals == ()
    assert tenant.rollout().stage is Stage.PILOT


def test_one_above_another_ends_with_it(tenant: Tenant) -> None:
    tenant.beta()
    enter(tenant, Stage.PILOT, 30)
    desk(tenant).review(tenant.where(), 1, BOB, "it was right")
    enter(tenant, Stage.SCALED, 60)
    over(tenant)
    assert tenant.rollout().stage is Stage.BETA
    assert [(glass.ended_how, glass.ended_by) for glass in glasses(tenant)] == [
        ("expired", "break-glass"),
        ("demote", "break-glass"),
    ]
    assert len(events(tenant, "ended")) == 2


def test_a_stage_may_be_kept_once_it_has_what_it_asks_for(tenant: Tenant) -> None:
    in_readiness(tenant)
    enter(tenant)
    regularise = lambda actor: desk(tenant).regularise(tenant.where(), 1, actor, "all is there now")  # noqa: E731
    assert against(lambda: regularise(ADA)) == ["self_approval", "evidence_missing", "triggers_missing"]
    tenant.prove("evaluation-report", tenant.rollout().stable)
    tenant.trigger()
    tenant.evaluate()
    assert against(lambda: regularise(ADA)) == ["self_approval"]
    glass = regularise(BOB)
    assert (glass.ended_how, glass.ended_by, glass.is_reviewed) == ("regularise", BOB.name, False)
    change = tenant.changes()[-1]
    assert (change.name, change.actor) == ("break_glass.regularise", BOB.name)
    over(tenant)
    assert tenant.rollout().stage is Stage.BETA
    assert against(lambda: regularise(EVE)) == ["break_glass_over"]
    assert [told["how"] for told in events(tenant, "ended")] == ["regularise"]


def test_a_stage_is_not_kept_against_a_trigger_a_hold_or_a_mode_that_is_not_live(tenant: Tenant) -> None:
    tenant.beta()
    enter(tenant, Stage.PILOT)
    tenant.move("hold")
    tenant.move("review")
    refused = against(lambda: desk(tenant).regularise(tenant.where(), 1, BOB, "all is there now"))
    assert refused == ["not_from_here", "held"]
    tenant.move("resume")
    assert desk(tenant).regularise(tenant.where(), 1, BOB, "all is there now").ended_how == "regularise"


def test_a_rollout_that_cannot_be_read_does_not_keep_up_the_others(
    tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    in_readiness(tenant)
    enter(tenant)
    tenant.beta("other")
    asked = Emergency(stage=Stage.PILOT, exposure=None, minutes=30, reason=WHY)
    desk(tenant).enter(tenant.where("other"), asked, ADA)
    tenant.sql("UPDATE rollouts SET mode = 'garbage' WHERE id = 1")
    with caplog.at_level(logging.ERROR, "controller.break_glass"):
        over(tenant)
    assert tenant.rollout("other").stage is Stage.BETA
    assert [record.levelno for record in caplog.records].count(logging.ERROR) == 1
    tenant.sql("UPDATE rollouts SET mode = 'live' WHERE id = 1")
    over(tenant)
    assert tenant.rollout().stage is Stage.READINESS


def test_a_row_that_cannot_be_read_leads_to_the_lowest_stage_that_it_can(tenant: Tenant) -> None:
    tenant.beta()
    enter(tenant, Stage.PILOT)
    tenant.sql("UPDATE break_glasses SET from_stage = 'garbage', from_exposure = '{', skipped = '7'")
    [glass] = glasses(tenant)
    assert (glass.from_stage, glass.from_exposure, glass.skipped) == (Stage.READINESS, NOBODY, ())
    over(tenant)
    assert tenant.rollout().stage is Stage.READINESS
