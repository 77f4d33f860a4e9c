from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from controller.console.times import ago, ahead, instant, lasting, moment

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "lasts", "was"),
    [
        (0, "for a moment", "just now"),
        (59, "for a moment", "just now"),
        (60, "for 1 min", "1 min ago"),
        (3599, "for 59 min", "59 min ago"),
        (3600, "for 1 h", "1 h ago"),
        (47 * 3600 + 3599, "for 47 h", "47 h ago"),
        (48 * 3600, "for 2 days", "2 days ago"),
    ],
)
def test_the_past_is_told_in_whole_parts(seconds: int, lasts: str, was: str) -> None:
    since = NOW - timedelta(seconds=seconds)
    assert (lasting(since, NOW), ago(since, NOW)) == (lasts, was)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(-1, "now"), (0, "now"), (1, "in 1 min"), (60, "in 1 min"), (61, "in 2 min"), (7200, "in 2 h")],
)
def test_what_is_ahead_is_rounded_up(seconds: int, told: str) -> None:
    assert ahead(NOW + timedelta(seconds=seconds), NOW) == told


def test_an_instant_has_its_year_where_that_is_another_one() -> None:
    assert moment(NOW, NOW) == "Nov 20, 12:00 UTC"
    assert moment(NOW - timedelta(days=400), NOW) == "Oct 16, 2025"
    assert instant(NOW, NOW) == "Nov 20, 12:00:00 UTC"
    assert instant(NOW - timedelta(days=400), NOW) == "Oct 16, 2025, 12:00:00 UTC"
