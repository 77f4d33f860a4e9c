"""What the transport makes of what servers say and do."""

from __future__ import annotations

import pytest
from headgate.transport import Response, retry_after_s
from hypothesis import given
from hypothesis import strategies as st

NOON = 1_795_176_000.0
"""Fri, 20 Nov 2026 12:00:00 GMT."""

MOST_S = 999_999_999


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [
        ("30", 30),
        (" 030 ", 30),
        ("0", 0),
        ("1" * 10, MOST_S),
        ("1" * 5000, MOST_S),
        ("Fri, 20 Nov 2026 12:01:00 GMT", 60),
        ("Friday, 20-Nov-26 12:01:00 GMT", 60),
        ("Fri Nov 20 12:01:00 2026", 60),
        ("Fri, 20 Nov 2026 12:01:00", 60),
        ("Fri, 20 Nov 2026 11:59:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MOST_S),
        ("Fri, 20 Nov 2026 12:01:00 +" + "9" * 20, None),
        ("Fri, 20 Nov 2026 12:01:00 +" + "9" * 5000, None),
        ("Fri, 20 Nov 99999 12:01:00 GMT", None),
        ("Fri, 32 Nov 2026 12:01:00 GMT", None),
        *(
            (garbage, None)
            for garbage in ("", ",", "soon", "-1", "+5", "1.5", "1e999", "NaN", "٣٠", "30, 30")
        ),
    ],
)
def test_how_long_a_server_asks_to_wait_is_a_number_or_a_date(said: str, wait_s: float | None) -> None:
    assert retry_after_s({"retry-after": said}, lambda: NOON) == wait_s


@given(st.text() | st.text(alphabet="0123456789 ,:+-GMTFriNov"))
def test_no_text_makes_a_client_wait_for_ever(said: str) -> None:
    for headers in ({"retry-after": said}, {"retry-after": "Fri, 20 Nov 2026 12:01:00 GMT", "date": said}):
        wait_s = retry_after_s(headers)
        assert wait_s is None or 0 <= wait_s <= MOST_S


def test_a_date_is_judged_by_the_clock_of_who_said_it() -> None:
    headers = {"retry-after": "Fri, 20 Nov 2026 09:00:30 GMT", "date": "Fri, 20 Nov 2026 09:00:00 GMT"}
    assert retry_after_s(headers, lambda: NOON) == 30
    assert retry_after_s({**headers, "date": "no date"}, lambda: NOON) == 0


@pytest.mark.parametrize(
    ("said", "age_s"), [("25", 25), ("", 0), ("-1", 0), ("soon", 0), ("9" * 5000, MOST_S)]
)
def test_an_answer_says_how_old_it_is(said: str, age_s: float) -> None:
    assert Response(200, {"age": said}, b"").age_s == age_s
