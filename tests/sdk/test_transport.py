"""What the transport makes of what servers say and do."""

from __future__ import annotations

import time

import pytest
from headgate.transport import Response, Transport, TransportError, retry_after_s
from hypothesis import given
from hypothesis import strategies as st

from tests.endpoint import SLOW_BODY, SLOW_CHUNKS, SLOW_HEADER, Behaviour, dripping, hanging, serving

SHORT_S = 0.1
MARGIN_S = 10.0
"""Much longer than a short deadline, much shorter than the servers that never end."""

_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SLOW_STATUS = dripping(b"HTTP/1.1 2", b"0")
SLOW_HEADERS = dripping(b"HTTP/1.1 200 OK\r\n", b"X-Slow: x\r\n")
SLOW_HEADS = dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n")
SLOW_SIZE = dripping(_CHUNKED, b"0")
SLOW_TRAILERS = dripping(_CHUNKED + b"0\r\n", b"X-Slow: x\r\n")
NEVER_BEGUN = {"hanging": hanging, "status": SLOW_STATUS, "header": SLOW_HEADER, "headers": SLOW_HEADERS}
NEVER_DONE = {"size": SLOW_SIZE, "trailers": SLOW_TRAILERS, "heads": SLOW_HEADS}
NEVER_WHOLE = {"body": SLOW_BODY, "chunks": SLOW_CHUNKS}

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


@pytest.mark.parametrize("name", [*NEVER_BEGUN, *NEVER_DONE, *NEVER_WHOLE])
def test_an_exchange_ends_in_time_however_slowly_the_answer_drips(name: str) -> None:
    behaviour: Behaviour = {**NEVER_BEGUN, **NEVER_DONE, **NEVER_WHOLE}[name]
    began = time.monotonic()
    with serving(behaviour) as endpoint:
        with pytest.raises(TransportError):
            Transport(endpoint.url, "key").get("/", None, SHORT_S)
        assert time.monotonic() - began < MARGIN_S


@pytest.mark.parametrize("name", [*NEVER_BEGUN, *NEVER_DONE])
def test_a_stream_that_brings_nothing_is_over_however_slowly_it_drips(name: str) -> None:
    behaviour: Behaviour = {**NEVER_BEGUN, **NEVER_DONE}[name]
    began = time.monotonic()
    with serving(behaviour) as endpoint:
        with pytest.raises(TransportError):
            list(Transport(endpoint.url, "key").stream("/", None, SHORT_S).pieces())
        assert time.monotonic() - began < MARGIN_S
