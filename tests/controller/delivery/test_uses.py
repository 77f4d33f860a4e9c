"""Who asks by OFREP is counted; who reads all flags at once is noted."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder

from controller.delivery.plane import Delivery
from controller.delivery.uses import Uses
from controller.flags.staleness import stale_report
from controller.rollouts import locate_environment
from controller.store.database import Database, DatabaseUnavailable
from controller.store.document_reads import reads_since
from controller.store.flag_counts import uses_since
from controller.store.keys import KeyKind
from tests.controller.api.world import World
from tests.planes import asked

ALL = "/ofrep/v1/evaluate/flags"
SOMEBODY = {"context": {"targetingKey": "user-1"}}
ENVIRONMENT = "/projects/acme/environments/staging"


class Plane:
    """The delivery plane of a small installation, which is asked without a server."""

    def __init__(self, world: World) -> None:
        self.world = world
        parts = world.parts
        self.delivery = Delivery(parts.settings, parts.database, parts.snapshots, parts.now)

    def ask(self, method: str, path: str, key: str = "", **content: Any) -> int:
        headers = {"Authorization": f"Bearer {key or self.world.server_key}"}
        environ = EnvironBuilder(path=path, method=method, headers=headers, **content).get_environ()
        self.delivery.refresher.look()
        status, _, _ = asyncio.run(asked(self.delivery, environ))
        return status

    def write(self) -> None:
        self.delivery.uses.write(self.world.parts.database, self.world.parts.now)

    def counted(self) -> dict[str, dict[str, int]]:
        self.write()
        with self.world.parts.database.read() as tx:
            id = locate_environment(tx, "acme", "staging").id
            found = uses_since(tx, id, self.world.parts.now() - timedelta(days=1))
        return {flag: {variant: use.count for variant, use in uses.items()} for flag, uses in found.items()}

    def readers(self) -> list[tuple[str, str]]:
        self.write()
        with self.world.parts.database.read() as tx:
            id = locate_environment(tx, "acme", "staging").id
            reads = reads_since(tx, id, self.world.parts.now() - timedelta(days=1))
        return [(read.reader.value, read.key) for read in reads]


@pytest.fixture
def plane(world: World) -> Plane:
    return Plane(world)


def test_each_answer_to_one_question_is_counted(plane: Plane) -> None:
    for _ in range(3):
        plane.ask("POST", f"{ALL}/claims-assistant.enabled", json=SOMEBODY)
    plane.ask("POST", f"{ALL}/claims-assistant", json=SOMEBODY)
    plane.ask("POST", f"{ALL}/nobody-knows-this", json=SOMEBODY)
    plane.ask("POST", f"{ALL}/{'x' * 500}", json=SOMEBODY)
    assert plane.counted() == {"claims-assistant.enabled": {"on": 3}, "claims-assistant": {"stable": 1}}
    plane.ask("POST", f"{ALL}/claims-assistant", json=SOMEBODY)
    assert plane.counted()["claims-assistant"] == {"stable": 2}


def test_a_deleted_flag_that_is_asked_for_is_counted_too(plane: Plane) -> None:
    content: dict[str, Any] = {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "defaultVariant": "on",
    }
    plane.world.api.ok("PUT", f"{ENVIRONMENT}/flags/banner", content)
    plane.world.api.call("DELETE", f"{ENVIRONMENT}/flags/banner", json={"reason": "done"})
    assert plane.ask("POST", f"{ALL}/banner", json=SOMEBODY) == 404
    assert plane.counted() == {"banner": {"default": 1}}


def test_who_reads_all_flags_at_once_is_noted_by_his_key(plane: Plane) -> None:
    pages = plane.world.environment_key(kind=KeyKind.CLIENT)
    plane.ask("GET", "/sdk/v1/flags")
    plane.ask("POST", f"{ALL}/claims-assistant", json=SOMEBODY)
    assert plane.readers() == []
    plane.ask("GET", "/flagd/v1/flags.json")
    plane.ask("POST", ALL, json=SOMEBODY)
    plane.ask("POST", ALL, pages, json=SOMEBODY)
    assert {reader for reader, _ in plane.readers()} == {"flagd", "OFREP", "OFREP in pages"}
    assert all(key for _, key in plane.readers())


def test_what_cannot_be_written_waits_on(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    plane.ask("POST", f"{ALL}/claims-assistant", json=SOMEBODY)
    plane.ask("GET", "/flagd/v1/flags.json")

    def away(_: object) -> object:
        raise DatabaseUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(Database, "read", away)
        with pytest.raises(DatabaseUnavailable):
            plane.write()
    assert plane.counted() == {"claims-assistant": {"stable": 1}}
    assert [reader for reader, _ in plane.readers()] == ["flagd"]


def test_memory_is_bounded_whatever_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.delivery.uses._MOST_WAITING", 10)
    uses = Uses()
    for number in range(100):
        uses.count(1, f"flag-{number}", None)
    uses.count(1, "flag-3", None)
    assert len(uses._counts) == 10
    assert uses._counts[1, "flag-3", "default"] == 2


def test_the_report_goes_by_what_ofrep_clients_ask_for(plane: Plane) -> None:
    plane.ask("POST", f"{ALL}/claims-assistant", json=SOMEBODY)
    plane.write()
    with plane.world.parts.database.read() as tx:
        found = stale_report(tx, locate_environment(tx, "acme", "staging"), 30, plane.world.parts.now())
    assert found.cannot_tell.startswith("evaluations have been reported since")
