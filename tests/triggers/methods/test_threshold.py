"""Limits, samples, and m of the last k."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.triggers.cases import MINUTE, missing, ok_readings
from triggers import BadParameter, Reading, Status, Verdict, parse_method
from triggers.methods import Threshold

TENTH = Threshold(limit=0.1)


def test_at_the_limit_is_not_beyond_it() -> None:
    assert TENTH.judge((), Reading.ratio(MINUTE, 10, 100)).verdict is Verdict.OK
    assert TENTH.judge((), Reading.ratio(MINUTE, 11, 100)).verdict is Verdict.BREACH
    low = Threshold(limit=0.1, below=1)
    assert low.judge((), Reading.ratio(MINUTE, 10, 100)).verdict is Verdict.OK
    assert low.judge((), Reading.ratio(MINUTE, 9, 100)).verdict is Verdict.BREACH


@given(st.lists(st.floats(-100, 100)), st.floats(-100, 100), st.integers(0, 1))
def test_within_the_limit_a_threshold_never_breaches(values: list[float], limit: float, below: int) -> None:
    memory: tuple[int, ...] = ()
    for value in values:
        within = max(value, limit) if below else min(value, limit)
        judged = Threshold(limit=limit, below=below, m=1, k=5).judge(memory, Reading.gauge(MINUTE, within))
        assert judged.verdict is Verdict.OK
        memory = judged.memory


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.floats(0, 1))
def test_a_share_below_the_limit_never_breaches(one: int, other: int, limit: float) -> None:
    reading = Reading.ratio(MINUTE, min(one, other), max(one, other))
    judged = Threshold(limit=limit).judge((), reading)
    if max(one, other) == 0:
        assert judged.verdict is Verdict.INSUFFICIENT
    else:
        beyond = min(one, other) / max(one, other) > limit
        assert judged.verdict is (Verdict.BREACH if beyond else Verdict.OK)


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 6), st.integers(1, 6))
def test_it_takes_m_of_the_last_k(beyond: list[bool], one: int, other: int) -> None:
    m, k = sorted((one, other))
    memory: tuple[int, ...] = ()
    for position, high in enumerate(beyond, start=1):
        judged = Threshold(limit=0.1, m=m, k=k).judge(memory, Reading.gauge(MINUTE, float(high)))
        memory = judged.memory
        assert memory == tuple(map(int, beyond[:position][-k:]))
        assert (judged.verdict is Verdict.BREACH) == (sum(memory) >= m)


@given(st.integers(0, 100), st.integers(1, 200), st.lists(st.integers(0, 1), max_size=3))
def test_too_few_samples_count_neither_as_good_nor_as_bad(total: int, fewest: int, before: list[int]) -> None:
    method = Threshold(limit=0.1, min_samples=fewest, k=4)
    judged = method.judge(tuple(before), Reading.ratio(MINUTE, total, total))
    assert (judged.verdict is Verdict.INSUFFICIENT) == (total < fewest)
    if total < fewest:
        assert judged.memory == tuple(before)


def test_what_is_missing_to_judge_is_said() -> None:
    judged = Threshold(limit=0.1, min_samples=30).judge((), Reading.ratio(MINUTE, 3, 12))
    assert judged.sentence == "3 of 12 are bad (25%); at least 30 are needed to judge"
    assert judged.numbers == {}


def test_nothing_of_nothing_is_not_zero() -> None:
    judged = TENTH.judge((1,), Reading.ratio(MINUTE, 0, 0))
    assert (judged.verdict, judged.memory) == (Verdict.INSUFFICIENT, (1,))
    assert judged.sentence == "there is nothing to measure"


def test_a_reading_without_numbers_is_not_zero() -> None:
    assert TENTH.judge((), missing(Status.NO_DATA)).verdict is Verdict.INSUFFICIENT


def test_a_bare_count_is_compared_as_it_is_and_needs_no_samples() -> None:
    method = Threshold(limit=5, min_samples=100)
    judged = method.judge((), Reading.count(MINUTE, 6))
    assert judged.verdict is Verdict.BREACH
    assert judged.sentence == "6 counted; the limit is 5"
    assert judged.numbers == {"measured": 6.0, "limit": 5, "beyond": 1}
    assert method.judge((), Reading.count(MINUTE, 5)).verdict is Verdict.OK


def test_a_share_is_told_with_its_limit_in_both_notations() -> None:
    judged = Threshold(limit=0.1, m=2, k=3).judge((0, 1), Reading.ratio(MINUTE, 1, 8))
    assert judged.verdict is Verdict.BREACH
    assert (
        judged.sentence == "1 of 8 are bad (12.5%); the limit is 10%; "
        "beyond it in 2 of the last 3 readings, 2 of 3 is enough"
    )
    assert judged.numbers == {"measured": 0.125, "samples": 8, "limit": 0.1, "beyond": 2}


@pytest.mark.parametrize(
    ("samples", "words"),
    [(None, "0.5, samples not counted"), (1, "0.5 from 1 sample"), (7, "0.5 from 7 samples")],
)
def test_a_gauge_is_told_with_its_samples(samples: int | None, words: str) -> None:
    assert TENTH.judge((), Reading.gauge(MINUTE, 0.5, samples)).sentence.startswith(
        f"{words}; the limit is 0.1"
    )


def test_a_gauge_that_does_not_count_its_samples_stands_for_one() -> None:
    reading = Reading.gauge(MINUTE, 0.5)
    assert TENTH.judge((), reading).verdict is Verdict.BREACH
    assert Threshold(limit=0.1, min_samples=2).judge((), reading).verdict is Verdict.INSUFFICIENT


def test_a_gauge_of_no_samples_is_not_judged() -> None:
    assert TENTH.judge((), Reading.gauge(MINUTE, 0.5, 0)).verdict is Verdict.INSUFFICIENT


@given(ok_readings())
def test_its_numbers_are_finite(reading: Reading) -> None:
    assert all(map(math.isfinite, TENTH.judge((), reading).numbers.values()))


@pytest.mark.parametrize(
    ("params", "field", "message"),
    [
        ({"min_samples": 0}, "params.min_samples", "0 is less than 1"),
        ({"k": 0}, "params.k", "0 is not in 1 to 1000"),
        ({"k": 1001}, "params.k", "1001 is not in 1 to 1000"),
        ({"m": 0}, "params.m", "0 is not in 1 to k"),
        ({"m": 3, "k": 2}, "params.m", "3 is not in 1 to k"),
        ({"below": 2}, "params.below", "2 is neither 0 nor 1"),
        ({"limit": math.nan}, "params.limit", "nan is not finite"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(params: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(BadParameter) as refused:
        parse_method("threshold", {"limit": 0.1, **params})
    assert (refused.value.field, refused.value.message) == (field, message)
    assert refused.value.remedy


def test_the_more_generous_of_limit_and_baseline_counts() -> None:
    method = Threshold(limit=0.1, tolerance=1.5)
    subject = Reading.ratio(MINUTE, 29, 100)
    verdicts = [
        method.judge((), subject, baseline=Reading.ratio(MINUTE, bad, 100)).verdict for bad in (0, 19, 20)
    ]
    assert verdicts == [Verdict.BREACH, Verdict.BREACH, Verdict.OK]
    assert method.judge((), Reading.ratio(MINUTE, 9, 100), baseline=Reading.ratio(MINUTE, 0, 50)).verdict is (
        Verdict.OK
    )


def test_where_low_is_bad_a_lower_baseline_allows_less() -> None:
    method = Threshold(limit=0.5, below=1, tolerance=0.9)
    judged = method.judge((), Reading.gauge(MINUTE, 0.4), baseline=Reading.gauge(MINUTE, 0.4))
    assert (judged.verdict, judged.numbers["limit"]) == (Verdict.OK, 0.4 * 0.9)
    assert judged.sentence == (
        "0.4, samples not counted; the limit is 0.36 beside the baseline (0.4, samples not counted)"
    )


def test_a_baseline_of_too_few_compares_with_nothing() -> None:
    method = Threshold(limit=0.1, min_samples=30)
    subject = Reading.ratio(MINUTE, 29, 100)
    few = method.judge((), subject, baseline=Reading.ratio(MINUTE, 2, 29))
    none = method.judge((), subject, baseline=Reading.ratio(MINUTE, 0, 0))
    assert few.verdict is none.verdict is Verdict.INSUFFICIENT
    assert few.sentence.endswith("baseline: 2 of 29 are bad (6.9%); at least 30 are needed to compare")
    assert none.sentence == "baseline: there is nothing to measure"


def test_a_tolerance_below_nothing_is_refused() -> None:
    with pytest.raises(BadParameter, match=r"params\.tolerance: -1 is less than 0; give 0 or more"):
        parse_method("threshold", {"limit": 0.1, "tolerance": -1.0})
