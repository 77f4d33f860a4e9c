"""The allowance burns too fast only if it does so over a long time and still now."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.triggers.cases import MINUTE, START, fresh, trigger_of
from triggers import BadParameter, Reading, Verdict, asks, parse_method
from triggers.methods import BurnRate

METHOD = BurnRate(limit=0.01)


def readings(five: int, thirty: int, hour: int, six: int, total: int = 1000) -> list[Reading]:
    """Bad answers of as many in the windows of 5 and 30 minutes, 1 and 6 hours."""
    return [Reading.ratio(MINUTE, bad, total) for bad in (five, thirty, hour, six)]


def test_each_window_is_asked_for_once_and_none_before_the_epoch() -> None:
    spans = [ask.window.length for ask in asks(trigger_of(METHOD), fresh(-86_400), START)]
    assert spans == [timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=1), timedelta(hours=6)]
    assert asks(trigger_of(METHOD), fresh(-600), START)[-1].window.length == timedelta(minutes=10)


@pytest.mark.parametrize(
    ("bad", "verdict"),
    [
        ((144, 0, 144, 0), Verdict.BREACH),
        ((143, 0, 144, 0), Verdict.OK),
        ((144, 0, 143, 0), Verdict.OK),
        ((0, 60, 0, 60), Verdict.BREACH),
        ((0, 59, 0, 60), Verdict.OK),
    ],
)
def test_both_windows_of_a_pair_have_to_burn(bad: tuple[int, int, int, int], verdict: Verdict) -> None:
    assert METHOD.judge((), *readings(*bad)).verdict is verdict


def test_the_pair_nearest_to_its_factor_speaks() -> None:
    judged = METHOD.judge((), *readings(10, 65, 20, 70))
    assert judged.verdict is Verdict.BREACH
    assert judged.sentence == (
        "70 of 1000 answers are bad in 6h and 65 of 1000 in 30m; 1% may be, which burns at 7 and 6.5 times that; "
        "6 is too much"
    )
    assert (judged.numbers["burn"], judged.numbers["factor"]) == (pytest.approx(6.5), 6)


def test_at_low_traffic_one_failure_is_no_burn() -> None:
    judged = METHOD.judge((), *readings(1, 1, 1, 1, total=10))
    assert judged.verdict is Verdict.INSUFFICIENT
    assert judged.sentence == "10 answers in a short window; at least 100 are needed to judge"


def test_a_pair_with_enough_answers_is_judged_alone() -> None:
    few, many = Reading.ratio(MINUTE, 5, 10), Reading.ratio(MINUTE, 65, 1000)
    assert METHOD.judge((), few, many, many, many).verdict is Verdict.BREACH


def test_it_needs_bad_of_total() -> None:
    assert METHOD.judge((), *[Reading.count(MINUTE, 5)] * 4).verdict is Verdict.SOURCE_ERROR


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": 0.0}, "limit"),
        ({"min_samples": 0}, "min_samples"),
        ({"pairs": "1h 14x"}, "pairs"),
        ({"pairs": "5m/1h 14x"}, "pairs"),
        ({"pairs": "60d/1h 14x"}, "pairs"),
        ({"pairs": "1h/5m 0x"}, "pairs"),
        ({"limit": 0.1}, "pairs"),
        ({"pairs": ", ".join(["1h/5m 2x"] * 6)}, "pairs"),
    ],
)
def test_what_can_never_burn_is_refused(params: dict[str, Any], field: str) -> None:
    with pytest.raises(BadParameter) as refused:
        parse_method("burn_rate", {"limit": 0.01, **params})
    assert refused.value.field == f"params.{field}"
