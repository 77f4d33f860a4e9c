"""Money is counted by the calendar: a warning before it is gone, and the end when it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.triggers.cases import fresh
from triggers import (
    Action,
    BadParameter,
    Phase,
    Reading,
    Rung,
    Severity,
    State,
    Step,
    Trigger,
    Verdict,
    Window,
    asks,
    escalate,
    parse_method,
    step,
)
from triggers.methods import Budget
from triggers.methods.budget import began, ends

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
MONTH = Budget(amount=300, currency="EUR")
LADDER = (
    Rung(Action.NOTIFY, severity=Severity.WARNING),
    Rung(Action.REVIEW, 600),
    Rung(Action.DISABLE, 900),
)


def trigger(**parts: Any) -> Trigger:
    return Trigger(
        key="spend", method=MONTH, window_s=3600, interval_s=300, ladder=LADDER, **{"arming": "act"} | parts
    )


def spent(state: State, amount: float, last_hour: float = 0.0, minutes: int = 0) -> Step:
    """One evaluation when so much is spent."""
    now = NOW + timedelta(minutes=minutes)
    asked = asks(trigger(), state, now)
    values = zip(asked, (amount, last_hour), strict=True)
    return step(trigger(), state, [Reading.gauge(ask.window, value) for ask, value in values], now)


def test_the_whole_period_is_asked_for_also_before_this_release() -> None:
    so_far, pace = asks(trigger(), fresh(), NOW)
    assert so_far.window == Window(datetime(2026, 3, 1, tzinfo=UTC), NOW)
    assert pace.window == Window(NOW - timedelta(hours=1), NOW)


def test_a_warning_takes_the_rungs_for_a_warning_and_no_others() -> None:
    first = spent(fresh(), 250)
    assert (first.verdict, first.severity, first.state.phase) == (
        Verdict.BREACH,
        Severity.WARNING,
        Phase.FIRING,
    )
    assert [rung.do for rung in first.due] == [Action.NOTIFY]
    later = spent(first.state, 260, minutes=60)
    assert later.due == ()
    assert escalate(trigger(), later.state, NOW) == (later.state, ())


def test_the_rest_of_the_ladder_waits_from_when_the_money_is_gone() -> None:
    state = spent(fresh(), 250).state
    gone = spent(state, 301, minutes=60)
    assert (gone.severity, gone.due) == (Severity.CRITICAL, ())
    assert [rung.do for rung in spent(gone.state, 302, minutes=70).due] == [Action.REVIEW]


def test_at_this_pace_it_will_be_gone_before_the_end() -> None:
    calm, fast = spent(fresh(), 100, 0.2), spent(fresh(), 100, 0.5)
    assert (calm.verdict, fast.verdict, fast.severity) == (Verdict.OK, Verdict.BREACH, Severity.WARNING)
    # 20 days and 12 hours are left.
    assert fast.numbers["projected"] == pytest.approx(100 + 0.5 * 492)
    assert fast.sentence == (
        "100.00 of 300.00 EUR spent this month (33.3%); 346.00 by its end at the present pace; alert at 80%, "
        "shutdown at 100%"
    )


def test_a_new_period_begins_with_nothing() -> None:
    state = spent(fresh(), 301).state
    april = NOW.replace(month=4, day=1)
    asked = asks(trigger(), state, april)
    taken = step(trigger(), state, [Reading.gauge(ask.window, 1.0 / 24) for ask in asked], april)
    assert taken.verdict is Verdict.OK
    assert taken.state.memory == (int(april.replace(hour=0).timestamp()), 41_667)


def test_a_sum_that_falls_is_no_reason_to_be_calm() -> None:
    state = spent(fresh(), 200).state
    fell = spent(state, 150, minutes=5)
    assert (fell.verdict, fell.state.memory) == (Verdict.SOURCE_ERROR, state.memory)
    assert "does not keep the whole period" in fell.sentence
    assert spent(state, 199, minutes=5).verdict is Verdict.OK
    assert spent(spent(state, 301).state, 150, minutes=5).verdict is Verdict.BREACH


def test_without_a_projection_one_question_is_enough() -> None:
    method = Budget(amount=300, project=0)
    assert len(method.spans(60, NOW)) == 1
    judged = method.judge((), Reading.gauge(Window(NOW - timedelta(days=1), NOW), 299.0))
    assert judged.sentence == (
        "299.00 of 300.00 USD spent this month (99.7%); alert at 80%, shutdown at 100%"
    )


def test_what_is_no_sum_of_money_is_no_verdict() -> None:
    window = Window(NOW - timedelta(days=1), NOW)
    for reading in (Reading.count(window, 3), Reading.gauge(window, -1.0), Reading.gauge(window, 1e13)):
        assert MONTH.judge((), reading, reading).verdict is Verdict.SOURCE_ERROR


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [("day", (3, 11), (3, 12)), ("week", (3, 9), (3, 16)), ("month", (3, 1), (4, 1))],
)
def test_periods_are_those_of_the_calendar_in_utc(
    period: str, start: tuple[int, int], end: tuple[int, int]
) -> None:
    begin = began(period, NOW)
    assert begin == datetime(2026, *start, tzinfo=UTC)
    assert ends(period, begin) == datetime(2026, *end, tzinfo=UTC)


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"amount": 0.0}, "amount"),
        ({"period": "year"}, "period"),
        ({"currency": "euro"}, "currency"),
        ({"alert": 1.2}, "alert"),
        ({"alert": 0.0}, "alert"),
        ({"project": 2}, "project"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(params: dict[str, Any], field: str) -> None:
    with pytest.raises(BadParameter) as refused:
        parse_method("budget", {"amount": 300, **params})
    assert refused.value.field == f"params.{field}"
    assert refused.value.remedy.startswith("give ")


def test_a_rung_for_a_warning_stands_before_the_others() -> None:
    ladder = (Rung(Action.DISABLE), Rung(Action.NOTIFY, severity=Severity.WARNING))
    with pytest.raises(BadParameter, match=r"ladder\[1\]\.severity: .*; put it further up"):
        Trigger(key="spend", method=MONTH, window_s=60, interval_s=60, ladder=ladder)
