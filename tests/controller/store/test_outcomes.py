from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from controller.store.outcomes import (
    MEASURES,
    NEEDS_LIMIT,
    SPEND,
    Count,
    Tally,
    add_outcomes,
    forget_outcomes,
    tallies,
    tally,
)
from tests.conftest import START
from tests.controller.tenant import Tenant

JUDGED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "unsupported": ({"grounded": True}, {"grounded": False}),
    "hallucinated_citation": ({"citations_valid": True}, {"citations_valid": False}),
    "sensitive_data": ({"sensitive_data": False}, {"sensitive_data": True}),
    "rejected": ({"review": "accepted"}, {"review": "rejected"}),
    "abandoned": ({"abandoned": False}, {"abandoned": True}),
    "escalated": ({"escalated": False}, {"escalated": True}),
    "error": ({"error": False}, {"error": True}),
    "slow": ({"latency_ms": 100}, {"latency_ms": 101}),
    "costly": ({"cost_usd": 100.0}, {"cost_usd": 100.01}),
}
"""For each measure a good answer and a bad one; where there is a limit, it is 100."""


def counted(tenant: Tenant, measure: str, end: float = 60, **rest: Any) -> Tally:
    limit = 100 if measure in NEEDS_LIMIT else None
    with tenant.parts.database.read() as tx:
        until = START + timedelta(seconds=end)
        return tally(tx, 1, "claims", measure, START, until, limit=limit, **rest)


def test_every_measure_is_tried_here() -> None:
    # What was spent is a sum, and neither good nor bad; tests of the source try it.
    assert {*JUDGED, SPEND} == set(MEASURES)


@pytest.mark.parametrize("measure", JUDGED)
def test_what_nobody_judged_is_neither_good_nor_bad(tenant: Tenant, measure: str) -> None:
    good, bad = JUDGED[measure]
    tenant.report(5)
    tenant.report(3, **good)
    tenant.report(2, **bad)
    assert counted(tenant, measure) == Tally(2, 5, START)


def test_nothing_was_judged_where_nothing_was_reported(tenant: Tenant) -> None:
    assert counted(tenant, "error") == Tally(0, 0, None)


def test_only_the_window_the_feature_and_the_release_count(tenant: Tenant) -> None:
    tenant.report(1, error=True, release="r-1")
    tenant.report(1, "other", error=True)
    tenant.clock.pass_(59)
    tenant.report(1, error=True, release="r-2")
    tenant.clock.pass_(1)
    tenant.report(1, error=True, release="r-1")
    assert counted(tenant, "error").total == 2
    assert counted(tenant, "error", end=59).total == 1
    assert counted(tenant, "error", end=61, release="r-1").total == 2


def test_a_report_that_arrives_twice_counts_once(tenant: Tenant) -> None:
    one = {"public_id": "same", "feature": "claims", "at": START, "error": True}
    with tenant.parts.database.write() as tx:
        assert add_outcomes(tx, 1, [], START) == 0
        assert add_outcomes(tx, 1, [one], START) == 1
        assert add_outcomes(tx, 1, [one | {"error": False}, one | {"public_id": "new"}], START) == 1
    assert counted(tenant, "error") == Tally(2, 2, START)


def test_what_is_old_is_forgotten(tenant: Tenant) -> None:
    tenant.report(2, error=True)
    tenant.clock.pass_(10)
    tenant.report(1, error=True)
    with tenant.parts.database.write() as tx:
        assert forget_outcomes(tx, tenant.clock()) == 2
    assert counted(tenant, "error").total == 1


def test_many_counts_come_out_as_each_of_them_alone(tenant: Tenant) -> None:
    for number in range(4):
        for feature in ("claims", "other"):
            tenant.report(
                number + 1, feature, error=bool(number % 2), release=f"r-{number}", latency_ms=number
            )
    tenant.report(2, "claims", error=True)
    wanted = [
        Count(feature, measure, release, limit)
        for feature in ("claims", "other", "unheard-of")
        for release in (None, "r-1", "r-9")
        for measure, limit in [("error", None), *(("slow", float(limit)) for limit in range(40))]
    ]
    with tenant.parts.database.read() as tx:
        until = START + timedelta(seconds=60)
        together = tallies(tx, 1, START, until, wanted)
        assert together == {
            each: tally(
                tx, 1, each.feature, each.measure, START, until, release=each.release, limit=each.limit
            )
            for each in wanted
        }
    assert together[Count("claims", "error")] == Tally(8, 12, START)
    assert together[Count("claims", "slow", "r-1", 0.0)] == Tally(2, 2, START)
