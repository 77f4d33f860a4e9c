"""A project on each kind of database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Clock
from tests.contract.registry_servers.langfuse import LangfuseServer
from tests.controller.reverting import Reverting
from tests.controller.tenant import PLANS, Tenant, services_on
from tests.endpoint import serving

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


@pytest.fixture
def langfuse() -> LangfuseServer:
    """A prompt registry whose label stands on version 8 of its one prompt."""
    return LangfuseServer()


@pytest.fixture
def make_reverting(make_tenant: MakeTenant, langfuse: LangfuseServer) -> Iterator[Callable[[str], Reverting]]:
    """Makes a project that the registry is connected to; releases are tried there also while an incident is open."""
    with serving(langfuse) as endpoint:
        secrets = {"HEADGATE_SECRET_REGISTRY": f"{endpoint.url} {langfuse.secret}"}

        def make(url: str) -> Reverting:
            tenant = make_tenant(url, protected=False, outbound_secrets=secrets)
            return Reverting(tenant, langfuse, endpoint).build()

        yield make


@pytest.fixture
def reverting(make_reverting: Callable[[str], Reverting], database_url: str) -> Reverting:
    """A project with a prompt registry, on each kind of database."""
    return make_reverting(database_url)


@pytest.fixture
def case(make_reverting: Callable[[str], Reverting], sqlite_url: str) -> Reverting:
    """The same on SQLite alone."""
    return make_reverting(sqlite_url)


@pytest.fixture
def watched(tenant: Tenant) -> Tenant:
    """A feature in beta with a trigger that has begun to watch."""
    tenant.beta()
    tenant.trigger()
    tenant.evaluate()
    return tenant


@pytest.fixture
def simple(small: Tenant) -> Tenant:
    """A feature in beta, without triggers, on SQLite."""
    small.beta()
    return small
