from __future__ import annotations

from datetime import timedelta

import pytest

from controller.reverts import bring_forward
from controller.rollouts import Order, locate
from stages import IncidentStatus, Mode, MoveStatus, Refused, Request, Stage
from tests.controller.reverting import Reverting
from tests.controller.tenant import ADA, TRIGGER, Tenant
from triggers import Action, Rung


def test_a_revert_opens_an_incident_with_the_pointers_that_have_to_follow(reverting: Reverting) -> None:
    good, bad = reverting.release("7"), reverting.adopt("8")
    incident = reverting.revert(TRIGGER, began_at=reverting.tenant.clock() - timedelta(seconds=40))
    assert (incident.release_from, incident.release_to, incident.was_candidate) == (bad, good, False)
    assert (incident.opened_by, incident.reason) == (TRIGGER.name, "it invents claims")
    assert incident.status is IncidentStatus.CONTAINED
    assert incident.opened_at - incident.began_at == timedelta(seconds=40)
    [move] = reverting.moves(incident)
    assert (move.move.expected, move.move.target, move.status) == ("8", "7", MoveStatus.PENDING)
    assert reverting.notices() == ["incident.opened"]
    [(revision,)] = reverting.tenant.ask_sql("SELECT revision FROM environments")
    assert incident.revision == revision


def test_what_began_later_than_it_ended_began_then(case: Reverting) -> None:
    case.adopt("8")
    incident = case.revert(began_at=case.tenant.clock() + timedelta(hours=1))
    assert incident.began_at == incident.opened_at


def test_a_refused_revert_opens_nothing(case: Reverting) -> None:
    with pytest.raises(Refused):
        case.revert()
    assert case.incidents() == []


def test_a_revert_between_releases_of_the_same_version_has_nothing_to_move(case: Reverting) -> None:
    case.adopt("7", guardrails="g-2")
    incident = case.revert()
    assert case.moves(incident) == []
    assert incident.status is IncidentStatus.RESTORED
    assert case.happened(incident) == ["contained done", "restored done"]


def test_where_the_release_that_comes_back_names_no_pointer_a_person_is_asked(case: Reverting) -> None:
    case.adopt(None)
    case.adopt("8")
    [move] = case.moves(case.revert())
    assert (move.status, move.move.expected, move.move.target) == (MoveStatus.MANUAL, "8", "")
    case.work(600)
    assert case.endpoint.calls == []


def test_the_slower_release_says_how_long_it_takes_to_reach_everybody(case: Reverting) -> None:
    case.adopt("8", limits={"propagation_s": 900})
    assert case.revert().propagation_s == 900


def test_a_release_whose_row_is_gone_keeps_nobody_from_reverting(case: Reverting) -> None:
    bad = case.adopt("8")
    case.tenant.sql("DELETE FROM releases WHERE public_id = :id", id=bad)
    [move] = case.moves(case.revert())
    assert (move.move.expected, move.move.target) == ("", "7")


def test_the_newest_revert_takes_over_pointers_that_were_not_moved_yet(reverting: Reverting) -> None:
    reverting.adopt("8")
    reverting.try_out("9")
    first = reverting.revert()
    second = reverting.revert()
    assert [move.status for move in reverting.moves(first)] == [MoveStatus.SUPERSEDED]
    [move] = reverting.moves(second)
    assert (move.move.expected, move.move.target, move.move.also) == ("8", "7", ("9",))
    first = reverting.incidents()[1]
    assert first.status is IncidentStatus.RESTORED
    assert reverting.happened(first) == ["contained done", "pointer_move superseded", "restored done"]
    reverting.langfuse.move("9")
    reverting.work()
    assert reverting.langfuse.now == "7"
    assert [move.status for move in reverting.moves(second)] == [MoveStatus.MOVED]


def test_nothing_is_promoted_while_an_incident_is_open(case: Reverting) -> None:
    case.adopt("8")
    case.revert()
    with pytest.raises(Refused) as refused:
        case.tenant.ask(Stage.PILOT)
    assert "incident_open" in [refusal.code for refusal in refused.value.refusals]
    with case.tenant.parts.database.write() as tx:
        stored = locate(tx, case.tenant.where())
        step = Request(move="advance", exposure=stored.rollout.exposure)
        with pytest.raises(Refused) as refused:
            case.tenant.rollouts.move_in(tx, stored, Order(request=step, actor=ADA, reason="x"))
    assert "incident_open" in [refusal.code for refusal in refused.value.refusals]
    case.tenant.move("review")
    case.tenant.move("resume")
    assert case.tenant.rollout().mode is Mode.LIVE
    case.try_out("9")


def test_a_trigger_that_reverts_says_since_when_it_fires(tenant: Tenant) -> None:
    tenant.beta()
    tenant.move("introduce", release=tenant.release("two"), share=3000)
    tenant.trigger("unsupported", Rung(Action.NOTIFY), Rung(Action.REVERT, 30))
    tenant.evaluate()
    for _ in range(6):
        tenant.clock.pass_(5)
        tenant.report(20, grounded=False)
        tenant.after(5)
    [(began, opened, by)] = tenant.ask_sql("SELECT began_at, opened_at, opened_by FROM incidents")
    assert by == "trigger:unsupported"
    assert int(str(opened)) - int(str(began)) == 30_000_000


def test_an_incident_that_was_restored_once_keeps_that_time(case: Reverting) -> None:
    case.adopt("8")
    incident = case.revert()
    case.work(5)
    restored = case.incidents()[0]
    assert restored.restored_at == incident.opened_at + timedelta(seconds=5)
    with case.tenant.parts.database.write() as tx:
        bring_forward(tx, restored, case.tenant.clock.pass_(60))
    assert case.incidents()[0] == restored
