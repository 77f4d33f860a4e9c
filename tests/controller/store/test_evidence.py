from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from controller.errors import NotFound
from controller.store.evidence import (
    StoredEvidence,
    StoredWaiver,
    add_evidence,
    add_waiver,
    end_waiver,
    evidence_of,
    get_evidence,
    get_waiver,
    waivers_of,
)
from controller.store.reports import report_to_json
from stages import EvalReport, Metric, MetricKind, Part
from tests.controller.tenant import ADA, BOB, Tenant

REPORT = EvalReport(
    tool="promptfoo",
    metrics=(Metric(name="pass_rate", kind=MetricKind.PASS_RATE, value=0.9, n=10, passed=9, failed=1),),
)
RELEASE = "r-0123456789ab"


@pytest.fixture
def two(tenant: Tenant) -> Tenant:
    """Two features, with the ids 1 and 2."""
    tenant.feature("claims")
    tenant.feature("letters")
    return tenant


def shown(two: Tenant, feature_id: int = 1, **values: Any) -> StoredEvidence:
    answer = {
        "requirement": "runbook",
        "sha256": "0" * 64,
        "accepted_by": ADA.name,
        "accepted_at": two.clock(),
    }
    with two.parts.database.write() as tx:
        return add_evidence(tx, feature_id=feature_id, **(answer | values))


def waived(two: Tenant, feature_id: int = 1, **values: Any) -> StoredWaiver:
    asked = {
        "requirement": "runbook",
        "release": None,
        "approver": BOB.name,
        "reason": "it is being written",
        "trigger": "errors",
        "created_at": two.clock(),
        "expires_at": two.clock() + timedelta(days=7),
    }
    with two.parts.database.write() as tx:
        return add_waiver(tx, feature_id=feature_id, **(asked | values))


def test_evidence_is_judged_by_what_was_handed_in(two: Tenant) -> None:
    made = two.clock() - timedelta(days=3)
    parts = {Part.MODEL: "a", Part.PROMPT: "b"}
    stored = shown(two, release=RELEASE, made_at=made, parts=parts, report=report_to_json(REPORT))
    judged = stored.judged
    assert (judged.id, judged.requirement, judged.release) == ("e-1", "runbook", RELEASE)
    assert (judged.made_at, judged.expires_at, judged.sha256) == (made, None, "0" * 64)
    assert (judged.parts, judged.report) == (parts, REPORT)
    with two.parts.database.read() as tx:
        assert get_evidence(tx, 1, stored.id) == stored
        assert evidence_of(tx, 1) == [stored]


def test_evidence_from_before_its_age_was_known_is_as_old_as_its_acceptance(two: Tenant) -> None:
    stored = shown(two)
    assert (stored.made_at, stored.parts, stored.report) == (two.clock(), {}, None)


def test_evidence_of_another_feature_is_not_found(two: Tenant) -> None:
    stored = shown(two, 2)
    with two.parts.database.read() as tx:
        assert evidence_of(tx, 1) == []
        with pytest.raises(NotFound):
            get_evidence(tx, 1, stored.id)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("report", "{"),
        ("report", "7"),
        ("report", "[]"),
        ("report", '{"tool": "x"}'),
        ("report", '{"metrics": null}'),
        ("parts", "{"),
        ("parts", "[]"),
        ("parts", '{"luck": "a"}'),
        ("parts", "null"),
    ],
)
def test_what_cannot_be_read_of_one_piece_proves_nothing_and_hides_no_other(
    two: Tenant, column: str, value: str
) -> None:
    parts = {Part.MODEL: "a"}
    for _ in range(2):
        shown(two, parts=parts, report=report_to_json(REPORT))
    two.sql(f"UPDATE evidence SET {column} = :value WHERE id = 1", value=value)
    with two.parts.database.read() as tx:
        poor, whole = evidence_of(tx, 1)
    assert (whole.parts, whole.report) == (parts, REPORT)
    assert poor.report is None if column == "report" else poor.parts == {}


def test_a_waiver_ends_at_its_end_or_when_it_is_revoked(two: Tenant) -> None:
    first, second = waived(two), waived(two)
    assert first.judged.expires_at == two.clock() + timedelta(days=7)
    later = two.clock.pass_(3600)
    with two.parts.database.write() as tx:
        end_waiver(tx, first.id, later)
        assert get_waiver(tx, 1, first.id).judged.expires_at == later
        end_waiver(tx, second.id, later + timedelta(days=30))
        assert get_waiver(tx, 1, second.id).judged.expires_at == second.expires_at
    assert (first.judged.id, first.judged.approver, first.judged.trigger) == ("w-1", BOB.name, "errors")


def test_waivers_of_another_feature_are_not_found(two: Tenant) -> None:
    mine, other = waived(two), waived(two, 2, release=RELEASE)
    with two.parts.database.read() as tx:
        assert waivers_of(tx, 1) == [mine]
        assert [item.release for item in waivers_of(tx, 2)] == [RELEASE]
        with pytest.raises(NotFound):
            get_waiver(tx, 1, other.id)


def test_waivers_come_in_pages(two: Tenant) -> None:
    ids = [waived(two).id for _ in range(3)]
    with two.parts.database.read() as tx:
        assert [item.id for item in waivers_of(tx, 1, 0, 2)] == ids[:2]
        assert [item.id for item in waivers_of(tx, 1, ids[1], 2)] == ids[2:]
