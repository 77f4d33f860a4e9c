from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.store.claims import (
    Claim,
    Settlement,
    bring_back,
    claim,
    give_back,
    hold,
    next_slot,
    oldest_due,
    set_aside,
    settle,
    sources_with_due,
)
from tests.conftest import START
from tests.controller.tenant import Tenant
from triggers import State


@pytest.fixture
def watched(tenant: Tenant) -> Tenant:
    """A feature with twelve triggers, all due."""
    tenant.beta()
    for number in range(12):
        tenant.trigger(f"trigger-{number}")
    return tenant


def done(tenant: Tenant, *claims: Claim) -> int:
    """How many of the claims still held; those were settled."""
    now = tenant.clock()
    due_at = now + timedelta(seconds=10)
    told = {"state": State(), "verdict": "ok", "sentence": "fine", "due_at": due_at}
    with tenant.parts.database.write() as tx:
        held = hold(tx, claims)
        settle(tx, [Settlement(claim=each, **told) for each in claims], now)
        return len(held)


def rows(tenant: Tenant) -> list[tuple[object, ...]]:
    return tenant.ask_sql("SELECT * FROM triggers ORDER BY id")


def test_a_claim_takes_up_to_its_limit_and_the_longest_waiting_first(watched: Tenant) -> None:
    watched.sql("UPDATE triggers SET due_at = due_at - 1000000 * id")
    first = watched.claims(limit=5)
    assert [one.trigger_id for one in first] == [12, 11, 10, 9, 8]
    assert len(watched.claims(limit=50)) == 7
    assert watched.claims() == []


def test_nobody_claims_what_is_leased_until_the_lease_runs_out(watched: Tenant) -> None:
    mine = watched.claims(lease_s=60)
    watched.clock.pass_(59)
    assert watched.claims() == []
    watched.clock.pass_(1)
    theirs = watched.claims()
    fences = {one.trigger_id: one.fence for one in mine}
    assert {one.trigger_id: one.fence for one in theirs} == {id: fence + 1 for id, fence in fences.items()}


def test_a_lost_fence_writes_nothing(watched: Tenant) -> None:
    [mine] = watched.claims(limit=1, lease_s=1)
    watched.clock.pass_(1)
    theirs = next(one for one in watched.claims() if one.trigger_id == mine.trigger_id)
    before = rows(watched)
    assert not done(watched, mine)
    with watched.parts.database.write() as tx:
        set_aside(tx, mine, "no")
        give_back(tx, mine, watched.clock())
        assert list(hold(tx, [mine, theirs])) == [theirs]
    assert rows(watched) == before
    assert done(watched, theirs)


def test_an_evaluation_gives_the_trigger_back(watched: Tenant) -> None:
    [mine] = watched.claims(limit=1)
    assert done(watched, mine)
    watched.clock.pass_(10)
    assert mine.trigger_id in [one.trigger_id for one in watched.claims()]


def test_a_trigger_that_was_set_aside_is_not_due_any_more(watched: Tenant) -> None:
    for mine in watched.claims():
        with watched.parts.database.write() as tx:
            set_aside(tx, mine, "broken")
    watched.clock.pass_(3600)
    with watched.parts.database.read() as tx:
        assert sources_with_due(tx, watched.clock()) == []
        assert oldest_due(tx, watched.clock()) is None


def test_the_longest_wait_is_told_also_while_somebody_works_on_it(watched: Tenant) -> None:
    watched.claims()
    watched.clock.pass_(5)
    with watched.parts.database.read() as tx:
        assert sources_with_due(tx, watched.clock()) == []
        assert oldest_due(tx, watched.clock()) == START


def test_a_trigger_is_claimed_by_one_of_many_who_try_at_once(watched: Tenant) -> None:
    start, taken, lock = threading.Barrier(6), Counter[int](), threading.Lock()

    def work() -> None:
        start.wait(30)
        while True:
            with watched.parts.database.write() as tx:
                found = claim(tx, 1, watched.clock(), 60, 1)
            if not found:
                return
            with lock:
                taken.update(one.trigger_id for one in found)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert taken == Counter(range(1, 13))


def test_claiming_does_not_wait_for_somebody_elses_claim(postgres_url: str, make_tenant) -> None:
    """On PostgreSQL a locked row is passed over, and no more rows are locked than the limit says."""
    tenant = make_tenant(postgres_url)
    tenant.beta()
    for number in range(6):
        tenant.trigger(f"trigger-{number}")
    with tenant.parts.database.write() as first:
        mine = claim(first, 1, tenant.clock(), 60, 4)
        with tenant.parts.database.write() as second:
            theirs = claim(second, 1, tenant.clock(), 60, 4)
    assert len(mine) == 4
    assert len(theirs) == 2
    assert not {one.trigger_id for one in mine} & {one.trigger_id for one in theirs}


@given(interval=st.integers(1, 10_000), late=st.integers(0, 100_000))
def test_the_next_slot_is_the_first_after_now_on_the_same_grid(interval: int, late: int) -> None:
    now = START + timedelta(seconds=late)
    slot, missed = next_slot(START, interval, now)
    assert now < slot <= now + timedelta(seconds=interval)
    assert (slot - START) % timedelta(seconds=interval) == timedelta(0)
    assert missed == late // interval


def test_a_clock_that_was_set_back_does_not_repeat_a_slot() -> None:
    slot, missed = next_slot(START, 10, START - timedelta(hours=1))
    assert (slot, missed) == (START + timedelta(seconds=10), 0)


def test_a_clock_that_was_set_back_delays_nothing(watched: Tenant) -> None:
    first = watched.claims(limit=6)
    done(watched, *watched.claims(limit=6))
    watched.clock.pass_(-3600)
    assert watched.claims() == []
    with watched.parts.database.write() as tx:
        bring_back(tx, watched.clock(), 60)
    due = watched.claims()
    assert {claim.slot for claim in due} == {watched.clock()}
    assert not {claim.trigger_id for claim in due} & {claim.trigger_id for claim in first}
    watched.clock.pass_(60)
    assert len(watched.claims()) == 12, "a lease lasts no longer than one does"


def test_what_is_due_as_usual_stays_due_as_it_was(watched: Tenant) -> None:
    done(watched, *watched.claims(limit=6))
    before = rows(watched)
    with watched.parts.database.write() as tx:
        bring_back(tx, watched.clock(), 60)
    assert rows(watched) == before
