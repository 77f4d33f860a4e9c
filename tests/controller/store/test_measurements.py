from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from controller.store.features import get_feature
from controller.store.measurements import Measurement, add_measurement, latest_measurement, measurements_of
from controller.store.projects import get_project
from tests.controller.tenant import ADA, Tenant


@pytest.fixture
def feature_id(tenant: Tenant) -> int:
    tenant.feature()
    with tenant.parts.database.read() as tx:
        return get_feature(tx, get_project(tx, "acme").id, "claims").id


def measured(tenant: Tenant, feature_id: int, value: float, at: datetime) -> Measurement:
    with tenant.parts.database.write() as tx:
        return add_measurement(
            tx,
            feature_id=feature_id,
            value=value,
            at=at,
            note="from the warehouse",
            reported_by=ADA.name,
            reported_at=tenant.clock(),
        )


def test_what_nobody_measured_has_no_latest(tenant: Tenant, feature_id: int) -> None:
    with tenant.parts.database.read() as tx:
        assert latest_measurement(tx, feature_id) is None
        assert measurements_of(tx, feature_id) == []


def test_the_latest_is_what_was_measured_last_whenever_it_was_reported(
    tenant: Tenant, feature_id: int
) -> None:
    now = tenant.clock()
    newest = measured(tenant, feature_id, 0.25, now - timedelta(days=1))
    measured(tenant, feature_id, 0.1, now - timedelta(days=9))
    with tenant.parts.database.read() as tx:
        assert latest_measurement(tx, feature_id) == newest
        assert [item.value for item in measurements_of(tx, feature_id)] == [0.25, 0.1]


def test_of_two_for_the_same_moment_the_one_reported_later_counts(tenant: Tenant, feature_id: int) -> None:
    measured(tenant, feature_id, 1.0, tenant.clock())
    corrected = measured(tenant, feature_id, 2.0, tenant.clock())
    with tenant.parts.database.read() as tx:
        assert latest_measurement(tx, feature_id) == corrected


def test_it_is_read_as_it_was_written(tenant: Tenant, feature_id: int) -> None:
    written = measured(tenant, feature_id, 1 / 3, tenant.clock() - timedelta(hours=1))
    assert (written.value, written.note, written.reported_by) == (1 / 3, "from the warehouse", ADA.name)
    assert (written.at, written.reported_at) == (tenant.clock() - timedelta(hours=1), tenant.clock())


def test_values_come_in_pages(tenant: Tenant, feature_id: int) -> None:
    for number in range(5):
        measured(tenant, feature_id, number, tenant.clock())
    with tenant.parts.database.read() as tx:
        first = measurements_of(tx, feature_id, 0, 3)
        assert [item.value for item in first] == [0, 1, 2]
        assert [item.value for item in measurements_of(tx, feature_id, first[-1].id, 3)] == [3, 4]
        assert measurements_of(tx, feature_id + 1) == []
