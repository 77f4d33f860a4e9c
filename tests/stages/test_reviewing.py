from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from stages import answers_a_day, saturation

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("count", "hours", "a_day"), [(10, 24, 10), (10, 12, 20), (10, 1, 240), (10, 0, 240), (0, 5, 0)]
)
def test_answers_are_counted_by_the_day_and_no_less_than_an_hour_is_believed(
    count: int, hours: int, a_day: int
) -> None:
    assert answers_a_day(count, NOW - timedelta(hours=hours), NOW) == a_day


def test_reviewers_are_saturated_above_their_capacity() -> None:
    assert saturation(100, 100) == ""
    assert saturation(100, 101) == "reviewers can look at 100 answers a day, and 101 a day arrive"
    assert saturation(0, 1)


def test_reviewers_of_whom_nothing_is_said_are_trusted_to_cope() -> None:
    assert saturation(None, 10**9) == ""
