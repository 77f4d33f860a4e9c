from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.errors import Conflict, InvalidInput, NotFound, VersionConflict
from controller.trigger_definitions import Definition
from tests.controller.conftest import MakeTenant
from tests.controller.tenant import ADA, Tenant
from triggers import Action, Arming, Baseline, Phase, Rung, Scope

DEFINITION = Definition(
    key="unsupported",
    source="outcomes",
    query={"measure": "unsupported"},
    method="threshold",
    params={"limit": 0.1},
    rest={"window_s": 60, "interval_s": 10, "ladder": (Rung(Action.REVIEW),)},
)


@pytest.fixture
def live(make_tenant: MakeTenant, database_url: str) -> Tenant:
    """A feature in beta where nothing is protected: there one person may change everything."""
    tenant = make_tenant(database_url, protected=False)
    tenant.beta()
    return tenant


def change(tenant: Tenant, expected: int | None = None, **parts: Any) -> int:
    definition = replace(DEFINITION, **parts)
    return tenant.parts.trigger_edits.change(tenant.where(), definition, ADA, "why", expected).version


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ({"source": "nowhere"}, "source"),
        ({"query": {"measure": "luck"}}, "query.measure"),
        ({"query": {"value": "up"}}, "query.value"),
        ({"method": "astrology"}, "method"),
        ({"params": {}}, "params.limit"),
        ({"params": {"limit": 5}}, "params.limit"),
        ({"params": {"limit": 0.1, "m": 3, "k": 2}}, "params.m"),
        ({"rest": {"window_s": 0, "interval_s": 10, "ladder": ()}}, "window_s"),
        (
            {"rest": {"window_s": 60, "interval_s": 10, "ladder": (Rung(Action.REVIEW, -1),)}},
            "ladder[0].after_s",
        ),
    ],
)
def test_a_definition_that_cannot_be_used_is_refused_with_its_part(
    live: Tenant, parts: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as bad:
        live.parts.trigger_edits.add(live.where(), replace(DEFINITION, **parts), ADA)
    assert [problem.field for problem in bad.value.problems] == [field]
    assert live.ask_sql("SELECT count(*) FROM triggers") == [(0,)]


def test_the_release_in_a_query_needs_a_trigger_over_one_release(live: Tenant) -> None:
    settings = {"url": "http://127.0.0.1:1"}
    live.parts.sources.connect("acme", "metrics", "prometheus", settings, ADA)
    query = {"value": 'errors{release="${release}"}'}
    asked = replace(DEFINITION, source="metrics", query=query, params={"limit": 5})
    with pytest.raises(InvalidInput, match=r"no \$\{release\}"):
        live.parts.trigger_edits.add(live.where(), asked, ADA)
    one = replace(asked, rest={**asked.rest, "scope": Scope.CANDIDATE})
    live.parts.trigger_edits.add(live.where(), one, ADA)


def test_a_bare_count_is_not_compared(live: Tenant) -> None:
    live.parts.sources.connect("acme", "metrics", "prometheus", {"url": "http://127.0.0.1:1"}, ADA)
    rest = {**DEFINITION.rest, "baseline": Baseline.PREVIOUS, "baseline_offset_s": 86_400}
    asked = replace(DEFINITION, source="metrics", query={"count": "errors"}, rest=rest)
    with pytest.raises(InvalidInput, match="cannot be compared"):
        live.parts.trigger_edits.add(live.where(), asked, ADA)
    stored = live.parts.trigger_edits.add(live.where(), replace(asked, query={"value": "errors"}), ADA)
    assert (stored.trigger.baseline, stored.trigger.baseline_offset_s) == (Baseline.PREVIOUS, 86_400)


@pytest.mark.parametrize(
    ("method", "params", "query", "field"),
    [
        ("evidence", {"limit": 0.05}, {"value": "up"}, "query.value"),
        ("burn_rate", {"limit": 0.01}, {"count": "up"}, "query.count"),
        ("budget", {"amount": 5}, {"bad": "up", "total": "up"}, "query.bad"),
        ("evidence", {"limit": 5}, {"bad": "up", "total": "up"}, "params.limit"),
    ],
)
def test_a_method_is_asked_for_what_it_can_judge(
    live: Tenant, method: str, params: dict[str, Any], query: dict[str, str], field: str
) -> None:
    definition = replace(DEFINITION, source="metrics", method=method, params=params, query=query)
    with pytest.raises(InvalidInput) as bad:
        live.parts.trigger_edits.add(live.where(), definition, ADA)
    assert [problem.field for problem in bad.value.problems] == [field]


@pytest.mark.parametrize(
    ("source", "query", "method", "params"),
    [
        ("metrics", {"count": "sum(increase(leaks[5m]))"}, "any_event", {}),
        ("metrics", {"bad": "a[${window}]", "total": "b[5m]"}, "evidence", {"limit": 0.05}),
        ("metrics", {"bad": "a[5m]", "total": "b[5m]"}, "burn_rate", {"limit": 0.01}),
        ("metrics", {"value": "spend[30d]"}, "budget", {"amount": 5}),
        ("records", {"measure": "models_retiring", "limit": "30"}, "any_event", {}),
    ],
)
def test_what_is_not_about_the_window_is_not_counted_again_and_again(
    live: Tenant, source: str, query: dict[str, str], method: str, params: dict[str, Any]
) -> None:
    live.parts.sources.connect("acme", "metrics", "prometheus", {"url": "http://127.0.0.1:1"}, ADA)
    asked = replace(DEFINITION, source=source, query=query, method=method, params=params)
    with pytest.raises(InvalidInput, match="is not about the window that is asked for"):
        live.parts.trigger_edits.add(live.where(), asked, ADA)


def test_the_age_of_the_newest_sample_needs_no_window(live: Tenant) -> None:
    live.parts.sources.connect("acme", "metrics", "prometheus", {"url": "http://127.0.0.1:1"}, ADA)
    query = {"count": "sum(c offset ${window})", "newest": "max(timestamp(c))"}
    asked = replace(DEFINITION, source="metrics", query=query, method="any_event", params={})
    assert live.parts.trigger_edits.add(live.where(), asked, ADA).trigger.key == "unsupported"


def test_money_is_not_asked_of_outcomes(live: Tenant) -> None:
    with pytest.raises(InvalidInput, match="budget cannot judge it"):
        live.parts.trigger_edits.add(
            live.where(), replace(DEFINITION, method="budget", params={"amount": 5}), ADA
        )


def test_armed_triggers_that_weigh_divide_their_false_alarms(live: Tenant) -> None:
    weighing = replace(DEFINITION, method="evidence", params={"limit": 0.05})

    def add(key: str, **rest: Any) -> None:
        definition = replace(weighing, key=key, rest={**weighing.rest, **rest})
        live.parts.trigger_edits.add(live.where(), definition, ADA)

    def sharing() -> list[int]:
        return [live.standing(key).trigger.sharing for key in ("one", "two", "quiet")]

    add("one", arming=Arming.ACT)
    add("quiet")
    add("two", arming=Arming.HOLD)
    assert sharing() == [2, 2, 3]
    live.trigger("counts", query={"measure": "sensitive_data"}, method="any_event", params={"count": 1})
    assert sharing() == [2, 2, 3]
    live.parts.trigger_edits.drop(live.where(), "two", ADA, "enough")
    assert [live.standing(key).trigger.sharing for key in ("one", "quiet")] == [1, 2]


def test_a_new_trigger_is_due_at_once_and_its_key_is_taken(live: Tenant) -> None:
    added = live.parts.trigger_edits.add(live.where(), DEFINITION, ADA)
    assert (added.version, added.due_at, added.verdict) == (1, live.clock(), None)
    with pytest.raises(Conflict, match="already"):
        live.parts.trigger_edits.add(live.where(), DEFINITION, ADA)


def test_another_definition_begins_a_new_count_and_a_new_version(live: Tenant) -> None:
    live.trigger()
    live.evaluate()
    live.report(5, grounded=True)
    live.after(10)
    assert change(live, 1, params={"limit": 0.2}) == 2
    with pytest.raises(VersionConflict, match="at version 2 now"):
        change(live, 1)
    live.after(10)
    assert live.standing().verdict == "insufficient"
    recorded = next(one for one in live.changes() if one.name == "trigger.change")
    assert (recorded.before["params"]["limit"], recorded.after["params"]["limit"]) == (0.1, 0.2)
    assert recorded.reason == "why"


def test_a_shorter_interval_holds_from_now_on_and_not_from_the_next_slot_of_the_longer_one(
    live: Tenant,
) -> None:
    live.trigger(interval_s=86_400)
    live.evaluate()
    change(live)
    assert live.after(9) == []
    assert live.after(1) == ["done"]


def test_a_change_never_makes_a_slot_come_twice(live: Tenant) -> None:
    live.trigger()
    for _ in range(3):
        live.evaluate()
        change(live, rest={**DEFINITION.rest, "interval_s": 1})
        live.after(1)
    slots = [reading.slot for reading in live.readings()]
    assert len(set(slots)) == len(slots)


def test_a_firing_trigger_goes_on_firing_under_another_definition(live: Tenant) -> None:
    live.trigger()
    live.evaluate()
    live.report(5, grounded=False)
    live.after(10)
    change(live, params={"limit": 0.9})
    live.after(10)
    assert live.standing().state.phase is Phase.FIRING


def test_what_is_removed_leaves_its_readings_no_longer_but_its_changes(live: Tenant) -> None:
    live.trigger()
    live.evaluate()
    live.parts.trigger_edits.drop(live.where(), "unsupported", ADA, "not needed")
    assert live.ask_sql("SELECT count(*) FROM readings") == [(0,)]
    assert [one.name for one in live.changes()][-2:] == ["trigger.add", "trigger.remove"]


def test_what_is_not_there_cannot_be_changed_acknowledged_or_removed(live: Tenant) -> None:
    edits = live.parts.trigger_edits
    for missing in (
        lambda: change(live),
        lambda: edits.acknowledge(live.where(), "unsupported", ADA, ""),
        lambda: edits.drop(live.where(), "unsupported", ADA, ""),
    ):
        with pytest.raises(NotFound, match="no trigger 'unsupported'"):
            missing()
