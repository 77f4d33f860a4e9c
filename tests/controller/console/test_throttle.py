from __future__ import annotations

from datetime import UTC, datetime, timedelta

from controller.console.throttle import Throttle

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_attempts_are_admitted_up_to_the_limit_within_a_window() -> None:
    throttle = Throttle(limit=2, window=timedelta(minutes=5))
    assert [throttle.admits("ada", NOW) for _ in range(3)] == [True, True, False]
    assert throttle.admits("ben", NOW)
    assert not throttle.admits("ada", NOW + timedelta(minutes=4, seconds=59))
    assert throttle.admits("ada", NOW + timedelta(minutes=5))


def test_a_success_starts_the_count_afresh() -> None:
    throttle = Throttle(limit=1)
    assert throttle.admits("ada", NOW)
    throttle.forget("ada")
    assert throttle.admits("ada", NOW)


def test_it_does_not_grow_without_end() -> None:
    throttle = Throttle(limit=1, most_names=3)
    for number in range(100):
        throttle.admits(number, NOW)
    assert len(throttle._counts) == 3
    assert not throttle.admits(99, NOW)
