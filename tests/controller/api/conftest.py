import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.services import Services
from tests.conftest import Api
from tests.controller.api.world import World, build_once, opened


@pytest.fixture(scope="session")
def world_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, World]:
    """The database of a small installation, to be copied."""
    path = tmp_path_factory.mktemp("world") / "template.db"
    shutil.copy(sqlite_template, path)
    return path, build_once(f"sqlite:///{path}")


@pytest.fixture
def sqlite_url(world_template: tuple[Path, World], tmp_path: Path) -> str:
    """The database of the application under test has a small installation in it."""
    path = tmp_path / "headgate.db"
    shutil.copy(world_template[0], path)
    return f"sqlite:///{path}"


@pytest.fixture
def world(
    api: Api, make_key: Callable[..., str], services: Services, world_template: tuple[Path, World]
) -> World:
    return world_template[1].at(api, make_key, services)


@pytest.fixture(scope="module")
def still(world_template: tuple[Path, World], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One installation for all tests of a module: for tests that see to it themselves that nothing changes."""
    path = tmp_path_factory.mktemp("still") / "headgate.db"
    shutil.copy(world_template[0], path)
    with opened(f"sqlite:///{path}") as (api, make_key, parts):
        yield world_template[1].at(api, make_key, parts)
