from __future__ import annotations

import threading

import pytest

from stages import IncidentStatus, MoveStatus
from tests.contract.registry_servers.server import Moment
from tests.controller.reverting import Reverting
from tests.controller.tenant import ADA, services_on
from tests.endpoint import Call, replying


def test_a_pointer_is_moved_and_that_is_recorded_once(reverting: Reverting) -> None:
    reverting.adopt("8")
    incident = reverting.revert()
    reverting.work(3)
    reverting.work(600)
    assert reverting.langfuse.now == "7"
    [move] = reverting.moves(incident)
    assert (move.status, move.attempts) == (MoveStatus.MOVED, 1)
    assert move.message == "production of support/claims answer moved from 8 to 7"
    assert reverting.incidents()[0].status is IncidentStatus.RESTORED
    assert reverting.happened(incident) == ["contained done", "pointer_move moved", "restored done"]
    change = reverting.tenant.changes()[-1]
    assert (change.name, change.actor, change.actor_kind) == ("pointer.move", "headgate", "schedule")
    assert change.evidence["result"] == "moved"
    assert reverting.tenant.bad_rows() == []


def test_a_pointer_that_is_there_already_is_left_alone(case: Reverting) -> None:
    case.adopt("8")
    case.langfuse.move("7")
    incident = case.revert()
    case.work()
    assert [move.status for move in case.moves(incident)] == [MoveStatus.ALREADY_THERE]
    assert {call.method for call in case.endpoint.calls} == {"GET"}


def test_a_dropped_candidate_leaves_a_pointer_alone_that_is_not_on_its_version(case: Reverting) -> None:
    case.try_out("9")
    incident = case.revert()
    case.work()
    assert case.langfuse.now == "8"
    [move] = case.moves(incident)
    assert (move.status, move.message) == (
        MoveStatus.UNNEEDED,
        "production of support/claims answer is at 8, not at 9 of the candidate that was dropped; it was left there",
    )
    assert case.incidents()[0].status is IncidentStatus.RESTORED
    assert case.notices() == ["incident.opened"]


def test_a_dropped_candidate_that_the_pointer_stands_on_is_moved_away_from(case: Reverting) -> None:
    case.try_out("8")
    case.revert()
    case.work()
    assert case.langfuse.now == "7"


def test_a_pointer_that_only_the_good_release_names_is_looked_at_and_not_moved(case: Reverting) -> None:
    case.adopt(None)
    incident = case.revert()
    case.work()
    assert [move.status for move in case.moves(incident)] == [MoveStatus.CONFLICT]
    assert case.langfuse.now == "8"
    assert case.notices() == ["incident.opened", "incident.pointer_conflict"]


@pytest.mark.parametrize("moment", [Moment.READ, Moment.WRITE, Moment.READ_BACK])
def test_a_failure_is_tried_again_after_a_pause_that_grows(case: Reverting, moment: Moment) -> None:
    case.adopt("8")
    incident = case.revert()
    case.langfuse.faults[moment] = replying(500, b"no")
    case.work()
    case.work(0.5)
    assert [move.attempts for move in case.moves(incident)] == [1]
    case.work(2)
    [move] = case.moves(incident)
    assert (move.attempts, move.status) == (2, MoveStatus.PENDING)
    assert "500" in move.message
    assert move.due_at is not None
    assert 2 <= (move.due_at - case.tenant.clock()).total_seconds() <= 4
    case.langfuse.faults.clear()
    case.work(4)
    assert case.langfuse.now == "7"
    assert case.moves(incident)[0].status.is_settled


def test_a_registry_that_asks_to_be_left_alone_is_left_alone_so_long(case: Reverting) -> None:
    case.adopt("8")
    incident = case.revert()
    case.langfuse.faults[Moment.READ] = replying(429, b"slow down", {"Retry-After": "900"})
    case.work()
    [move] = case.moves(incident)
    assert move.due_at is not None
    assert (move.due_at - case.tenant.clock()).total_seconds() == 900


def test_a_registry_that_is_not_there_any_more_is_a_failure_that_says_so(case: Reverting) -> None:
    case.adopt("8")
    incident = case.revert()
    case.tenant.sql("DELETE FROM registries")
    case.work()
    assert case.moves(incident)[0].message == "there is no registry 'prompts' in this project"


@pytest.mark.parametrize("change", ["kind = 'nothing'", "settings = '{'", "settings = '{\"url\": 7}'"])
def test_a_registry_that_cannot_be_used_is_a_failure_that_says_so(case: Reverting, change: str) -> None:
    case.adopt("8")
    incident = case.revert()
    case.tenant.sql(f"UPDATE registries SET {change}")
    case.work()
    [move] = case.moves(incident)
    assert (move.status, move.attempts) == (MoveStatus.PENDING, 1)
    assert move.message.startswith("the registry cannot be used: ")


def test_what_was_taken_over_meanwhile_is_not_recorded(reverting: Reverting) -> None:
    reverting.adopt("8")
    incident = reverting.revert()
    confirm = reverting.tenant.parts.incidents.confirm

    def confirmed_meanwhile() -> None:
        confirm("acme", incident.id, 1, ADA, "done by hand")

    reverting.langfuse.before_write = confirmed_meanwhile
    reverting.work()
    assert [move.status for move in reverting.moves(incident)] == [MoveStatus.CONFIRMED]
    assert reverting.happened(incident) == ["contained done", "pointer_confirm done", "restored done"]


def test_two_workers_carry_out_a_move_once(reverting: Reverting) -> None:
    reverting.adopt("8")
    incident = reverting.revert()
    other = services_on(
        reverting.tenant.parts.settings.database_url,
        reverting.tenant.clock,
        outbound_secrets=reverting.tenant.parts.settings.outbound_secrets,
    )
    both = [threading.Thread(target=parts.restoring.run) for parts in (reverting.tenant.parts, other)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(30)
    other.database.close()
    assert reverting.happened(incident) == ["contained done", "pointer_move moved", "restored done"]
    assert [call.method for call in reverting.endpoint.calls].count("PATCH") == 1


def test_the_flag_is_changed_before_the_registry_is_asked_for_anything(reverting: Reverting) -> None:
    good, _ = reverting.release("7"), reverting.adopt("8")
    seen: list[str | None] = []

    def look(call: Call) -> None:
        seen.append(reverting.tenant.rollout().stable)
        call.reply(500)

    reverting.langfuse.faults[Moment.READ] = look
    reverting.revert()
    reverting.work()
    assert seen == [good]


def test_a_row_that_cannot_be_read_harms_no_other(case: Reverting) -> None:
    case.adopt("8")
    case.revert()
    case.tenant.sql("UPDATE pointer_moves SET expected = x'ff', also = '{', fence = 'many', attempts = 'few'")
    case.work()
    [move] = case.moves(case.incidents()[0])
    assert move.status is MoveStatus.CONFLICT
    case.tenant.sql("UPDATE pointer_moves SET status = 'nonsense', due_at = 'x', settled_at = 'x'")
    assert case.moves(case.incidents()[0])[0].status is MoveStatus.CONFLICT
    case.tenant.sql("UPDATE incidents SET status = 'nonsense', opened_at = 'x', closed_at = 'x'")
    assert case.incidents()[0].status is IncidentStatus.CONTAINED
