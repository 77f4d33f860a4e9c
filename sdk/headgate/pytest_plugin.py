"""A fixture for the tests of products: ``pytest_plugins = ["headgate.pytest_plugin"]``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from headgate.testing import FakeClient


@pytest.fixture
def headgate_client() -> Iterator[FakeClient]:
    """A ``FakeClient`` that knows no feature yet."""
    with FakeClient() as client:
        yield client
