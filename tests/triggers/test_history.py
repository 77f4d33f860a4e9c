"""Recorded answers, put together again for any window."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.triggers.cases import START, at
from triggers import History, Plant, Reading, Status, Window, tiles

PAIRS = st.tuples(st.integers(0, 9), st.integers(0, 9)).map(sorted)


def ratios(*pairs: tuple[int, int] | list[int]) -> History:
    """A bad of total for each minute."""
    windows = tiles([at(60 * place) for place in range(1, len(pairs) + 1)], START)
    return History.of(Reading.ratio(window, *pair) for window, pair in zip(windows, pairs, strict=True))


@given(st.lists(PAIRS, min_size=1, max_size=20), st.integers(0, 20), st.integers(0, 20))
def test_any_window_is_the_sum_of_the_windows_in_it(pairs: list[list[int]], one: int, other: int) -> None:
    first, last = sorted((min(one, len(pairs)), min(other, len(pairs))))
    answered = ratios(*pairs).answer(Window(at(60 * first), at(60 * last)))
    if first == last:
        assert answered.status is Status.NO_DATA
        return
    inside = pairs[first:last]
    assert (answered.bad, answered.total) == (
        sum(pair[0] for pair in inside),
        sum(pair[1] for pair in inside),
    )


def test_a_history_knows_when_it_begins_and_ends() -> None:
    assert (ratios((0, 1), (1, 1)).begins, ratios((0, 1), (1, 1)).ends) == (START, at(120))
    assert (History(()).begins, History(()).ends) == (None, None)


def test_a_history_in_which_nothing_was_read_tells_nothing() -> None:
    first, second = tiles([at(60), at(120)], START)
    gap = Reading.missing(Status.NO_DATA, first, "nothing")
    assert not History((gap,)).tells
    assert History((gap, Reading.count(second, 0))).tells


def test_values_are_the_newest_unless_they_are_amounts() -> None:
    windows = tiles([at(60), at(120)], START)
    readings = [Reading.gauge(windows[0], 2.0), Reading.gauge(windows[1], 3.0)]
    whole = Window(START, at(120))
    assert History.of(reversed(readings)).answer(whole).value == 3.0
    assert History.of(readings, amounts=True).answer(whole).value == 5.0


def test_counts_add_up_and_gaps_are_gaps() -> None:
    windows = tiles([at(60), at(120), at(180)], START)
    gone = Reading.missing(Status.ERROR, windows[1], "away")
    history = History.of([Reading.count(windows[0], 2), gone, Reading.count(windows[2], 1)])
    assert history.answer(Window(START, at(180))).bad == 3
    assert history.answer(windows[1]).status is Status.NO_DATA


def test_where_windows_overlap_the_newest_speaks() -> None:
    spans = [Window(at(60 * end - 300), at(60 * end)) for end in (1, 2)]
    history = History.of(Reading.ratio(span, bad, 10) for bad, span in enumerate(spans, start=1))
    assert history.overlaps
    assert history.answer(Window(at(-180), at(120))).bad == 2


def test_a_planted_share_makes_exactly_so_many_worse() -> None:
    worse = ratios(*[(1, 11)] * 10).planted(Plant(at(300), share=0.25))
    bad = [reading.bad for reading in worse.readings]
    assert bad[:5] == [1] * 5
    assert bad[5:] == [3, 4, 3, 4, 3]
    assert worse.answer(Window(START, at(600))).bad == 5 + 17


def test_planted_counts_and_values_are_so_many_times_more() -> None:
    (window,) = tiles([at(60)], START)
    plant = Plant(START, times=2.5)
    assert History.of([Reading.count(window, 4)]).planted(plant).readings[0].bad == 10
    assert History.of([Reading.gauge(window, 4.0)]).planted(plant).readings[0].value == 10.0


@pytest.mark.parametrize("status", [Status.NO_DATA, Status.ERROR])
def test_nothing_is_planted_where_nothing_was_read(status: Status) -> None:
    gap = Reading.missing(status, Window(START, START + timedelta(minutes=1)), "away")
    assert History.of([gap]).planted(Plant(START, share=1.0)).readings == (gap,)
