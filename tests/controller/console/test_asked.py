from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flask import Flask

from controller.console import asked
from controller.errors import InvalidInput


@pytest.mark.parametrize(
    ("query", "begins", "ends"),
    [
        ("day=2026-03-02", "2026-03-02T00:00", "2026-03-03T00:00"),
        ("day=2026-03-02&zone=UTC", "2026-03-02T00:00", "2026-03-03T00:00"),
        ("day=2026-03-02&zone=Asia/Tokyo", "2026-03-01T15:00", "2026-03-02T15:00"),
        ("day=2026-03-29&zone=Europe/Zurich", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("day=2026-10-25&zone=Europe/Zurich", "2026-10-24T22:00", "2026-10-25T23:00"),
    ],
)
def test_a_day_is_that_of_the_zone_however_long_it_is(query: str, begins: str, ends: str) -> None:
    with Flask("asked").test_request_context(f"/?{query}"):
        assert asked.day("day") == datetime.fromisoformat(begins).replace(tzinfo=UTC)
        assert asked.day_after("day") == datetime.fromisoformat(ends).replace(tzinfo=UTC)


def test_a_time_is_one_of_the_day_in_the_zone() -> None:
    with Flask("asked").test_request_context("/?day=2026-07-01&time=00:30&zone=Asia/Kolkata"):
        assert asked.minute("time") == datetime(2026, 6, 30, 19, 0, tzinfo=UTC)
    with Flask("asked").test_request_context("/?time=00:30"):
        assert asked.minute("time") is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("day=2026-03-02&zone=Mars/Olympus", "zone"),
        ("day=2026-03-02&zone=../../etc/passwd", "zone"),
        ("day=2026-03-02&zone=Europe", "zone"),
        ("day=0001-01-01&zone=Asia/Tokyo", "day"),
        ("day=tomorrow", "day"),
    ],
)
def test_what_is_no_day_or_no_zone_is_told_by_its_field(query: str, field: str) -> None:
    with Flask("asked").test_request_context(f"/?{query}"), pytest.raises(InvalidInput) as refused:
        asked.day("day")
    assert refused.value.problems[0].field == field
