"""Readings hold numbers that can be trusted, or say why there are none."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.triggers.cases import MINUTE, START, at
from triggers import Reading, Status, Window
from triggers.reading import is_finite

NUMBERS = st.one_of(st.floats(), st.integers(-5, 10**6), st.just(10**400))
TOO_LARGE = 10**400


@given(NUMBERS, NUMBERS)
def test_no_reading_holds_nan_or_infinity_whatever_the_source_says(one: float, other: float) -> None:
    for reading in (
        Reading.ratio(MINUTE, one, other),
        Reading.count(MINUTE, one),
        Reading.gauge(MINUTE, one),
        Reading.gauge(MINUTE, one, other),
    ):
        held = [getattr(reading, part.name) for part in fields(reading)]
        assert all(math.isfinite(number) for number in held if isinstance(number, int | float))
        assert reading.status in (Status.OK, Status.INVALID)
        assert (reading.status is Status.OK) == (reading.message == "")


@given(st.floats(0, 1e15), st.floats(0, 1e15))
def test_bad_is_never_more_than_total(one: float, other: float) -> None:
    reading = Reading.ratio(MINUTE, one, other)
    if reading.bad is not None and reading.total is not None:
        assert 0 <= reading.bad <= reading.total
    else:
        assert one > other


def test_interpolated_counts_are_rounded() -> None:
    reading = Reading.ratio(MINUTE, 2.9, 10.2)
    assert (reading.bad, reading.total) == (3, 10)
    assert Reading.count(MINUTE, 1.2).bad == 1
    assert Reading.gauge(MINUTE, 0.5, 9.7).samples == 10


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, TOO_LARGE])
def test_what_is_not_finite_makes_an_invalid_reading_that_says_so(number: float) -> None:
    for reading, what in (
        (Reading.ratio(MINUTE, number, 1), "bad"),
        (Reading.ratio(MINUTE, 0, number), "total"),
        (Reading.count(MINUTE, number), "count"),
        (Reading.gauge(MINUTE, number), "value"),
        (Reading.gauge(MINUTE, 1.0, number), "samples"),
    ):
        assert reading.status is Status.INVALID
        assert reading.message == f"{what} is {number}"


def test_a_negative_count_is_invalid() -> None:
    assert Reading.count(MINUTE, -1).message == "count is negative: -1"
    assert Reading.gauge(MINUTE, 1.0, -3).message == "samples is negative: -3"
    assert Reading.ratio(MINUTE, 1, -3).message == "total is negative: -3"


def test_more_bad_than_total_is_invalid_and_not_cut_off() -> None:
    reading = Reading.ratio(MINUTE, 7, 5)
    assert reading.status is Status.INVALID
    assert reading.message == "bad is 7 and total only 5"


def test_a_gauge_may_be_negative_and_may_not_know_its_samples() -> None:
    reading = Reading.gauge(MINUTE, -0.25)
    assert (reading.status, reading.value, reading.samples) == (Status.OK, -0.25, None)


def test_a_missing_reading_has_no_numbers() -> None:
    reading = Reading.missing(Status.NO_DATA, MINUTE, "no such series")
    assert (reading.bad, reading.total, reading.value, reading.samples) == (None, None, None, None)
    assert reading.message == "no such series"


@pytest.mark.parametrize(
    "numbers",
    [
        {},
        {"total": 5},
        {"samples": 5},
        {"bad": 6, "total": 5},
        {"bad": -1},
        {"bad": 1.5},
        {"bad": math.nan},
        {"bad": 1, "total": math.inf},
        {"value": math.nan},
        {"value": math.inf},
        {"value": TOO_LARGE},
        {"value": 1.0, "samples": -1},
    ],
)
def test_no_ok_reading_can_be_built_around_the_checks(numbers: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"bad|value|samples|number"):
        Reading(status=Status.OK, window=MINUTE, **numbers)


def test_a_made_up_zero_cannot_be_had_by_changing_a_status() -> None:
    with pytest.raises(ValueError, match="an ok reading needs a number"):
        Reading.missing(Status.OK, MINUTE, "")
    with pytest.raises(ValueError, match="an ok reading needs a number"):
        replace(Reading.missing(Status.NO_DATA, MINUTE, ""), status=Status.OK)


def test_a_warning_makes_a_good_reading_partial_and_keeps_its_numbers() -> None:
    reading = Reading.ratio(MINUTE, 1, 10).warned(("shard 3 was away", "shard 4 too"))
    assert (reading.status, reading.bad, reading.total) == (Status.PARTIAL, 1, 10)
    assert reading.warnings == ("shard 3 was away", "shard 4 too")
    assert reading.message == "shard 3 was away"


def test_a_warning_never_makes_a_failed_reading_better() -> None:
    failed = Reading.missing(Status.ERROR, MINUTE, "refused").warned(("odd",))
    assert (failed.status, failed.message, failed.warnings) == (Status.ERROR, "refused", ("odd",))


def test_without_warnings_a_reading_stays_what_it_is() -> None:
    reading = Reading.count(MINUTE, 3)
    assert reading.warned(()) is reading


def test_a_window_has_no_negative_length() -> None:
    assert MINUTE.length == timedelta(seconds=60)
    assert Window(START, at(-5)).length == timedelta(0)


def test_finite_is_what_can_be_computed_with() -> None:
    assert all(is_finite(number) for number in (0, -1e300, 10**300))
    assert not any(is_finite(number) for number in (math.nan, math.inf, -math.inf, TOO_LARGE, -TOO_LARGE))


def test_an_interpolated_count_may_be_above_its_total_by_a_fraction() -> None:
    assert (Reading.ratio(MINUTE, 10.6, 10.4).bad, Reading.ratio(MINUTE, 10.6, 10.4).total) == (10, 10)
    assert Reading.ratio(MINUTE, 12, 10).status is Status.INVALID
