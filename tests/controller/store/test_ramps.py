"""Ramps and servings as they stand in their rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from controller.rollouts import locate
from controller.store.ramps import (
    Serving,
    drop_servings,
    find_good,
    keep_ramp,
    keep_serving,
    ramp_of,
    rollouts_on_probation,
    running_ramps,
    servings_of,
    unknown_releases,
)
from stages import Approval, Credit, Ramp, RampState
from tests.conftest import START
from tests.controller.tenant import Tenant

RAMP = Ramp(
    started_by="user:ada",
    release="r-1",
    step_since=START,
    credit=Credit(earned=timedelta(seconds=3, microseconds=5), counted_at=START, held=True),
    approvals=(Approval("user:bob", "0" * 64),),
)


def test_a_ramp_is_read_as_it_was_written(tenant: Tenant) -> None:
    tenant.beta()
    with tenant.parts.database.write() as tx:
        id = locate(tx, tenant.where()).id
        assert ramp_of(tx, id) is None
        keep_ramp(tx, id, RAMP)
        assert ramp_of(tx, id) == RAMP
        assert running_ramps(tx) == [id]
        other = replace(RAMP, state=RampState.OFF, why="narrowed by user:ada", release=None, approvals=())
        keep_ramp(tx, id, other)
        assert ramp_of(tx, id) == other
        assert running_ramps(tx) == []


@pytest.mark.parametrize(
    "damage",
    ["state = 'flying'", "step_since = 'soon'", "credited_us = 'x'", "approvals = '[{}]'", "approvals = '{'"],
)
def test_a_row_that_cannot_be_read_is_off(small: Tenant, damage: str) -> None:
    small.beta()
    with small.parts.database.write() as tx:
        id = locate(tx, small.where()).id
        keep_ramp(tx, id, RAMP)
    small.sql(f"UPDATE ramps SET {damage}")
    with small.parts.database.read() as tx:
        found = ramp_of(tx, id)
    assert found is not None
    assert found.state is RampState.OFF
    assert "cannot be read" in found.why


def test_servings_are_kept_per_release(tenant: Tenant) -> None:
    release = tenant.beta()
    with tenant.parts.database.write() as tx:
        stored = locate(tx, tenant.where())
        assert rollouts_on_probation(tx) == [stored.id]
        assert unknown_releases(tx, stored.feature_id) == {release}
        first = Serving(rollout_id=stored.id, release=release, good=RAMP.credit)
        other = replace(first, release="r-2", good=Credit(counted_at=START))
        for serving in (first, other, first):
            keep_serving(tx, serving)
        assert servings_of(tx, stored.id) == [first, other]
        drop_servings(tx, stored.id, [release])
        assert servings_of(tx, stored.id) == [first]


def test_a_release_becomes_good_once_and_only_if_nobody_judged_it(tenant: Tenant) -> None:
    release = tenant.beta()
    with tenant.parts.database.write() as tx:
        feature = locate(tx, tenant.where()).feature_id
        assert find_good(tx, feature, release, "served")
        assert not find_good(tx, feature, release, "served")
        assert rollouts_on_probation(tx) == []


def test_a_release_that_a_revert_keeps_from_users_is_not_found_good(tenant: Tenant) -> None:
    release = tenant.beta()
    tenant.sql("UPDATE releases SET blocked_at = 1")
    with tenant.parts.database.write() as tx:
        assert not find_good(tx, locate(tx, tenant.where()).feature_id, release, "served")


def test_a_rollout_that_no_longer_serves_is_looked_at_until_that_is_written(tenant: Tenant) -> None:
    release = tenant.beta()
    with tenant.parts.database.write() as tx:
        id = locate(tx, tenant.where()).id
        keep_serving(tx, Serving(rollout_id=id, release=release, good=RAMP.credit))
    tenant.move("review")
    with tenant.parts.database.write() as tx:
        assert rollouts_on_probation(tx) == [id]
        keep_serving(tx, Serving(rollout_id=id, release=release, good=replace(RAMP.credit, held=False)))
        assert rollouts_on_probation(tx) == []
