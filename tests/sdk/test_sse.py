"""Events out of bytes, however they arrive."""

from __future__ import annotations

import itertools

import pytest
from headgate import sse
from headgate.sse import Event, StreamError, events
from hypothesis import given
from hypothesis import strategies as st

STREAM = (
    b"retry: 1500\n\n: heartbeat\n\nevent: put\nid: 1-a\ndata: {\ndata:  }\n\n"
    b"data: x\r\nunheard: of\r\n\r\nid: 2\n\nevent: patch\ndata: cut off"
)
EVENTS = [Event("put", "1-a", b"{\n }"), Event("message", None, b"x")]


def test_events_have_a_kind_an_id_and_data_and_the_one_cut_off_is_left_out() -> None:
    assert list(events([STREAM])) == [*EVENTS, Event("", None, b"heartbeat")]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_it_does_not_matter_where_the_pieces_end(cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[one:other] for one, other in itertools.pairwise(ends)]
    found = list(events(pieces))
    assert [event for event in found if event.kind] == EVENTS
    assert [event.kind for event in found].count("") == 1


def test_a_heartbeat_comes_after_what_arrived_with_it() -> None:
    assert [event.kind for event in events([b": here\n\ndata: 1\n\n", b": here\n\n"])] == ["message", "", ""]


def test_an_endless_event_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 100)
    assert list(events([b"data: " + b"x" * 80 + b"\n\n"] * 5)) == [Event("message", None, b"x" * 80)] * 5
    for pieces in ([b"data: "] + [b"x" * 30] * 5, [b"data: x\n"] * 5):
        with pytest.raises(StreamError):
            list(events(pieces))
