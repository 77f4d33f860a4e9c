from __future__ import annotations

import json
import threading
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.drills import Drills
from controller.errors import Conflict, InvalidInput
from controller.flags.naming import CANARY
from controller.plain_flags import Place
from controller.rollouts import locate_environment
from controller.store.drills import DrillRun, DrillState, runs_of
from controller.store.evidence import StoredEvidence, evidence_of
from controller.store.features import get_feature
from controller.store.projects import Environment
from stages import Answer, Subject, stand
from tests.conftest import START
from tests.controller.tenant import ADA, PLANS, Tenant

HERE = Place("acme", "production")
DAY = 86_400


@pytest.fixture
def plans_file(tmp_path: Path) -> str:
    """Plans that ask for a rehearsal."""
    path = tmp_path / "plans.yaml"
    rehearsal = (
        "  rollback-drill: {gate: operations, title: Rehearsed rollback, artifact: drill, valid_days: 180}\n"
    )
    path.write_text(PLANS.replace("tiers:\n", f"{rehearsal}tiers:\n", 1))
    return str(path)


def desk(tenant: Tenant) -> Drills:
    return tenant.parts.drills


def environment(tenant: Tenant, place: Place = HERE) -> Environment:
    with tenant.parts.database.read() as tx:
        return locate_environment(tx, place.project, place.environment)


def canary(tenant: Tenant) -> str:
    content = json.loads(tenant.parts.snapshots.current(environment(tenant).id).body)["flags"]
    return str(content[CANARY]["defaultVariant"])


def fleet(tenant: Tenant, size: int = 3) -> list[str]:
    """Instances that have been there for a while."""
    names = [str(uuid.uuid4()) for _ in range(size)]
    report(tenant, names)
    tenant.clock.pass_(10)
    return names


def report(
    tenant: Tenant, names: list[str], after: float = 0.0, revision: int | None = None, place: Place = HERE
) -> None:
    """Receipts for the newest revision that say it was applied so many seconds ago."""
    here = environment(tenant, place)
    for name in names:
        said = {"sdk": "headgate-python/1", "app": "", "app_version": "", "etag": "", "evaluations": {}}
        said |= {"instance": name, "applied_at": tenant.clock() - timedelta(seconds=after)}
        tenant.parts.receipts.take(here.id, said | {"revision": revision or here.revision})
    tenant.parts.receipts.flush()


def runs(tenant: Tenant) -> list[DrillRun]:
    with tenant.parts.database.read() as tx:
        return runs_of(tx, environment(tenant).id, None, 100)


def filed(tenant: Tenant, feature: str = "claims") -> list[StoredEvidence]:
    with tenant.parts.database.read() as tx:
        return evidence_of(tx, get_feature(tx, environment(tenant).project_id, feature).id)


def standing(tenant: Tenant) -> Answer:
    """How the requirement stands by what was filed."""
    need = tenant.parts.plans.requirements["rollback-drill"]
    return stand(need, Subject(), [item.judged for item in filed(tenant)], (), tenant.clock()).answer


def test_a_drill_flips_the_canary_measures_puts_it_back_and_files_the_figure(tenant: Tenant) -> None:
    tenant.feature("claims")
    names, before = fleet(tenant), environment(tenant).revision
    begun = desk(tenant).begin(HERE, ADA, "before the release")
    assert (begun.state, begun.revision, canary(tenant)) == (DrillState.RUNNING, before + 1, "off")
    tenant.clock.pass_(0.05)
    report(tenant, names[:2])
    desk(tenant).run()
    assert runs(tenant)[0].state is DrillState.RUNNING
    tenant.clock.pass_(1)
    report(tenant, names[2:], after=0.9)
    desk(tenant).run()
    [run] = runs(tenant)
    assert (run.state, run.live, run.reached, run.took) == (DrillState.PASSED, 3, 3, timedelta(seconds=0.15))
    assert run.sentence == "off on 3 of 3 instances after 150 ms"
    assert (canary(tenant), environment(tenant).revision) == ("on", before + 2)
    [evidence] = filed(tenant)
    assert run.evidence == {"claims": evidence.id}
    assert (evidence.requirement, evidence.accepted_by) == ("rollback-drill", "kill-drill")
    assert evidence.summary == f"kill drill {run.id} in production: off on 3 of 3 instances after 150 ms"
    assert evidence.expires_at == tenant.clock() + timedelta(days=30)
    assert standing(tenant) is Answer.MET
    told = [(change.name, change.actor) for change in tenant.changes()[-3:]]
    assert told == [("drill.begin", ADA.name), ("evidence.accept", "kill-drill"), ("drill.end", "kill-drill")]
    assert tenant.bad_rows() == []
    tenant.clock.pass_(31 * DAY)
    assert standing(tenant) is Answer.EXPIRED


def test_a_drill_that_does_not_reach_everybody_files_that_and_rings(tenant: Tenant) -> None:
    tenant.feature("claims")
    names = fleet(tenant)
    desk(tenant).begin(HERE, ADA, "x")
    report(tenant, names[:2])
    tenant.clock.pass_(29)
    desk(tenant).run()
    assert runs(tenant)[0].state is DrillState.RUNNING
    tenant.clock.pass_(1)
    desk(tenant).run()
    [run] = runs(tenant)
    assert (run.state, run.took, canary(tenant)) == (DrillState.FAILED, None, "on")
    assert run.sentence == "off on 2 of 3 instances within 30.0 s"
    assert standing(tenant) is Answer.FAILED
    event, payload = tenant.ask_sql("SELECT event, payload FROM outbox ORDER BY id DESC LIMIT 1")[0]
    assert event == "drill.failed"
    assert json.loads(str(payload)) == {
        "environment": "production",
        "drill": run.id,
        "sentence": run.sentence,
    }
    desk(tenant).begin(HERE, ADA, "again")
    report(tenant, names)
    tenant.clock.pass_(1)
    desk(tenant).run()
    assert standing(tenant) is Answer.MET


def test_who_drills_often_files_once_a_day_unless_it_goes_otherwise(small: Tenant) -> None:
    small.feature("claims")
    names = fleet(small)
    for hours, told in ((0, names), (1, names), (2, names[:1]), (3, names[:1]), (4, names), (29, names)):
        small.clock.time = START + timedelta(hours=hours)
        report(small, names)
        small.clock.pass_(1)
        desk(small).begin(HERE, ADA, "x")
        report(small, told)
        small.clock.pass_(30)
        desk(small).run()
    states = [run.state.value for run in runs(small)[::-1]]
    assert states == ["passed", "passed", "failed", "failed", "passed", "passed"]
    assert [bool(run.evidence) for run in runs(small)[::-1]] == [True, False, True, False, True, True]
    assert len(filed(small)) == 4


def test_a_feature_that_is_new_is_told_of_the_next_drill(small: Tenant) -> None:
    names = fleet(small)
    for new in ("claims", "letters", None):
        if new:
            small.feature(new)
        desk(small).begin(HERE, ADA, "x")
        small.clock.pass_(1)
        report(small, names)
        desk(small).run()
    assert [sorted(run.evidence) for run in runs(small)] == [[], ["letters"], ["claims"]]


def test_what_passed_here_does_not_hide_what_failed_elsewhere(small: Tenant) -> None:
    small.feature("claims")
    small.parts.catalog.make_environment("acme", "elsewhere", "", ADA, protected=True)
    elsewhere = Place("acme", "elsewhere")
    names = fleet(small)

    def drill(place: Place, *told: str) -> Answer:
        desk(small).begin(place, ADA, "x")
        report(small, list(told), place=place)
        small.clock.pass_(31)
        desk(small).run()
        return standing(small)

    assert drill(HERE, *names) is Answer.MET
    report(small, names, place=elsewhere)
    small.clock.pass_(1)
    assert drill(elsewhere, *names[:1]) is Answer.FAILED
    report(small, names)
    assert drill(HERE, *names) is Answer.FAILED
    assert runs(small)[0].state is DrillState.PASSED
    small.clock.pass_(30 * DAY)
    report(small, names)
    small.clock.pass_(1)
    assert drill(HERE, *names) is Answer.MET


def test_a_drill_that_nobody_was_there_to_begin_waits_until_instances_have_reported_again(
    small: Tenant,
) -> None:
    fleet(small)
    desk(small).configure(HERE, {"enabled": True}, ADA, "each week")
    small.clock.pass_(600)
    desk(small).run()
    assert runs(small) == []
    small.clock.pass_(180)
    desk(small).run()
    assert len(runs(small)) == 1


def test_an_instance_with_flags_from_before_a_restore_has_not_been_reached(small: Tenant) -> None:
    names = fleet(small)
    ahead = environment(small).revision + 100
    report(small, names[:1], revision=ahead)
    desk(small).begin(HERE, ADA, "x")
    report(small, names[1:])
    small.clock.pass_(30)
    desk(small).run()
    assert [(run.state, run.live, run.reached) for run in runs(small)] == [(DrillState.FAILED, 3, 2)]


def test_who_was_late_is_not_in_time_however_late_it_is_looked_at(small: Tenant) -> None:
    names = fleet(small, 2)
    desk(small).begin(HERE, ADA, "x")
    report(small, names[:1])
    small.clock.pass_(100)
    report(small, names[1:], after=40)
    desk(small).run()
    assert runs(small)[0].sentence == "off on 1 of 2 instances within 30.0 s; on all of them after 60.0 s"


def test_instances_that_were_gone_or_came_later_do_not_count(small: Tenant) -> None:
    gone = fleet(small, 1)
    small.clock.pass_(300)
    names = fleet(small, 2)
    desk(small).begin(HERE, ADA, "x")
    small.clock.pass_(1)
    report(small, [*names, str(uuid.uuid4())])
    desk(small).run()
    assert (runs(small)[0].state, runs(small)[0].live) == (DrillState.PASSED, 2)
    assert gone


def test_without_instances_nothing_can_be_told_and_nothing_is_filed(small: Tenant) -> None:
    small.feature("claims")
    desk(small).begin(HERE, ADA, "x")
    small.clock.pass_(30)
    desk(small).run()
    [run] = runs(small)
    assert (run.state, run.took, canary(small)) == (DrillState.VOID, None, "on")
    assert filed(small) == []
    assert small.ask_sql("SELECT event FROM outbox ORDER BY id DESC LIMIT 1") == [("drill.void",)]


def test_drills_are_done_by_themselves_once_somebody_says_so(tenant: Tenant) -> None:
    names = fleet(tenant)
    desk(tenant).run()
    assert runs(tenant) == []
    drill = desk(tenant).configure(HERE, {"enabled": True, "every_hours": 24, "limit_s": 5}, ADA, "each day")
    assert (drill.due_at, drill.limit_s, drill.requirement) == (tenant.clock(), 5, "rollback-drill")
    for _ in range(2):
        desk(tenant).run()
    [run] = runs(tenant)
    assert (run.started_by, run.limit_s) == ("kill-drill", 5)
    tenant.clock.pass_(1)
    report(tenant, names)
    desk(tenant).run()
    assert runs(tenant)[0].state is DrillState.PASSED
    tenant.clock.pass_(DAY - 2)
    desk(tenant).run()
    assert len(runs(tenant)) == 1
    tenant.clock.pass_(1)
    desk(tenant).run()
    assert len(runs(tenant)) == 2
    desk(tenant).configure(HERE, {"enabled": False}, ADA, "enough")
    tenant.clock.pass_(2 * DAY)
    desk(tenant).run()
    assert len(runs(tenant)) == 2
    assert [change.name for change in tenant.changes()].count("drill.configure") == 2


def test_one_drill_runs_at_a_time(small: Tenant) -> None:
    desk(small).begin(HERE, ADA, "x")
    with pytest.raises(Conflict) as refused:
        desk(small).begin(HERE, ADA, "y")
    assert refused.value.code == "drill_running"


def test_of_two_workers_one_begins_and_one_ends(tenant: Tenant) -> None:
    tenant.feature("claims")
    names = fleet(tenant)
    desk(tenant).configure(HERE, {"enabled": True}, ADA, "")

    def both() -> None:
        workers = [threading.Thread(target=desk(tenant).run) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    both()
    assert len(runs(tenant)) == 1
    tenant.clock.pass_(1)
    report(tenant, names)
    both()
    assert runs(tenant)[0].state is DrillState.PASSED
    assert len(filed(tenant)) == 1
    assert [change.name for change in tenant.changes()].count("drill.end") == 1


def test_a_drill_is_evidence_only_where_users_are_protected_and_somebody_asks(small: Tenant) -> None:
    small.feature("claims")
    small.sql("UPDATE environments SET protected = :no", no=False)
    names = fleet(small)
    for said in ({"requirement": "rollback-drill"}, {"requirement": None}):
        desk(small).configure(HERE, said, ADA, "")
        desk(small).begin(HERE, ADA, "x")
        small.clock.pass_(1)
        report(small, names)
        desk(small).run()
        small.sql("UPDATE environments SET protected = :yes", yes=True)
    assert [run.state for run in runs(small)] == [DrillState.PASSED] * 2
    assert filed(small) == []
    for unknown in ("luck", "runbook"):
        with pytest.raises(InvalidInput) as refused:
            desk(small).configure(HERE, {"requirement": unknown}, ADA, "")
        assert [problem.field for problem in refused.value.problems] == ["requirement"]


def test_the_canary_is_served_only_where_there_are_drills(small: Tenant) -> None:
    def flags() -> Any:
        return json.loads(small.parts.snapshots.current(environment(small).id).body)["flags"]

    assert flags() == {}
    before = environment(small).revision
    for _ in range(2):
        desk(small).configure(HERE, {"limit_s": 5}, ADA, "")
        assert (list(flags()), environment(small).revision) == ([CANARY], before + 1)
    assert [change.name for change in small.changes()].count("drill.configure") == 1


def test_one_drill_that_cannot_go_on_keeps_up_no_other(small: Tenant) -> None:
    small.parts.catalog.make_environment("acme", "staging", "", ADA, protected=False)
    fleet(small)
    desk(small).begin(HERE, ADA, "x")
    desk(small).begin(Place("acme", "staging"), ADA, "x")
    small.sql("UPDATE drill_runs SET revision = 'x' WHERE id = 1")
    small.clock.pass_(30)
    desk(small).run()
    with small.parts.database.read() as tx:
        [run] = runs_of(tx, locate_environment(tx, "acme", "staging").id, None, 10)
    assert run.state is DrillState.VOID
    assert small.ask_sql("SELECT state FROM drill_runs WHERE id = 1") == [("running",)]
