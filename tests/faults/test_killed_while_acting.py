"""A worker is killed at the worst moments of a rollback: the feature is moved once, and recorded once, all the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.notices import deliver
from stages import Mode
from tests.conftest import SECRET, Clock
from tests.controller.tenant import ADA, PLANS, Tenant, services_on
from tests.endpoint import Endpoint, replying, serving
from triggers import Action, Rung

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
BY = "trigger:unsupported"


@pytest.fixture
def plans(tmp_path: Path) -> str:
    path = tmp_path / "plans.yaml"
    path.write_text(PLANS)
    return str(path)


@pytest.fixture
def pager() -> Iterator[Endpoint]:
    """Somebody who is told by a webhook."""
    with serving(replying(200)) as endpoint:
        yield endpoint


@pytest.fixture
def secrets(pager: Endpoint) -> dict[str, str]:
    return {"HEADGATE_SECRET_HOOK": f"{pager.url} a-secret-of-tests"}


@pytest.fixture
def tenant(postgres_url: str, plans: str, pager: Endpoint, secrets: dict[str, str]) -> Iterator[Tenant]:
    """A feature that misbehaves, with a trigger that is due and will find out, and somebody to be told."""
    clock = Clock(datetime.now(UTC) - timedelta(seconds=300))
    parts = services_on(postgres_url, clock, plans=plans, outbound_secrets=secrets)
    tenant = Tenant(parts, clock).build()
    settings = {"url": f"{pager.url}/hook", "secret": "env:HOOK"}
    parts.notices.connect(tenant.project, "pager", "webhook", settings, ("trigger.fired",), ADA)
    tenant.beta()
    tenant.trigger("unsupported", Rung(Action.REVIEW), Rung(Action.NOTIFY), window_s=3600, interval_s=300)
    assert tenant.evaluate() == ["done"]
    tenant.report(20, grounded=False)
    deliver(tenant.parts.database, clock())  # So that nothing but the rollback is left to be told.
    yield tenant
    tenant.parts.database.close()


Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(postgres_url: str, plans: str, secrets: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Starts worker processes, and ends them whatever happens."""
    started: list[subprocess.Popen[bytes]] = []
    mine = {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}
    environment = (
        mine
        | secrets
        | {
            "HEADGATE_DATABASE_URL": postgres_url,
            "HEADGATE_SECRET_KEY": SECRET,
            "HEADGATE_ROLE": "worker",
            "HEADGATE_PLANS": plans,
            "HEADGATE_TICK_SECONDS": "0.1",
            "HEADGATE_LEASE_S": "2",
            "HEADGATE_READ_DEADLINE_S": "1",
            "PYTHONPATH": str(ROOT),
        }
    )

    def start(crash_at: str = "") -> subprocess.Popen[bytes]:
        with (tmp_path / f"worker-{len(started)}.log").open("wb") as log:
            started.append(
                subprocess.Popen(
                    [sys.executable, str(ROOT / "tests" / "faults" / "worker.py")],
                    env=environment | {"HEADGATE_CRASH_AT": crash_at},
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                )
            )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def others(tenant: Tenant) -> list[str]:
    """Two more features that misbehave at the same moment."""
    keys = ["other", "third"]
    for key in keys:
        tenant.beta(key)
        tenant.trigger("unsupported", Rung(Action.REVIEW), feature=key, window_s=3600, interval_s=300)
    assert tenant.evaluate() == ["done", "done"]
    for key in keys:
        tenant.report(20, feature=key, grounded=False)
    return keys


def wait_for(happened: Callable[[], bool]) -> bool:
    until = time.monotonic() + PATIENCE_S
    while not happened():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def number(tenant: Tenant, what: str) -> int:
    return int(str(tenant.ask_sql(f"SELECT count(*) FROM {what}")[0][0]))


@pytest.mark.parametrize(
    ("crash_at", "done"),
    [
        ("commit:INSERT INTO changes", False),
        ("after:INSERT INTO changes", True),
        ("after:RETURNING deliveries.id", True),
        ("commit:settled_at=", True),
    ],
    ids=["before-commit", "after-commit-before-publish", "before-webhook", "after-webhook"],
)
def test_a_rollback_happens_once_wherever_the_worker_dies(
    tenant: Tenant, pager: Endpoint, start: Start, crash_at: str, done: bool
) -> None:
    assert start(crash_at).wait(PATIENCE_S) == -signal.SIGKILL
    assert (tenant.rollout().mode is Mode.REVIEW) is done, "all of it or nothing of it is there"
    assert number(tenant, "changes WHERE actor_kind = 'trigger'") == (2 if done else 0)
    assert number(tenant, "outbox WHERE event = 'trigger.fired'") == (1 if done else 0)
    told_before = len(pager.calls)
    assert told_before == (1 if "settled_at" in crash_at else 0)
    start()
    assert wait_for(lambda: number(tenant, "deliveries WHERE status = 'delivered'") == 1)
    assert len(pager.calls) == told_before + 1
    assert len({call.headers["webhook-id"] for call in pager.calls}) == 1, "whoever is told twice can tell"
    assert tenant.moves() == [("review", BY), ("notify", BY)]
    assert number(tenant, "outbox WHERE event = 'trigger.fired'") == 1
    assert number(tenant, "readings WHERE verdict = 'breach' AND due <> '[]'") == 1
    assert (
        number(tenant, "(SELECT 1 FROM readings GROUP BY trigger_id, slot HAVING count(*) > 1) AS twice") == 0
    )
    assert tenant.bad_rows() == []


@pytest.mark.parametrize(
    ("crash_at", "done"), [("commit:INSERT INTO changes", False), ("after:INSERT INTO changes", True)]
)
def test_several_rolled_back_at_once_are_each_rolled_back_once(
    tenant: Tenant, others: list[str], start: Start, crash_at: str, done: bool
) -> None:
    keys = ["claims", *others]
    assert start(crash_at).wait(PATIENCE_S) == -signal.SIGKILL
    moved = [key for key in keys if tenant.rollout(key).mode is Mode.REVIEW]
    assert moved == (keys if done else []), "all of them or none of them"
    start()
    assert wait_for(lambda: all(tenant.rollout(key).mode is Mode.REVIEW for key in keys))
    assert wait_for(lambda: number(tenant, "readings WHERE verdict = 'breach' AND due <> '[]'") == 3)
    assert number(tenant, "changes WHERE name = 'review' AND actor_kind = 'trigger'") == 3
    assert number(tenant, "outbox WHERE event = 'trigger.fired'") == 3
    assert tenant.bad_rows() == []
