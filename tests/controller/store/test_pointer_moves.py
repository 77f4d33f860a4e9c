from __future__ import annotations

import threading
from datetime import timedelta

from controller.store.database import Database
from controller.store.pointer_moves import (
    MoveClaim,
    any_move_due,
    change_move,
    claim_moves,
    claimed_move,
    moves_of,
)
from stages import MoveStatus
from tests.conftest import Clock
from tests.controller.reverting import Reverting

LEASE_S = 60


def claim(database: Database, clock: Clock, limit: int = 10) -> list[MoveClaim]:
    with database.write() as tx:
        return claim_moves(tx, clock(), LEASE_S, limit)


def many(reverting: Reverting, count: int) -> Database:
    """So many incidents, each with a move that is due."""
    for number in range(count):
        reverting.try_out("8", guardrails=str(number))
        reverting.revert()
    reverting.tenant.sql("UPDATE pointer_moves SET status = 'pending'")
    return reverting.tenant.parts.database


def test_a_move_is_claimed_by_one_until_its_lease_runs_out(reverting: Reverting) -> None:
    database, clock = many(reverting, 1), reverting.tenant.clock
    [first] = claim(database, clock)
    assert claim(database, clock) == []
    clock.pass_(LEASE_S)
    [second] = claim(database, clock)
    assert second.fence == first.fence + 1
    with database.read() as tx:
        assert claimed_move(tx, first) is None
        assert claimed_move(tx, second) is not None


def test_whatever_changes_a_move_takes_it_from_whoever_has_claimed_it(reverting: Reverting) -> None:
    database, clock = many(reverting, 1), reverting.tenant.clock
    [claimed] = claim(database, clock)
    with database.write() as tx:
        change_move(tx, claimed.id, due_at=clock() + timedelta(seconds=5))
        assert claimed_move(tx, claimed) is None
    assert claim(database, clock) == []
    clock.pass_(5)
    assert len(claim(database, clock)) == 1


def test_what_is_settled_or_waits_for_a_person_is_not_due(reverting: Reverting) -> None:
    database, clock = many(reverting, 1), reverting.tenant.clock
    for status in MoveStatus:
        reverting.tenant.sql("UPDATE pointer_moves SET status = :status", status=status.value)
        with database.read() as tx:
            assert any_move_due(tx, clock()) is (status is MoveStatus.PENDING)


def test_several_who_claim_at_once_share_what_is_due(reverting: Reverting) -> None:
    database, clock = many(reverting, 8), reverting.tenant.clock
    taken: list[MoveClaim] = []
    threads = [threading.Thread(target=lambda: taken.extend(claim(database, clock, 3))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    taken += claim(database, clock)
    assert len(taken) == 8
    assert len({each.id for each in taken}) == 8


def test_a_fence_that_cannot_be_counted_on_begins_anew(reverting: Reverting) -> None:
    database = many(reverting, 1)
    reverting.tenant.sql("UPDATE pointer_moves SET fence = 2147483647")
    assert [each.fence for each in claim(database, reverting.tenant.clock)] == [1]
    with database.read() as tx:
        assert moves_of(tx, 1)[0].number == 1
