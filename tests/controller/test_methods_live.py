"""Methods that ask for several windows, from the source to the move."""

from __future__ import annotations

import json

import pytest

from controller.errors import InvalidInput
from controller.store.readings import readings_of
from tests.controller.tenant import ADA, Tenant
from tests.controller.test_explanations import SAME, explained
from tests.endpoint import serving
from triggers import Action, Rung, Severity


def answer(value: str) -> bytes:
    series = [{"metric": {}, "value": [1_790_000_000, value]}]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": series}}).encode()


def test_a_budget_warns_before_it_shuts_down(simple: Tenant) -> None:
    ladder = (Rung(Action.NOTIFY, severity=Severity.WARNING), Rung(Action.DISABLE))
    said = {"source": "metrics", "query": {"value": "sum(increase(cost[${window}]))"}, "method": "budget"}
    spent = ["85"]
    with serving(lambda call: call.reply(200, answer(spent[-1]))) as endpoint:
        simple.parts.sources.connect("acme", "metrics", "prometheus", {"url": endpoint.url}, ADA)
        simple.trigger("spend", *ladder, params={"amount": 100, "project": 0}, **said)
        simple.evaluate()
        windows = {call.form["query"] for call in endpoint.calls}
        assert windows == {f"sum(increase(cost[{19 * 86_400 + 12 * 3600}s]))"}
        assert [change.name for change in simple.changes()][-1] == "notify"
        assert simple.rollout().mode == "live"
        assert explained(simple, "spend")[0].told == f"{SAME}breach"
        spent.append("101")
        simple.after(10)
    assert simple.rollout().mode == "off"
    with simple.parts.database.read() as tx:
        newest = readings_of(tx, simple.standing("spend").id)[0]
    assert newest.sentence == ("101.00 of 100.00 USD spent this month (101%); alert at 80%, shutdown at 100%")


def test_a_burn_rate_asks_for_each_of_its_windows(simple: Tenant) -> None:
    simple.trigger("burning", Rung(Action.REVIEW), method="burn_rate", params={"limit": 0.01})
    simple.clock.pass_(7200)
    simple.report(300, grounded=True)
    simple.report(100, grounded=False)
    simple.after(10)
    (told,) = explained(simple, "burning")
    assert told.record is not None
    assert [reading.total for reading in told.record.readings] == [400] * 4
    assert told.told == f"{SAME}breach"
    assert simple.rollout().mode == "review"


def test_a_budget_counts_what_products_report(simple: Tenant) -> None:
    ladder = (Rung(Action.NOTIFY, severity=Severity.WARNING), Rung(Action.DISABLE))
    said = {"query": {"measure": "spend"}, "method": "budget", "params": {"amount": 100}, "window_s": 3600}
    simple.trigger("spend", *ladder, **said)
    simple.report(10, cost_usd=0.5)
    simple.after(10)
    # Five dollars within an hour will be 1,386 at the end of the month.
    assert [change.name for change in simple.changes()][-1] == "notify"
    assert "5.00 of 100.00 USD spent" in simple.standing("spend").sentence
    simple.after(7200)
    assert "5.00 of 100.00 USD spent" in simple.standing("spend").sentence
    assert simple.standing("spend").verdict == "ok"
    simple.report(10, cost_usd=9.6)
    simple.after(10)
    assert simple.rollout().mode == "off"
    assert explained(simple, "spend")[0].told == f"{SAME}breach"


def test_what_is_reported_in_dollars_is_no_budget_in_another_currency(simple: Tenant) -> None:
    said = {"query": {"measure": "spend"}, "params": {"amount": 100, "currency": "EUR"}}
    with pytest.raises(InvalidInput, match="USD"):
        simple.trigger("spend", Rung(Action.DISABLE), method="budget", **said)
    with pytest.raises(InvalidInput, match="cannot judge it"):
        simple.trigger(
            "spend", Rung(Action.DISABLE), query={"measure": "spend"}, method="any_event", params={}
        )
