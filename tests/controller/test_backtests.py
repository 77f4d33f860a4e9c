"""Triggers tried out on the past: over outcomes, over what they read, and over a file."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from controller.backtests import Backtested, From, Trial
from controller.errors import InvalidInput, NotFound
from controller.histories import span_of
from controller.trigger_definitions import Definition
from tests.controller.tenant import ADA, Tenant
from tests.endpoint import Call, serving
from triggers import Action, Arming, Baseline, Plant, Rung, Scope, Trigger, Window, parse_method

DEFINITION = Definition(
    key="unsupported",
    source="outcomes",
    query={"measure": "unsupported"},
    method="threshold",
    params={"limit": 0.1},
    rest={"window_s": 60, "interval_s": 60, "ladder": (Rung(Action.REVIEW),)},
)
CSV = "time,bad,total\n" + "".join(f"{1_790_000_000 + 60 * i},{int(i in (5, 6))},4\n" for i in range(20))


def tried(tenant: Tenant, *settings: Definition, **asked: Any) -> list[Backtested]:
    trial = Trial(settings=settings or (DEFINITION,), **asked)
    return tenant.parts.backtests.run(tenant.where(), trial)


def refused(tenant: Tenant, *settings: Definition, **asked: Any) -> tuple[str, str]:
    with pytest.raises(InvalidInput) as bad:
        tried(tenant, *settings, **asked)
    (problem,) = bad.value.problems
    assert problem.remedy
    return problem.field, problem.message


def changed(**parts: Any) -> Definition:
    return replace(DEFINITION, **parts)


def test_outcomes_are_replayed_from_the_source_as_they_arrived(tenant: Tenant) -> None:
    stable = tenant.beta()
    start = tenant.clock()
    for minute in range(10):
        tenant.report(4, grounded=True, release=stable)
        tenant.report(4, grounded=minute not in (3, 4), release="r-other")
        tenant.clock.pass_(60)
    span = {"start": start, "end": start + timedelta(minutes=10)}
    (found,) = tried(tenant, **span)
    assert [fired.at for fired in found.replay.fired] == [start + timedelta(minutes=4)]
    assert found.replay.fired[0].sentence == "4 of 8 are bad (50%); the limit is 10%"
    assert found.replay.evaluations == 10
    one = changed(rest={**DEFINITION.rest, "scope": Scope.CANDIDATE})
    beside = changed(rest={**DEFINITION.rest, "scope": Scope.CANDIDATE, "baseline": Baseline.STABLE})
    assert [each.replay.fired for each in tried(tenant, one, beside, **span)] == [(), ()]
    assert tenant.ask_sql("SELECT count(*) FROM readings") == [(0,)]


def test_what_a_trigger_read_is_replayed_without_asking_anybody(simple: Tenant) -> None:
    simple.trigger("unsupported", Rung(Action.NOTIFY), params={"limit": 0.5}, window_s=10, interval_s=10)
    simple.evaluate()
    for bad in (0, 0, 3, 0):
        simple.report(10, grounded=True)
        simple.report(bad, grounded=False)
        simple.after(10)
    stored = simple.parts.backtests.definition_of(simple.where(), "unsupported")
    strict = replace(stored, params={**stored.params, "limit": 0.1})
    found, beside = tried(simple, stored, strict, history=From.READINGS)
    assert (len(found.replay.fired), len(beside.replay.fired)) == (0, 1)
    with pytest.raises(NotFound):
        simple.parts.backtests.definition_of(simple.where(), "nothing")


def test_a_file_is_replayed_with_a_degradation_in_it(simple: Tenant) -> None:
    when = Window(_at(240), _at(420))
    asked = {"history": From.CSV, "csv": CSV, "plant": Plant(_at(600), share=0.5), "troubles": (when,)}
    (found,) = tried(simple, **asked)
    assert [fired.at for fired in found.replay.fired] == [_at(300)]
    assert (found.false_alarms_per_month, found.noticed_after) == (0, timedelta(seconds=60))
    assert found.planted is not None
    assert len(found.planted.fired) == 2


def _at(seconds: int) -> Any:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(1_790_000_000 + seconds, UTC)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "lacks a column"),
        ("time,bad\n1,2\n", "lacks a column"),
        ("time,bad,total,count\n1,2,3,4\n", "lacks a column, or has too many"),
        ("time,bad,total,colour\n1,2,3,4\n", "has the column 'colour'"),
        ("time,bad,total\n", "is empty"),
        ("time,bad,total\nyesterday,1,2\n", "cannot be read in line 2"),
        ("time,bad,total\n2026-01-01T00:00:00,1,2\n", "cannot be read in line 2"),
        ("time,bad,total\n1,2,3\nnan,1,2\n", "cannot be read in line 3"),
        ("time,bad,total\n1,2,many\n", "cannot be read in line 2"),
        ("time,bad,total\n1,2,3\n1,2,3\n", "has two rows for the same time"),
        ("time,bad,total\n1,2,3,4,5\n", "cannot be read in line 2"),
    ],
)
def test_a_file_that_cannot_be_used_says_where(simple: Tenant, text: str, words: str) -> None:
    field, message = refused(simple, history=From.CSV, csv=text)
    assert field == "csv"
    assert words in message


def test_a_file_may_hold_counts_values_and_gaps(simple: Tenant) -> None:
    counts = "time,count\n2026-01-01T00:01:00Z,0\n2026-01-01T00:02:00+00:00,\n2026-01-01T00:03:00Z,2\n"
    (found,) = tried(simple, changed(params={"limit": 1}, query={"count": "x"}), history=From.CSV, csv=counts)
    assert {verdict.value: count for verdict, count in found.replay.verdicts.items()} == {
        "ok": 1,
        "insufficient": 1,
        "breach": 1,
    }
    money = changed(method="budget", params={"amount": 5.0, "period": "day"}, query={"value": "x"})
    values = "time,value\n" + "".join(f"{1_790_000_000 + 60 * i},1\n" for i in range(8))
    (found,) = tried(simple, money, history=From.CSV, csv=values)
    assert found.replay.fired[0].numbers["spent"] <= 5


def test_what_would_take_too_long_or_says_nothing_is_refused(simple: Tenant) -> None:
    now = simple.clock()
    assert refused(simple, start=now - timedelta(days=60))[1] == "86400 evaluations are more than 50000"
    assert refused(simple, start=now, end=now)[0] == "from"
    records = changed(source="records", query={"measure": "evidence_expired", "limit": "30"})
    assert "43200 windows are more than 3000" in refused(simple, records)[1]
    assert refused(simple, changed(query={"measure": "luck"}))[0] == "query.measure"
    assert refused(simple, changed(params={}))[0] == "params.limit"
    simple.trigger()
    assert refused(simple, history=From.READINGS) == ("history", "nothing was read in this time")


def test_false_alarms_are_divided_as_they_would_be(simple: Tenant) -> None:
    weighing = changed(method="evidence", key="other", rest={**DEFINITION.rest, "arming": Arming.ACT})
    simple.parts.trigger_edits.add(simple.where(), weighing, ADA)
    (found,) = tried(simple, changed(method="evidence"), history=From.CSV, csv=CSV)
    assert found.trigger.sharing == 2
    assert found.replay.chart[-1].line == pytest.approx(5.298, abs=0.001)


def test_windows_that_were_not_answered_are_counted(simple: Tenant) -> None:
    simple.trigger("unsupported", Rung(Action.NOTIFY), window_s=10, interval_s=10)
    simple.evaluate()
    simple.report(3, grounded=True)
    simple.after(10)
    simple.sql(
        "UPDATE readings SET status = 'error', bad = NULL, total = NULL, message = 'it was away' WHERE bad IS NULL"
    )
    (found,) = tried(
        simple, simple.parts.backtests.definition_of(simple.where(), "unsupported"), history=From.READINGS
    )
    assert (found.failed, found.why) == (1, "it was away")


def test_windows_that_overlap_are_not_added_up(simple: Tenant) -> None:
    simple.trigger("unsupported", Rung(Action.NOTIFY), window_s=60, interval_s=10)
    simple.evaluate()
    for _ in range(3):
        simple.report(1, grounded=True)
        simple.after(10)
    assert "overlap" in refused(simple, changed(method="evidence"), history=From.READINGS)[1]


@pytest.mark.parametrize("asked", [{"history": From.CSV, "csv": CSV}, {"history": From.READINGS}])
def test_the_stable_release_is_not_in_a_file(simple: Tenant, asked: dict[str, Any]) -> None:
    rest = {**DEFINITION.rest, "scope": Scope.CANDIDATE, "baseline": Baseline.STABLE}
    assert "nothing of the stable release" in refused(simple, changed(rest=rest), **asked)[1]


def test_a_source_that_cannot_answer_is_no_month_of_silence(simple: Tenant) -> None:
    simple.parts.sources.connect("acme", "metrics", "prometheus", {"url": "http://127.0.0.1:1"}, ADA)
    query = {"bad": "errors[${window}]", "total": "all[${window}]"}
    field, message = refused(simple, changed(source="metrics", query=query))
    assert field == "source"
    assert message.startswith("error: ")


SCRAPED = {"bad": "increase(bad[${window}])", "total": "increase(all[${window}])"}


def scraped_each_minute(call: Call) -> None:
    """Increases of 1 a minute, by a server that looks once a minute: in a window of one minute it sees nothing."""
    form = call.form
    seconds = int(form["query"].partition("[")[2].partition("s]")[0])
    times = range(int(float(form["start"])), int(float(form["end"])) + 1, int(float(form["step"])))
    values = [[at, str(seconds // 60)] for at in times] if seconds >= 120 else []
    result = [{"metric": {}, "values": values}] if values else []
    answer = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    call.reply(200, json.dumps(answer).encode())


@pytest.mark.parametrize(
    ("method", "params", "window_s", "asked", "fired_s"),
    [
        ("evidence", {"limit": 0.1}, 60, ["60s", "120s"], 240),
        ("burn_rate", {"limit": 0.01, "min_samples": 5}, 60, ["60s", "120s"], 360),
        ("threshold", {"limit": 0.1}, 300, ["60s", "300s"], 60),
        ("threshold", {"limit": 0.1}, 60, ["60s"], None),
    ],
)
def test_a_source_that_looks_too_seldom_for_an_interval_is_asked_about_longer_windows(
    simple: Tenant, method: str, params: dict[str, Any], window_s: int, asked: list[str], fired_s: int | None
) -> None:
    rest = {**DEFINITION.rest, "window_s": window_s, "interval_s": 60}
    definition = changed(source="metrics", query=SCRAPED, method=method, params=params, rest=rest)
    start = simple.clock()
    with serving(scraped_each_minute) as endpoint:
        simple.parts.sources.connect("acme", "metrics", "prometheus", {"url": endpoint.url}, ADA)
        found, beside = tried(
            simple, definition, replace(definition, key="same"), start=start, end=start + timedelta(hours=1)
        )
    queries = [call.form["query"] for call in endpoint.calls]
    assert queries == [f"increase({of}[{span}])" for span in asked for of in ("bad", "all")]
    fired = [each.at - start for each in found.replay.fired]
    assert fired[:1] == ([] if fired_s is None else [timedelta(seconds=fired_s)])
    assert found.why == ("bad: no series matches" if fired_s is None else "")
    assert beside.replay.fired == found.replay.fired


@pytest.mark.parametrize(
    ("query", "follows", "method", "params", "span_s"),
    [
        ({"bad": "bad", "total": "total"}, True, "evidence", {"limit": 0.1}, 60),
        ({"bad": "bad[5m]", "total": "total[5m]"}, False, "evidence", {"limit": 0.1}, 300),
        ({"value": "v"}, True, "threshold", {"limit": 1}, 300),
        ({"value": "v"}, True, "budget", {"amount": 1}, 60),
        ({"measure": "spend"}, True, "budget", {"amount": 1}, 60),
        ({"measure": "spend"}, True, "threshold", {"limit": 1}, 300),
        ({"measure": "latency", "aggregation": "p95"}, True, "threshold", {"limit": 1}, 300),
        ({"sql": "SELECT count(*) AS bad, 9 AS total"}, True, "evidence", {"limit": 0.1}, 60),
        ({"sql": "SELECT avg(x) AS value"}, True, "threshold", {"limit": 1}, 300),
        ({"sql": "SELECT sum(x) AS value"}, True, "budget", {"amount": 1}, 60),
    ],
)
def test_what_adds_up_is_asked_for_in_windows_that_touch(
    query: dict[str, str], follows: bool, method: str, params: dict[str, Any], span_s: int
) -> None:
    ladder = (Rung(Action.NOTIFY),)
    trigger = Trigger(
        key="any", method=parse_method(method, params), window_s=300, interval_s=60, ladder=ladder
    )
    assert span_of(trigger, query, follows=follows) == span_s
