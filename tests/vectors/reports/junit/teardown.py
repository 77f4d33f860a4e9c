"""A check that passes, and a clean-up after it that breaks: pytest counts both."""

import pytest


@pytest.fixture
def session():
    yield
    raise ConnectionError("the session was gone")


def test_answers_in_time(session):
    pass


def test_fails_and_cleanup_breaks(session):
    raise AssertionError("too slow")
