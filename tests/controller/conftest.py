"""A project on each kind of database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Clock
from tests.controller.tenant import PLANS, Tenant, services_on

MakeTenant = Callable[..., Tenant]


@pytest.fixture
def plans_file(tmp_path: Path) -> str:
    path = tmp_path / "plans.yaml"
    path.write_text(PLANS)
    return str(path)


@pytest.fixture
def make_tenant(clock: Clock, plans_file: str) -> Iterator[MakeTenant]:
    """Makes a project in a database, and gives its connections back at the end."""
    made: list[Tenant] = []

    def make(url: str, *, protected: bool = True, **settings: Any) -> Tenant:
        tenant = Tenant(services_on(url, clock, plans=plans_file, **settings), clock)
        made.append(tenant)
        return tenant.build(protected=protected)

    yield make
    for tenant in made:
        tenant.parts.database.close()


@pytest.fixture
def tenant(make_tenant: MakeTenant, database_url: str) -> Tenant:
    """A project with a protected environment, on each kind of database."""
    return make_tenant(database_url)


@pytest.fixture
def small(make_tenant: MakeTenant, sqlite_url: str) -> Tenant:
    """The same on SQLite alone, for rules that no database has a say in."""
    return make_tenant(sqlite_url)
