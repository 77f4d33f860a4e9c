"""Events that must never happen are counted one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.triggers.cases import MINUTE
from triggers import BadParameter, Reading, Verdict, parse_method
from triggers.methods import AnyEvent


def test_one_event_is_enough() -> None:
    judged = AnyEvent().judge((), Reading.count(MINUTE, 1))
    assert (judged.verdict, judged.memory) == (Verdict.BREACH, (1,))
    assert judged.sentence == "1 since the last acknowledgement; 1 is enough"
    assert judged.numbers == {"seen": 1, "limit": 1}


def test_no_event_is_good() -> None:
    judged = AnyEvent().judge((), Reading.count(MINUTE, 0))
    assert (judged.verdict, judged.memory) == (Verdict.OK, (0,))


def test_the_total_does_not_matter() -> None:
    assert AnyEvent().judge((), Reading.ratio(MINUTE, 1, 10**6)).verdict is Verdict.BREACH
    assert AnyEvent().judge((), Reading.ratio(MINUTE, 0, 0)).verdict is Verdict.OK


def test_a_value_is_no_count_and_leaves_the_memory_alone() -> None:
    judged = AnyEvent().judge((2,), Reading.gauge(MINUTE, 3.0))
    assert (judged.verdict, judged.memory) == (Verdict.SOURCE_ERROR, (2,))


@given(st.lists(st.integers(0, 5)), st.integers(1, 10))
def test_events_add_up_over_readings_until_they_are_enough(counts: list[int], enough: int) -> None:
    memory: tuple[int, ...] = ()
    for position, count in enumerate(counts, start=1):
        judged = AnyEvent(count=enough).judge(memory, Reading.count(MINUTE, count))
        memory, seen = judged.memory, sum(counts[:position])
        assert memory == (seen,)
        assert (judged.verdict is Verdict.BREACH) == (seen >= enough)


@given(st.lists(st.integers(0, 5), min_size=1))
def test_splitting_a_window_changes_nothing(counts: list[int]) -> None:
    memory: tuple[int, ...] = ()
    for count in counts:
        memory = AnyEvent().judge(memory, Reading.count(MINUTE, count)).memory
    assert AnyEvent().judge((), Reading.count(MINUTE, sum(counts))).memory == memory


@pytest.mark.parametrize("count", [0, -1])
def test_fewer_than_one_event_cannot_trip(count: int) -> None:
    with pytest.raises(BadParameter, match=r"params\.count: .* is less than 1; give 1 or more"):
        parse_method("any_event", {"count": count})


def test_its_windows_touch() -> None:
    assert AnyEvent.contiguous
