from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.errors import InvalidInput, NotFound
from controller.evidence import LONGEST_WAIVER, EvidenceDesk, ReportUpload, summary_of
from controller.rollouts import locate
from controller.store.evidence import StoredEvidence, StoredWaiver
from stages import EvalReport, Metric, MetricKind, Part, Refused, Request, Stage, check_promotion
from tests.conftest import START
from tests.controller.conftest import MakeTenant
from tests.controller.tenant import ADA, BOB, Tenant

PLANS = """
requirements:
  owner: {gate: business_fit, title: Owner, artifact: record, fields: [owner]}
  runbook: {gate: operations, title: Runbook, missed: waive}
  red-team: {gate: controls, title: Red team, proves: [prompt, model], missed: waive}
  glossary: {gate: evaluation, title: Glossary, owner: evaluation, missed: remind}
  settled: {gate: controls, title: Settled, missed: waive}
  quality:
    gate: evaluation
    title: Quality
    artifact: eval_report
    proves: release
    threshold: {metric: pass_rate, at_least: 0.8}
    min_samples: 20
tiers:
  T1: &plan
    beta: {ceiling: 10000, start: 1000, requirements: [owner, runbook, red-team, quality, glossary]}
    pilot: {ceiling: 10000, start: 5000}
    scaled: {ceiling: 10000, start: 10000, requirements: [settled: {missed: block}]}
  T2: *plan
  T3: *plan
"""


@pytest.fixture
def plans_file(tmp_path: Path) -> str:
    path = tmp_path / "plans.yaml"
    path.write_text(PLANS)
    return str(path)


@pytest.fixture
def ready(make_tenant: MakeTenant, database_url: str) -> Tenant:
    """A feature with a release and a trigger that nobody has evaluated yet, in readiness."""
    tenant = make_tenant(database_url)
    tenant.feature()
    tenant.trigger()
    tenant.move("introduce", release=tenant.release())
    return tenant


def desk(tenant: Tenant) -> EvidenceDesk:
    return tenant.parts.evidence


def stable(tenant: Tenant) -> str:
    return str(tenant.rollout().stable)


def accept(tenant: Tenant, **answer: Any) -> StoredEvidence:
    whole = {"requirement": "runbook", "release": None, "sha256": "0" * 64, "summary": "", "uri": ""}
    return desk(tenant).accept("acme", "claims", whole | answer, ADA)


def waive(tenant: Tenant, **asked: Any) -> StoredWaiver:
    whole = {
        "requirement": "runbook",
        "release": None,
        "trigger": "unsupported",
        "reason": "it is being written",
        "expires_at": tenant.clock() + timedelta(days=7),
    }
    return desk(tenant).waive("acme", "claims", whole | asked, BOB)


def refused(act: Callable[[], object]) -> list[str]:
    with pytest.raises(InvalidInput) as invalid:
        act()
    assert all(problem.message and problem.remedy for problem in invalid.value.problems)
    return [problem.field for problem in invalid.value.problems]


def missing(tenant: Tenant) -> dict[str, str]:
    """What stands against beta, by requirement."""
    with tenant.parts.database.read() as tx:
        stored, now = locate(tx, tenant.where()), tenant.clock()
        case = tenant.parts.cases.case(tx, stored, Request(move="promote", stage=Stage.BETA), ADA.name, now)
        reasons = check_promotion(case, tenant.parts.cases.plan_of(tx, stored), now)
    return {reason.field: reason.code for reason in reasons if reason.code.startswith("evidence_")}


def test_what_is_handed_in_is_kept_with_the_parts_of_its_release_and_recorded(ready: Tenant) -> None:
    found = ready.clock() - timedelta(days=2)
    stored = accept(ready, requirement="red-team", release=stable(ready), summary="held", made_at=found)
    assert (stored.accepted_by, stored.accepted_at, stored.made_at) == (ADA.name, ready.clock(), found)
    assert set(stored.parts) == set(Part)
    change = ready.changes()[-1]
    assert (change.name, change.actor, change.reason) == ("evidence.accept", ADA.name, "held")
    assert change.after == {"requirement": "red-team", "release": stable(ready), "sha256": "0" * 64}
    assert "red-team" not in missing(ready)
    assert ready.bad_rows() == []


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        ({"requirement": "luck"}, "requirement"),
        ({"requirement": "owner"}, "requirement"),
        ({"requirement": "red-team"}, "release"),
    ],
)
def test_what_answers_nothing_is_refused_by_name(ready: Tenant, answer: dict[str, Any], field: str) -> None:
    before = ready.changes()
    assert refused(lambda: accept(ready, **answer)) == [field]
    assert ready.changes() == before


def test_a_release_of_another_feature_is_not_found(ready: Tenant) -> None:
    ready.feature("letters")
    other = ready.release("other", "letters")
    for act in (
        lambda: accept(ready, requirement="red-team", release=other),
        lambda: waive(ready, requirement="red-team", release=other),
    ):
        with pytest.raises(NotFound):
            act()


def test_nothing_was_found_in_the_future(ready: Tenant) -> None:
    assert refused(lambda: accept(ready, made_at=ready.clock() + timedelta(days=2))) == ["made_at"]
    ahead = accept(ready, made_at=ready.clock() + timedelta(hours=3))
    assert ahead.made_at == ready.clock()


def report(passed: int, failed: int, finished_at: str | None = None) -> bytes:
    metric = {"name": "pass_rate", "kind": "pass_rate", "passed": passed, "failed": failed}
    content: dict[str, Any] = {"format": "headgate-evaluation/1", "metrics": [metric]}
    return json.dumps(content | ({"finished_at": finished_at} if finished_at else {})).encode()


def read_in(tenant: Tenant, data: bytes, **rest: Any) -> StoredEvidence:
    upload = ReportUpload(requirement="quality", release=stable(tenant), data=data, **rest)
    return desk(tenant).read_in("acme", "claims", upload, ADA)


def test_a_report_is_read_kept_with_the_hash_of_its_file_and_checked(ready: Tenant) -> None:
    data = report(60, 0, "2026-11-19T12:00:00Z")
    stored = read_in(ready, data, name="report.json")
    assert stored.sha256 == hashlib.sha256(data).hexdigest()
    assert stored.report is not None
    assert (stored.report.tool, stored.made_at.day) == ("generic", 19)
    assert stored.summary == "generic: pass_rate 1 (n=60)"
    assert "quality" not in missing(ready)
    read_in(ready, report(30, 30, "2026-11-20T11:00:00Z"))
    assert missing(ready)["quality"] == "evidence_failed"


def test_a_link_in_place_of_a_report_is_not_taken_for_one(ready: Tenant) -> None:
    accept(ready, requirement="quality", release=stable(ready))
    assert missing(ready)["quality"] == "evidence_unchecked"


@pytest.mark.parametrize(
    ("data", "tool", "field"),
    [(b"\x00garbage", "", "file"), (report(1, 0), "luck", "tool")],
)
def test_a_file_that_cannot_be_read_leaves_nothing_behind(
    ready: Tenant, data: bytes, tool: str, field: str
) -> None:
    before = ready.changes()
    assert refused(lambda: read_in(ready, data, tool=tool)) == [field]
    assert ready.changes() == before


def test_a_report_from_a_clock_that_is_ahead_is_refused_as_far_as_it_matters(ready: Tenant) -> None:
    assert refused(lambda: read_in(ready, report(60, 0, "2027-11-19T12:00:00Z"))) == ["made_at"]


def test_a_summary_names_the_tool_and_at_most_eight_metrics() -> None:
    metrics = tuple(
        Metric(name=f"m{number}", kind=MetricKind.COUNT, value=number or None, n=3) for number in range(10)
    )
    said = summary_of(EvalReport(tool="ragas", tool_version="0.2", metrics=metrics, partial="it was stopped"))
    assert said.startswith("ragas 0.2: m0 unscored (n=3), m1 1 (n=3)")
    assert said.endswith(" and 2 more; partial: it was stopped")
    assert summary_of(EvalReport(tool="junit")) == "junit: no metrics"


def test_a_waiver_lets_a_requirement_pass_while_its_trigger_watches(ready: Tenant) -> None:
    waiver = waive(ready)
    assert missing(ready)["runbook"] == "evidence_missing"
    ready.evaluate()
    assert "runbook" not in missing(ready)
    assert (waiver.approver, waiver.created_at, waiver.revoked_at) == (BOB.name, ready.clock(), None)
    change = next(change for change in ready.changes() if change.name == "evidence.waive")
    assert (change.actor, change.reason) == (BOB.name, "it is being written")
    assert change.after == {
        "requirement": "runbook",
        "release": None,
        "trigger": "unsupported",
        "expires_at": waiver.expires_at.isoformat(),
    }
    ready.after(7 * 86_400)
    assert missing(ready)["runbook"] == "evidence_missing"


def prove_quality(tenant: Tenant, release: str) -> None:
    upload = ReportUpload(
        requirement="quality", release=release, data=report(_cases(release), 0, "2026-11-19T12:00:00Z")
    )
    desk(tenant).read_in("acme", "claims", upload, ADA)


def _cases(release: str) -> int:
    """So many cases that no two releases have the same report."""
    return 60 + int(release[-2:], 16)


def test_the_file_of_one_release_says_nothing_of_another(ready: Tenant) -> None:
    data = report(60, 0, "2026-11-19T12:00:00Z")
    other = ready.release("two")
    for requirement in ("quality", "quality"):
        upload = ReportUpload(requirement=requirement, release=stable(ready), data=data)
        desk(ready).read_in("acme", "claims", upload, ADA)
    upload = ReportUpload(requirement="quality", release=other, data=data)
    assert refused(lambda: desk(ready).read_in("acme", "claims", upload, ADA)) == ["body"]


@pytest.mark.parametrize(
    ("answer", "field"),
    [({"uri": " JavaScript:alert(1)"}, "uri"), ({"expires_at": START - timedelta(days=1)}, "expires_at")],
)
def test_evidence_that_runs_or_has_expired_is_refused(
    ready: Tenant, answer: dict[str, Any], field: str
) -> None:
    assert refused(lambda: accept(ready, **answer)) == [field]


def test_who_waived_something_for_a_release_does_not_bring_it_to_users(ready: Tenant) -> None:
    ready.parts.catalog.change_feature("acme", "claims", {"owner": "ada"}, ADA, None)
    ready.evaluate()
    accept(ready)
    accept(ready, requirement="red-team", release=stable(ready))
    prove_quality(ready, stable(ready))
    ready.ask()
    other = ready.release("two")
    prove_quality(ready, other)
    waive(ready, requirement="red-team", release=other)
    with pytest.raises(Refused) as self_waived:
        ready.move("introduce", actor=BOB, release=other, share=100)
    assert [refusal.code for refusal in self_waived.value.refusals] == ["self_waived"]
    ready.move("introduce", actor=ADA, release=other, share=100)
    with pytest.raises(Refused):
        ready.move("adopt", actor=BOB)
    ready.move("adopt", actor=ADA)
    assert stable(ready) == other


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"requirement": "luck"}, "requirement"),
        ({"requirement": "quality"}, "requirement"),
        ({"requirement": "glossary"}, "requirement"),
        ({"requirement": "settled"}, "requirement"),
        ({"requirement": "red-team"}, "release"),
        ({"trigger": "luck"}, "trigger"),
    ],
)
def test_what_cannot_be_waived_is_refused_by_name(ready: Tenant, asked: dict[str, Any], field: str) -> None:
    assert refused(lambda: waive(ready, **asked)) == [field]


def test_what_a_stage_only_reminds_of_is_named_and_keeps_nothing_back(ready: Tenant) -> None:
    ready.parts.catalog.change_feature(
        "acme", "claims", {"owner": "ada", "people": {"evaluation": "Eva"}}, ADA, None
    )
    ready.evaluate()
    for requirement in ("runbook", "red-team"):
        accept(ready, requirement=requirement, release=stable(ready))
    prove_quality(ready, stable(ready))
    sheet = ready.parts.readiness.sheet(ready.where())
    (item,) = sheet.reminders
    assert (item.need.key, item.owner, item.since) == ("glossary", "Eva", START)
    assert (sheet.missing, sheet.score()) == ((), (4, 5))
    ready.ask()
    assert ready.rollout().stage is Stage.BETA


def test_a_waiver_ends_within_its_bounds(ready: Tenant) -> None:
    for end in (timedelta(0), -timedelta(days=1), LONGEST_WAIVER + timedelta(seconds=1)):
        assert refused(lambda end=end: waive(ready, expires_at=ready.clock() + end)) == ["expires_at"]
    assert waive(ready, expires_at=ready.clock() + LONGEST_WAIVER).id


def test_a_waiver_may_be_ended_early_and_that_is_recorded_once(ready: Tenant) -> None:
    ready.evaluate()
    waiver = waive(ready)
    for _ in range(2):
        ended = desk(ready).end_waiver("acme", "claims", waiver.id, ADA, "the runbook is needed")
        assert ended.revoked_at == ready.clock()
    assert missing(ready)["runbook"] == "evidence_missing"
    told = [change for change in ready.changes() if change.name == "evidence.unwaive"]
    assert [(change.actor, change.reason) for change in told] == [(ADA.name, "the runbook is needed")]
    with pytest.raises(NotFound):
        desk(ready).end_waiver("acme", "claims", 99, ADA, "x")


METRIC = {"name": "time saved", "unit": "h", "baseline": 1.0, "target": 3.0, "window_days": 30}


def test_a_value_of_the_business_metric_is_recorded_as_of_its_moment(ready: Tenant) -> None:
    ready.parts.catalog.make_feature(
        "acme",
        "letters",
        {"name": "l", "risk_tier": "T1", "when_lost": "off", "business_metric": METRIC},
        ADA,
    )
    earlier = ready.clock() - timedelta(days=1)
    measured = desk(ready).measure("acme", "letters", 2.5, earlier, "of the pilot team", ADA)
    assert (measured.value, measured.at, measured.reported_at) == (2.5, earlier, ready.clock())
    assert desk(ready).measure("acme", "letters", 2.6, None, "", ADA).at == ready.clock()
    change = ready.changes()[-2]
    assert (change.name, change.feature, change.reason) == (
        "business_metric.report",
        "letters",
        "of the pilot team",
    )
    assert change.after == {"value": 2.5, "at": earlier.isoformat()}
    ahead = ready.clock() + timedelta(seconds=1)
    assert refused(lambda: desk(ready).measure("acme", "letters", 1.0, ahead, "", ADA)) == ["at"]


def test_a_feature_without_a_business_metric_has_no_values(ready: Tenant) -> None:
    assert refused(lambda: desk(ready).measure("acme", "claims", 1.0, None, "", ADA)) == ["business_metric"]
