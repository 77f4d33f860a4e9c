"""What the tests of the two ways to follow a server share: a clock that is moved by hand, and the flags they keep."""

from __future__ import annotations

import pytest
from headgate.current import Current
from headgate.tallies import Tallies

KEY = "hg_server_1_secret"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def current(clock: Clock) -> Current:
    return Current(tallies=Tallies(), monotonic=clock)


def mode(current: Current, user: str = "user-1") -> str:
    """What the feature is for a user now."""
    assert current.view is not None
    return current.view.find("feature", {"targetingKey": user}).decision.mode
