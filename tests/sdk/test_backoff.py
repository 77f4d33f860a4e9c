"""Waits between attempts."""

from __future__ import annotations

import random

from headgate.backoff import MAX_BACKOFF_S, Backoff
from hypothesis import given
from hypothesis import strategies as st


@given(
    interval=st.floats(0.01, 600),
    refused=st.lists(st.booleans(), min_size=1, max_size=50),
    draw=st.floats(0, 1, exclude_max=True),
)
def test_waits_are_bounded_and_never_zero(interval: float, refused: list[bool], draw: float) -> None:
    backoff = Backoff(interval, lambda: draw)
    for one in refused:
        assert 0 < backoff.after_failure(refused=one) <= max(300.0, interval)
    assert 0.9 * interval <= backoff.after_success() <= 1.1 * interval


def test_waits_double_up_to_a_minute_and_start_again_after_a_success() -> None:
    backoff = Backoff(5.0, lambda: 0.0)
    waits = [backoff.after_failure() for _ in range(6)]
    assert waits == [5.0, 10.0, 20.0, 40.0, MAX_BACKOFF_S, MAX_BACKOFF_S]
    backoff.after_success()
    assert backoff.after_failure() == 5.0


@given(st.floats(1, 3600), st.floats(0, 1, exclude_max=True))
def test_what_the_server_asks_for_is_never_undercut(asked: float, draw: float) -> None:
    assert asked <= Backoff(1.0, lambda: draw).after_failure(retry_after_s=asked) <= max(asked + 1, 2)


def test_500_clients_that_lose_their_stream_at_once_come_back_spread_out() -> None:
    chance = random.Random(7)
    clients = [Backoff(1.0, chance.random, most_s=30.0, spread=0.8) for _ in range(500)]
    for attempt in range(8):
        waits = sorted(client.after_failure() for client in clients)
        longest = min(2.0**attempt, 30.0)
        assert 0.2 * longest <= waits[0] <= waits[-1] <= longest
        # No tenth of the time they come back in sees many more than a tenth of them.
        step = 0.8 * longest / 10
        busiest = max(
            sum(0.2 * longest + n * step <= wait < 0.2 * longest + (n + 1) * step for wait in waits)
            for n in range(10)
        )
        assert busiest < 85


def test_500_clients_told_to_wait_as_long_do_not_come_back_at_once() -> None:
    chance = random.Random(7)
    waits = [Backoff(1.0, chance.random).after_failure(retry_after_s=10) for _ in range(500)]
    assert min(waits) >= 10
    assert len({round(wait, 2) for wait in waits}) > 80
