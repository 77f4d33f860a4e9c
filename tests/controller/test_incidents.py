from __future__ import annotations

from collections.abc import Callable

import pytest

from controller.errors import Conflict, InvalidInput, NotFound
from controller.incidents import Closing, IncidentDesk
from stages import FollowUp, IncidentStatus, MoveStatus, Refused
from tests.contract.registry_servers.server import Moment
from tests.controller.reverting import Reverting
from tests.controller.tenant import ADA, BOB
from tests.endpoint import replying

CLOSING = Closing(follow_up=FollowUp.REGRESSION_TEST, text="the claims are in the evaluation set")


def desk(case: Reverting) -> IncidentDesk:
    return case.tenant.parts.incidents


def refused(act: Callable[[], object]) -> list[str]:
    with pytest.raises(Refused) as reasons:
        act()
    return [refusal.code for refusal in reasons.value.refusals]


def conflict(act: Callable[[], object]) -> str:
    with pytest.raises(Conflict) as reason:
        act()
    return reason.value.code


@pytest.fixture
def conflicted(case: Reverting) -> Reverting:
    """Somebody else has moved the pointer, and it was left there."""
    case.adopt("8")
    case.langfuse.move("9")
    case.revert()
    case.work()
    return case


def test_what_people_do_is_recorded_with_its_reason(conflicted: Reverting) -> None:
    for act, status in (("retry", MoveStatus.PENDING), ("force", MoveStatus.PENDING)):
        getattr(desk(conflicted), act)("acme", 1, 1, BOB, f"because of {act}")
        [move] = conflicted.moves(conflicted.incidents()[0])
        assert (move.status, move.force) == (status, act == "force")
    desk(conflicted).confirm("acme", 1, 1, BOB, "moved it in the registry")
    changes = conflicted.tenant.changes()[-3:]
    assert [(change.name, change.reason, change.actor) for change in changes] == [
        ("pointer.retry", "because of retry", "user:bob"),
        ("pointer.force", "because of force", "user:bob"),
        ("pointer.confirm", "moved it in the registry", "user:bob"),
    ]
    assert changes[0].evidence["was"] == "conflict"
    assert conflicted.incidents()[0].status is IncidentStatus.RESTORED
    assert conflicted.happened(conflicted.incidents()[0]) == [
        "contained done",
        "pointer_move conflict",
        "pointer_retry done",
        "pointer_force done",
        "pointer_confirm done",
        "restored done",
    ]
    assert conflicted.tenant.bad_rows() == []


def test_a_move_that_was_not_forced_stays_within_what_was_expected(conflicted: Reverting) -> None:
    desk(conflicted).force("acme", 1, 1, BOB, "now")
    desk(conflicted).retry("acme", 1, 1, BOB, "rather not")
    conflicted.work()
    assert conflicted.langfuse.now == "9"


def test_a_forced_move_goes_from_wherever_the_pointer_is(conflicted: Reverting) -> None:
    desk(conflicted).force("acme", 1, 1, BOB, "9 was a slip")
    conflicted.work()
    assert conflicted.langfuse.now == "7"
    assert conflicted.tenant.changes()[-1].evidence["forced"] is True


def test_trying_again_does_not_wait_for_the_pause(case: Reverting) -> None:
    case.adopt("8")
    case.langfuse.faults[Moment.READ] = replying(503)
    case.revert()
    for _ in range(6):
        case.work(300)
    case.langfuse.faults.clear()
    case.work(1)
    assert case.langfuse.now == "8"
    desk(case).retry("acme", 1, 1, ADA, "it is up again")
    case.work()
    assert case.langfuse.now == "7"


@pytest.mark.parametrize("act", ["retry", "force", "confirm"])
def test_a_pointer_that_is_settled_is_left_alone(case: Reverting, act: str) -> None:
    case.adopt("8")
    case.revert()
    case.work()
    changed = getattr(desk(case), act)
    assert conflict(lambda: changed("acme", 1, 1, ADA, "again")) == "pointer_settled"
    with pytest.raises(NotFound):
        changed("acme", 1, 2, ADA, "another")
    with pytest.raises(NotFound):
        changed("acme", 2, 1, ADA, "another")


def test_a_pointer_without_a_version_to_go_to_is_confirmed_and_nothing_else(case: Reverting) -> None:
    case.adopt(None)
    case.adopt("8")
    case.revert()
    for act in (desk(case).retry, desk(case).force):
        assert conflict(lambda act=act: act("acme", 1, 1, ADA, "go")) == "pointer_manual"  # type: ignore[misc]
    desk(case).confirm("acme", 1, 1, ADA, "the label was deleted")
    assert case.incidents()[0].status is IncidentStatus.RESTORED


def test_an_incident_is_verified_by_hand_only_when_its_pointers_are_settled(conflicted: Reverting) -> None:
    verify = desk(conflicted).verify
    assert refused(lambda: verify("acme", 1, ADA, "I looked")) == ["pointer_unsettled"]
    desk(conflicted).confirm("acme", 1, 1, ADA, "moved")
    verified = verify("acme", 1, BOB, "the feature has no traffic in the night")
    assert (verified.status, verified.verified_by) == (IncidentStatus.VERIFIED, "user:bob")
    assert conflict(lambda: verify("acme", 1, BOB, "again")) == "incident_verified"
    assert conflicted.notices()[-1] == "incident.verified"
    assert conflicted.tenant.changes()[-1].name == "incident.verify"


def test_an_incident_is_closed_with_its_follow_up(case: Reverting) -> None:
    case.adopt("7", guardrails="g-2")
    case.revert()
    assert refused(lambda: desk(case).close("acme", 1, ADA, CLOSING)) == ["incident_unverified"]
    desk(case).verify("acme", 1, ADA, "I looked")
    closed = desk(case).close("acme", 1, BOB, CLOSING)
    assert (closed.status, closed.closed_by, closed.by_hand) == (IncidentStatus.CLOSED, "user:bob", False)
    assert (closed.follow_up, closed.resolution) == ("regression_test", CLOSING.text)
    assert case.notices() == ["incident.opened", "incident.verified", "incident.closed"]
    assert case.tenant.changes()[-1].reason == CLOSING.text
    assert conflict(lambda: desk(case).close("acme", 1, ADA, CLOSING)) == "incident_closed"
    assert conflict(lambda: desk(case).verify("acme", 1, ADA, "late")) == "incident_closed"


def test_closing_by_hand_needs_a_reason_and_gives_up_what_is_left(conflicted: Reverting) -> None:
    nameless = Closing(follow_up=FollowUp.DATA_FIX, text="x", by_hand=True, reason=" ")
    with pytest.raises(InvalidInput) as invalid:
        desk(conflicted).close("acme", 1, ADA, nameless)
    assert [problem.field for problem in invalid.value.problems] == ["reason"]
    closing = Closing(follow_up=FollowUp.DATA_FIX, text="x", by_hand=True, reason="the registry is gone")
    closed = desk(conflicted).close("acme", 1, ADA, closing)
    assert (closed.status, closed.by_hand) == (IncidentStatus.CLOSED, True)
    assert [move.status for move in conflicted.moves(closed)] == [MoveStatus.ABANDONED]
    change = conflicted.tenant.changes()[-1]
    assert change.reason == "the registry is gone"
    assert len(change.evidence["skipped"]) == 2
    conflicted.work(600)
    assert conflicted.langfuse.now == "9"


def test_what_is_done_properly_counts_as_such_also_when_somebody_asked_for_by_hand(case: Reverting) -> None:
    case.adopt("7", guardrails="g-2")
    case.revert()
    desk(case).verify("acme", 1, ADA, "I looked")
    closing = Closing(follow_up=FollowUp.DATA_FIX, text="x", by_hand=True, reason="to be sure")
    assert desk(case).close("acme", 1, ADA, closing).by_hand is False


def test_incidents_are_found_by_what_they_are(case: Reverting) -> None:
    for number in ("1", "2", "3"):
        case.try_out("7", guardrails=number)
        case.revert()
    desk(case).verify("acme", 2, ADA, "I looked")
    desk(case).close("acme", 2, ADA, CLOSING)
    found = {
        "all": case.incidents(),
        "open": case.incidents(is_open=True),
        "closed": case.incidents(status=IncidentStatus.CLOSED),
        "here": case.incidents(environment="production", feature="claims"),
        "elsewhere": case.incidents(environment="staging") + case.incidents(feature="other"),
        "page": case.incidents(before=3, limit=1),
    }
    assert {name: [incident.id for incident in incidents] for name, incidents in found.items()} == {
        "all": [3, 2, 1],
        "open": [3, 1],
        "closed": [2],
        "here": [3, 2, 1],
        "elsewhere": [],
        "page": [2],
    }
