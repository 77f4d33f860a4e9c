from __future__ import annotations

import json

import pytest

from controller.errors import Conflict, NotFound
from controller.store.tasks import Task
from tests.controller.tenant import ADA, Tenant
from tests.controller.watching import BY, bad
from triggers import Action, Rung


def tasks(tenant: Tenant, **wanted: object) -> list[Task]:
    asked = {"is_open": None, "feature": None, "before": None, "limit": 10} | wanted
    return tenant.parts.tasks.of("acme", **asked)  # type: ignore[arg-type]


def test_a_rung_opens_a_task_for_whom_it_names_and_touches_no_traffic(tenant: Tenant) -> None:
    tenant.beta()
    tenant.parts.catalog.change_feature("acme", "claims", {"owner": "claims-team"}, ADA, None)
    owned = Rung(Action.REFRESH_DATA, 0, {"owner": "search-team"})
    tenant.trigger("unsupported", owned, Rung(Action.UPDATE_EVAL_SET, 10))
    tenant.evaluate()
    before = tenant.rollout()
    bad(tenant, 2)
    assert tenant.rollout() == before
    newest, oldest = tasks(tenant)
    assert (oldest.kind, oldest.owner, oldest.opened_by) == ("refresh_data", "search-team", BY)
    assert (newest.kind, newest.owner) == ("update_eval_set", "claims-team")
    assert newest.reason == tenant.readings()[-1].sentence
    told = [
        json.loads(str(payload))
        for (payload,) in tenant.ask_sql("SELECT payload FROM outbox WHERE event = 'task.opened' ORDER BY id")
    ]
    assert [one["task"] for one in told] == [oldest.id, newest.id]
    assert tenant.bad_rows() == []


def test_while_a_task_is_open_the_same_trigger_does_not_open_it_again(simple: Tenant) -> None:
    simple.trigger("unsupported", Rung(Action.REFRESH_DATA), clear_s=0, window_s=10)
    simple.evaluate()
    for _ in range(2):
        bad(simple)
        simple.report(50, grounded=True)
        simple.after(10)
        simple.after(10)
    assert len(tasks(simple)) == 1
    simple.parts.tasks.close("acme", tasks(simple)[0].id, ADA, "index rebuilt")
    bad(simple)
    assert [task.closed_at is None for task in tasks(simple)] == [True, False]


def test_a_task_is_closed_once_and_it_is_recorded(simple: Tenant) -> None:
    simple.trigger("unsupported", Rung(Action.REFRESH_DATA))
    simple.evaluate()
    bad(simple)
    [task] = tasks(simple, is_open=True, feature="claims")
    closed = simple.parts.tasks.close("acme", task.id, ADA, "index rebuilt")
    assert (closed.closed_by, closed.resolution) == (ADA.name, "index rebuilt")
    change = simple.changes()[-1]
    assert (change.name, change.reason, change.evidence["task"]) == ("task.close", "index rebuilt", task.id)
    with pytest.raises(Conflict, match="closed the task"):
        simple.parts.tasks.close("acme", task.id, ADA, "again")
    with pytest.raises(NotFound):
        simple.parts.tasks.close("acme", 99, ADA, "another")
    assert tasks(simple, is_open=True) == tasks(simple, feature="other") == []
    assert tasks(simple, is_open=False) == [closed]
