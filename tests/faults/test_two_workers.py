"""Several workers share one database: nothing is done twice, nothing is left out, also when one is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from controller.rollouts import locate
from controller.store.tables import triggers
from controller.subjects import epoch
from stages import Mode
from tests.conftest import SECRET, Clock
from tests.controller.tenant import PLANS, Tenant, services_on
from triggers import Action, Rung, State

ROOT = Path(__file__).parents[2]
PATIENCE_S = 90.0
BREACHING = 2
"""How many of the triggers of each feature breach; each of them tells somebody and moves the feature."""


@pytest.fixture
def plans_file(tmp_path: Path) -> str:
    path = tmp_path / "plans.yaml"
    path.write_text(PLANS)
    return str(path)


MakeCrowd = Callable[..., Tenant]


@pytest.fixture
def make_crowd(plans_file: str) -> Iterator[MakeCrowd]:
    """Makes a project with many features that users have, each watched by many triggers that are due."""
    made: list[Tenant] = []

    def make(url: str, features: int, each: int) -> Tenant:
        clock = Clock(datetime.now(UTC) - timedelta(minutes=1))
        tenant = Tenant(services_on(url, clock, plans=plans_file), clock).build()
        made.append(tenant)
        for number in range(features):
            feature = f"feature-{number}"
            tenant.beta(feature)
            tenant.report(20, feature, grounded=False)
            watch(tenant, feature, each)
        return tenant

    yield make
    for tenant in made:
        tenant.parts.database.close()


def watch(tenant: Tenant, feature: str, each: int) -> None:
    """Two triggers that breach, and many that do not; all of them have been watching for a while."""
    ladder = (Rung(Action.NOTIFY), Rung(Action.REVIEW))
    for key, limit in (("breach", 0.1), ("calm", 1.0)):
        tenant.trigger(
            f"{feature}-{key}",
            *ladder,
            feature=feature,
            params={"limit": limit},
            window_s=3600,
            interval_s=3600,
        )
    with tenant.parts.database.write() as tx:
        found = locate(tx, tenant.where(feature))
        mine = select(triggers).where(triggers.c.rollout_id == found.id).order_by(triggers.c.id)
        breach, calm = (dict(row._mapping) for row in tx.execute(mine))
        copies = [breach] * (BREACHING - 1) + [calm] * (each - BREACHING - 1)
        rows = [row | {"key": f"{feature}-copy-{n}", "id": None} for n, row in enumerate(copies)]
        tx.execute(insert(triggers), [{k: v for k, v in row.items() if k != "id"} for row in rows])
        watching = epoch(tenant.standing(f"{feature}-calm", feature), found)
        state = State(epoch=watching, epoch_at=tenant.clock() - timedelta(hours=1))
        tx.execute(triggers.update().where(triggers.c.rollout_id == found.id).values(state=state.to_json()))


def assert_everything_was_done_once(tenant: Tenant, features: int, each: int) -> None:
    counted = tenant.ask_sql("SELECT trigger_id, slot, count(*) FROM readings GROUP BY trigger_id, slot")
    assert len(counted) == features * each
    assert {count for _, _, count in counted} == {1}
    verdicts = Counter(row[0] for row in tenant.ask_sql("SELECT verdict FROM readings"))
    assert verdicts == {"breach": features * BREACHING, "ok": features * (each - BREACHING)}
    told = Counter(tenant.moves())
    assert set(told.values()) == {1}
    assert Counter(name for name, _ in told) == {
        "notify": features * BREACHING,
        "review": features * BREACHING,
    }
    due = tenant.ask_sql("SELECT count(*) FROM triggers WHERE lease_until IS NOT NULL OR broken IS NOT NULL")
    assert due == [(0,)]
    assert all(tenant.rollout(f"feature-{n}").mode is Mode.REVIEW for n in range(features))
    [(revision,)] = tenant.ask_sql("SELECT revision FROM environments")
    versions = tenant.ask_sql("SELECT sum(version - 1) FROM rollouts")
    # One revision for each feature that was made, and one for each move, or for several that were made together.
    made, moves = 1 + features, int(str(versions[0][0]))
    assert made < revision <= made + moves
    assert tenant.bad_rows() == []


def evaluated(tenant: Tenant) -> int:
    return int(str(tenant.ask_sql("SELECT count(*) FROM readings")[0][0]))


def start_worker(url: str, plans: str, log: Path) -> subprocess.Popen[bytes]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HEADGATE_")} | {
        "HEADGATE_DATABASE_URL": url,
        "HEADGATE_SECRET_KEY": SECRET,
        "HEADGATE_ROLE": "worker",
        "HEADGATE_PLANS": plans,
        "HEADGATE_TICK_SECONDS": "0.1",
        "HEADGATE_LEASE_S": "4",
        "HEADGATE_READ_DEADLINE_S": "1",
        "PYTHONPATH": str(ROOT),
    }
    with log.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "faults" / "worker.py")],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=file,
        )


def wait_for(happened: Callable[[], bool], until: float) -> bool:
    while not happened():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def start(plans_file: str, tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Starts worker processes, and ends them whatever happens."""
    started: list[subprocess.Popen[bytes]] = []

    def start(url: str) -> subprocess.Popen[bytes]:
        started.append(start_worker(url, plans_file, tmp_path / f"worker-{len(started)}.log"))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_killed_worker_leaves_nothing_undone_and_nothing_is_done_twice(
    postgres_url: str,
    make_crowd: MakeCrowd,
    start: Callable[[str], subprocess.Popen[bytes]],
    tmp_path: Path,
) -> None:
    features, each = 40, 25
    tenant = make_crowd(postgres_url, features, each)
    workers, until = [start(postgres_url), start(postgres_url)], time.monotonic() + PATIENCE_S

    def backends() -> int:
        """How many worker processes have read something: each has a connection of its own."""
        mine = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        return int(str(tenant.ask_sql(mine)[0][0]))

    assert wait_for(lambda: evaluated(tenant) > features * each // 10, until)
    assert wait_for(lambda: backends() > 1, until)
    os.kill(workers[0].pid, signal.SIGKILL)
    workers[0].wait(10)
    done = evaluated(tenant)
    assert 0 < done < features * each, "the worker was to be killed in the middle"
    logs = [tmp_path / f"worker-{n}.log" for n in range(2)]
    assert wait_for(lambda: evaluated(tenant) == features * each, until), logs[1].read_text()[-3000:]
    workers[1].communicate(timeout=30)
    assert workers[1].returncode == 0
    assert_everything_was_done_once(tenant, features, each)
    assert b"Traceback" not in logs[1].read_bytes()


def test_many_threads_on_one_file_do_everything_once(
    sqlite_url: str, make_crowd: MakeCrowd, plans_file: str
) -> None:
    features, each = 10, 20
    tenant = make_crowd(sqlite_url, features, each)
    clock = Clock(datetime.now(UTC))
    both = [services_on(sqlite_url, clock, plans=plans_file) for _ in range(2)]
    until = time.monotonic() + PATIENCE_S
    while evaluated(tenant) < features * each and time.monotonic() < until:
        ticking = [threading.Thread(target=parts.ticks.tick) for parts in both for _ in range(2)]
        for thread in ticking:
            thread.start()
        for thread in ticking:
            thread.join(30)
        assert all(parts.ticks.join(60) for parts in both)
    for parts in both:
        parts.database.close()
    assert_everything_was_done_once(tenant, features, each)
