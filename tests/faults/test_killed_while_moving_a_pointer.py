"""A worker is killed after a registry has moved a pointer and before that was recorded: the next one finds it done."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.conftest import SECRET, Clock
from tests.contract.registry_servers.langfuse import LangfuseServer
from tests.contract.registry_servers.server import Moment
from tests.controller.tenant import ADA, PLANS, Tenant, services_on
from tests.endpoint import Call, Endpoint, serving

ROOT = Path(__file__).parents[2]
PATIENCE_S = 90.0
LEASE_S = 8


@pytest.fixture
def langfuse() -> LangfuseServer:
    return LangfuseServer()


@pytest.fixture
def endpoint(langfuse: LangfuseServer) -> Iterator[Endpoint]:
    with serving(langfuse) as endpoint:
        yield endpoint


@pytest.fixture
def reverted(
    database_url: str, langfuse: LangfuseServer, endpoint: Endpoint, tmp_path: Path
) -> Iterator[Tenant]:
    """A feature whose release was reverted, and whose pointer has not followed yet."""
    plans, clock = tmp_path / "plans.yaml", Clock(datetime.now(UTC))
    plans.write_text(PLANS)
    secrets = {"HEADGATE_SECRET_REGISTRY": f"{endpoint.url} {langfuse.secret}"}
    parts = services_on(database_url, clock, plans=str(plans), outbound_secrets=secrets)
    tenant = Tenant(parts, clock).build()
    parts.registries.connect(tenant.project, "prompts", "langfuse", langfuse.settings(endpoint.url), ADA)
    tenant.feature()
    place = langfuse.pointer
    for version, moves in (("7", ["introduce"]), ("8", ["introduce", "adopt", "revert"])):
        pointer = {"registry": "prompts", "name": place.name, "pointer": place.pointer, "version": version}
        prompt = {"ref": f"claims@{version}", "pointer": pointer}
        bundle = {"prompt": prompt, "model": {"provider": "example", "id": "one"}}
        release = parts.catalog.make_release(tenant.project, "claims", bundle, "", ADA)[0].public_id
        share = {"share": 3000} if version == "8" else {}
        for move in moves:
            tenant.move(move, **({"release": release, **share} if move == "introduce" else {}))
        if version == "7":
            tenant.ask(share=10_000)
    yield tenant
    parts.database.close()


@pytest.fixture
def start(
    database_url: str, langfuse: LangfuseServer, endpoint: Endpoint, tmp_path: Path
) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts worker processes, and ends them whatever happens."""
    started: list[subprocess.Popen[bytes]] = []
    mine = {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}
    environment = mine | {
        "HEADGATE_DATABASE_URL": database_url,
        "HEADGATE_SECRET_KEY": SECRET,
        "HEADGATE_SECRET_REGISTRY": f"{endpoint.url} {langfuse.secret}",
        "HEADGATE_ROLE": "worker" if database_url.startswith("postgresql") else "all",
        "HEADGATE_PLANS": str(tmp_path / "plans.yaml"),
        "HEADGATE_TICK_SECONDS": "0.1",
        "HEADGATE_LEASE_S": str(LEASE_S),
        "HEADGATE_READ_DEADLINE_S": str(LEASE_S - 1),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, str(ROOT / "tests" / "faults" / "worker.py")]

    def start() -> subprocess.Popen[bytes]:
        with (tmp_path / f"worker-{len(started)}.log").open("wb") as log:
            process = subprocess.Popen(
                command, env=environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=log, stderr=log
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def status(tenant: Tenant) -> str:
    return str(tenant.ask_sql("SELECT status FROM pointer_moves")[0][0])


def test_what_was_written_and_not_recorded_is_found_and_recorded_once(
    reverted: Tenant,
    langfuse: LangfuseServer,
    endpoint: Endpoint,
    start: Callable[[], subprocess.Popen[bytes]],
    tmp_path: Path,
) -> None:
    written = threading.Event()

    def say_nothing(call: Call) -> None:
        written.set()
        call.pause(PATIENCE_S)

    langfuse.faults[Moment.AFTER_WRITE] = say_nothing
    worker = start()
    assert written.wait(PATIENCE_S), (tmp_path / "worker-0.log").read_text()
    worker.kill()
    worker.wait(10)
    assert langfuse.now == "7"
    assert status(reverted) == "pending"
    steps = "SELECT result FROM incident_events WHERE what = 'pointer_move'"
    assert reverted.ask_sql(steps) == []

    langfuse.faults.clear()
    start()
    until = time.monotonic() + PATIENCE_S
    while status(reverted) == "pending":
        assert time.monotonic() < until, (tmp_path / "worker-1.log").read_text()
        time.sleep(0.05)
    assert status(reverted) == "already_there"
    assert reverted.ask_sql(steps) == [("already_there",)]
    assert [change.name for change in reverted.changes()].count("pointer.move") == 1
    assert reverted.ask_sql("SELECT count(*) FROM incident_events WHERE what = 'restored'") == [(1,)]
    assert [call.method for call in endpoint.calls].count("PATCH") == 1
    assert reverted.bad_rows() == []
