from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from triggers import Mute, mutes

DAY = timedelta(days=1)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_what_is_said_next_ends_what_was_said_before() -> None:
    said = [
        (NOON, NOON + 7 * DAY, "ada"),
        (NOON + DAY, NOON + 8 * DAY, "bob"),
        (NOON + 2 * DAY, None, "ada"),
        (NOON + 3 * DAY, NOON + 4 * DAY, "ada"),
        (NOON + 9 * DAY, None, "bob"),
    ]
    assert mutes(said) == [
        Mute(NOON, NOON + DAY, "ada"),
        Mute(NOON + DAY, NOON + 2 * DAY, "bob"),
        Mute(NOON + 3 * DAY, NOON + 4 * DAY, "ada"),
    ]


@pytest.mark.parametrize(("start", "end", "days"), [(-9, 9, 2), (1, 9, 1), (0, 1, 1), (2, 9, 0), (-9, -1, 0)])
def test_of_a_mute_counts_what_lies_within_a_span(start: int, end: int, days: int) -> None:
    mute = Mute(NOON, NOON + 2 * DAY, "ada")
    assert mute.within(NOON + start * DAY, NOON + end * DAY) == days * DAY
