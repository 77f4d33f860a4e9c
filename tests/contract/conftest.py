from collections.abc import Iterator

import pytest

from tests.contract.headgate_process import Headgate, serving


@pytest.fixture(scope="module")
def headgate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Headgate]:
    """A real server; the tests of a module share it."""
    with serving(tmp_path_factory.mktemp("headgate")) as started:
        yield started
