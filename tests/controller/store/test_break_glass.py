from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from controller.errors import NotFound
from controller.rollouts import locate
from controller.store.break_glass import (
    BreakGlass,
    add_break_glass,
    break_glasses_of,
    end_break_glass,
    end_those_left,
    get_break_glass,
    is_below,
    open_break_glass,
    open_break_glasses,
    overdue,
    review_break_glass,
    unreviewed,
)
from controller.store.database import Transaction
from controller.store.rollouts import StoredRollout
from stages import NOBODY, Refusal, Stage
from tests.controller.tenant import ADA, BOB, Tenant

SKIPPED = Refusal("soaking", "too short a time", "wait", "request")


@pytest.fixture
def two(tenant: Tenant) -> Tenant:
    for key in ("claims", "letters"):
        tenant.feature(key)
    return tenant


def located(two: Tenant, tx: Transaction, feature: str = "claims") -> StoredRollout:
    return locate(tx, two.where(feature))


def opened(two: Tenant, to: Stage = Stage.BETA, minutes: float = 10, feature: str = "claims") -> BreakGlass:
    with two.parts.database.write() as tx:
        now = two.clock()
        return add_break_glass(
            tx,
            located(two, tx, feature),
            actor=ADA.name,
            reason="all is down",
            skipped=[SKIPPED],
            to_stage=to,
            opened_at=now,
            until=now + timedelta(minutes=minutes),
        )


def test_it_is_read_as_it_was_written(two: Tenant) -> None:
    glass = opened(two)
    with two.parts.database.read() as tx:
        rollout = located(two, tx)
        assert get_break_glass(tx, rollout.id, glass.id) == glass
    assert (glass.from_stage, glass.to_stage) == (Stage.READINESS, Stage.BETA)
    assert (glass.from_since, glass.from_exposure) == (rollout.rollout.stage_since, rollout.rollout.exposure)
    assert [dict(each) for each in glass.skipped] == [
        {"code": "soaking", "field": "request", "message": "too short a time"}
    ]
    assert glass.is_running
    assert not glass.is_reviewed


def test_that_of_another_rollout_is_not_found(two: Tenant) -> None:
    glass = opened(two)
    with two.parts.database.read() as tx:
        other = located(two, tx, "letters").id
        with pytest.raises(NotFound):
            get_break_glass(tx, other, glass.id)
        assert break_glasses_of(tx, other) == []
        assert open_break_glass(tx, other) is None


def test_it_is_open_until_it_is_over_and_reviewed(two: Tenant) -> None:
    glass = opened(two)
    with two.parts.database.write() as tx:
        stored = located(two, tx)
        assert open_break_glass(tx, stored.id) == glass
        assert unreviewed(tx, stored.id) == [glass.id]
        review_break_glass(tx, glass.id, BOB.name, "it was right", two.clock())
        assert unreviewed(tx, stored.id) == []
        still = open_break_glass(tx, stored.id)
        assert still is not None
        assert (still.reviewed_by, still.review) == (BOB.name, "it was right")
        assert end_break_glass(tx, stored, glass, "expired", BOB, two.clock())
        assert open_break_glass(tx, stored.id) is None


def test_it_ends_once(two: Tenant) -> None:
    glass = opened(two)
    with two.parts.database.write() as tx:
        stored = located(two, tx)
        assert end_break_glass(tx, stored, glass, "expired", BOB, two.clock())
        assert not end_break_glass(tx, stored, glass, "demote", ADA, two.clock())
        found = get_break_glass(tx, stored.id, glass.id)
        assert (found.ended_how, found.ended_by) == ("expired", BOB.name)
    told = two.ask_sql("SELECT count(*) FROM outbox WHERE event = 'break_glass.ended'")
    assert told == [(1,)]


def test_the_newest_open_one_of_each_rollout_is_found(two: Tenant) -> None:
    opened(two)
    newest, other = opened(two, Stage.PILOT), opened(two, feature="letters")
    with two.parts.database.read() as tx:
        ids = [located(two, tx).id, located(two, tx, "letters").id, 99]
        assert open_break_glasses(tx, ids) == {ids[0]: newest, ids[1]: other}
        assert open_break_glasses(tx, []) == {}


def test_those_past_their_time_are_found_the_longest_first(two: Tenant) -> None:
    opened(two, minutes=20), opened(two, minutes=10, feature="letters"), opened(two, minutes=30)
    with two.parts.database.read() as tx:
        now = two.clock()
        assert overdue(tx, now + timedelta(minutes=9.9)) == []
        assert [id for _, id in overdue(tx, now + timedelta(minutes=20))] == [2, 1]


def test_only_those_of_stages_that_were_left_end(two: Tenant) -> None:
    opened(two), opened(two, Stage.PILOT), opened(two, Stage.SCALED), opened(two, feature="letters")
    with two.parts.database.write() as tx:
        stored = located(two, tx)
        end_those_left(tx, stored, Stage.SCALED, "promote", ADA, two.clock())
        assert all(glass.is_running for glass in break_glasses_of(tx, stored.id))
        end_those_left(tx, stored, Stage.BETA, "demote", ADA, two.clock())
        ended = [glass.to_stage for glass in break_glasses_of(tx, stored.id) if not glass.is_running]
        assert ended == [Stage.PILOT, Stage.SCALED]
        end_those_left(tx, stored, Stage.STOPPED, "stop", ADA, two.clock())
        assert [glass.ended_how for glass in break_glasses_of(tx, stored.id)] == ["stop", "demote", "demote"]
        assert break_glasses_of(tx, located(two, tx, "letters").id)[0].is_running


def test_stages_are_ordered_with_stopped_below_all() -> None:
    order = [Stage.STOPPED, Stage.READINESS, Stage.BETA, Stage.PILOT, Stage.SCALED]
    assert [is_below(one, two) for one in order for two in order] == [
        first < second for first in range(5) for second in range(5)
    ]


GARBAGE = ["'garbage'", "'{'", "'7'", "'[1]'", "''"]


@pytest.mark.parametrize(
    ("column", "values", "read"),
    [
        ("from_stage", GARBAGE, lambda glass: glass.from_stage is Stage.READINESS),
        ("to_stage", GARBAGE, lambda glass: glass.to_stage is Stage.READINESS),
        ("from_exposure", GARBAGE, lambda glass: glass.from_exposure == NOBODY),
        ("skipped", GARBAGE, lambda glass: glass.skipped == ()),
        ("until", ["9223372036854775807", "'garbage'"], lambda glass: glass.until.year == 1970),
        ("ended_at", ["9223372036854775807", "'garbage'"], lambda glass: not glass.is_running),
        ("reviewed_at", ["9223372036854775807", "'garbage'"], lambda glass: glass.reviewed_at.year == 1970),
    ],
)
def test_what_cannot_be_read_counts_as_the_least(
    two: Tenant, column: str, values: list[str], read: Callable[[BreakGlass], bool]
) -> None:
    glass = opened(two)
    numbers = column in ("until", "ended_at", "reviewed_at")
    for value in values:
        if numbers and "garbage" in value and not two.parts.database.is_sqlite:
            continue
        two.sql(f"UPDATE break_glasses SET {column} = {value}")
        with two.parts.database.read() as tx:
            [found] = break_glasses_of(tx, glass.rollout_id)
            assert read(found), value
            assert overdue(tx, two.clock()) in ([], [(glass.rollout_id, glass.id)])
