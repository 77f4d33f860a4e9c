"""What is kept of an evaluation is enough to judge it again."""

from __future__ import annotations

from dataclasses import replace

from controller.explanations import Explanation, explanation
from controller.store.readings import readings_of
from tests.controller.tenant import ADA, Tenant
from tests.controller.watching import bad, candidate, good
from triggers import Action, Baseline, Rung, Scope

SAME = "judged again, it is the same: "


def explained(tenant: Tenant, key: str = "unsupported") -> list[Explanation]:
    """Every reading of a trigger, the oldest first."""
    with tenant.parts.database.read() as tx:
        trigger = tenant.standing(key)
        found = readings_of(tx, trigger.id, limit=1000)[::-1]
        return [explanation(tx, trigger, reading) for reading in found]


def test_every_verdict_comes_out_the_same_when_it_is_judged_again(watched: Tenant) -> None:
    good(watched)
    candidate(watched)
    watched.after(10)
    bad(watched, 4)
    good(watched, 2)
    told = explained(watched)
    assert len(told) == 9
    assert {each.told.removesuffix(each.record.verdict) for each in told if each.record} == {SAME}
    assert [each.record.after.phase for each in told if each.record][-4:-2] == ["firing", "firing"]


def test_a_verdict_is_judged_by_the_rule_of_its_time(simple: Tenant) -> None:
    simple.trigger("unsupported", Rung(Action.NOTIFY), method="evidence", params={"limit": 0.05})
    simple.evaluate()
    bad(simple)
    definition = simple.parts.backtests.definition_of(simple.where(), "unsupported")
    strict = {**definition.params, "limit": 0.01}
    simple.parts.trigger_edits.change(simple.where(), replace(definition, params=strict), ADA, "", None)
    simple.after(10)
    first, second, third = explained(simple)
    assert first.record is not None
    assert second.record is not None
    assert third.record is not None
    assert [each.record.version for each in (first, second, third) if each.record] == [1, 1, 2]
    assert second.told == f"{SAME}breach"
    assert second.record.trigger.method.params()["limit"] == 0.05
    assert second.record.after.memory == (50_000_000, 5, 5)


def test_the_reading_of_a_baseline_is_kept_too(simple: Tenant) -> None:
    simple.trigger(scope=Scope.CANDIDATE, baseline=Baseline.STABLE)
    stable, tried = simple.rollout().stable, candidate(simple)
    simple.evaluate()
    simple.report(20, grounded=True, release=stable)
    simple.report(5, grounded=False, release=tried)
    simple.after(10)
    last = explained(simple)[-1]
    assert last.told == f"{SAME}breach"
    assert last.record is not None
    assert [(reading.bad, reading.total) for reading in last.record.readings] == [(5, 5), (0, 20)]


def test_what_was_not_kept_or_cannot_be_read_is_said(simple: Tenant) -> None:
    simple.trigger()
    simple.evaluate()
    simple.sql("UPDATE readings SET before = '3'")
    assert explained(simple)[0].told.startswith("what it depended on cannot be read: ")
    simple.sql("UPDATE readings SET rule_version = NULL")
    assert explained(simple)[0] == Explanation(None, "what it depended on was not kept")
