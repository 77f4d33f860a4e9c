"""Whether one worker keeps up with many triggers on a short interval, beside a real Prometheus and PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench.installation import Clock, free_port, populated, running, running_postgres, services_on
from bench.measuring import Effort, Table
from controller.services import Services
from controller.store.database import Database
from controller.store.rollouts import StoredRollout, rollouts_in
from controller.store.sources import add_source
from controller.store.triggers import add_trigger
from triggers import Action, Arming, Rung, Trigger, parse_method

INTERVAL_S = 10
_EACH = 10
"""How many triggers watch each feature."""
_WARM_UP_S = 2 * INTERVAL_S + 5
_LADDER = (Rung(Action.REVIEW), Rung(Action.DISABLE, 900))
_QUERY = {
    "bad": 'sum(increase(answers_total{feature="${feature}", outcome="bad"}[${window}]))',
    "total": 'sum(increase(answers_total{feature="${feature}"}[${window}]))',
}
_SECRET = "a-secret-of-the-benchmark-that-guards-nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    """What a process had used up at one moment."""

    at: float
    cpu_s: float
    peak_mb: float


def run(effort: Effort) -> list[Table]:
    """Measure a few and many triggers, each with two queries of its own."""
    columns = (
        f"triggers every {INTERVAL_S} s",
        "evaluations/s",
        "late p50, s",
        "late p99, s",
        "CPU ms each",
        "cores",
        "MB at most",
        "not ok",
        "cores, PostgreSQL",
        "cores, Prometheus",
    )
    table = Table("One worker on a real Prometheus and PostgreSQL, all on this machine", columns)
    if shutil.which("prometheus") is None:
        return []
    for count in effort.sustained:
        table.add(f"{count:,}", *_measured(count, effort.sustained_s))
    return [table]


def _measured(count: int, seconds: float) -> tuple[str, ...]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        features = max(1, count // _EACH)
        prometheus, its_pid = stack.enter_context(_prometheus(folder, features))
        url = stack.enter_context(running_postgres(folder / "postgres"))("bench")
        _fill(url, prometheus, features, count)
        postmaster = int((folder / "postgres" / "postmaster.pid").read_text().split()[0])
        pids = (stack.enter_context(_worker(url)), postmaster, its_pid)
        database = Database(url)
        stack.callback(database.close)
        time.sleep(_WARM_UP_S)
        before = [_use(pid) for pid in pids]
        time.sleep(seconds)
        after = [_use(pid) for pid in pids]
        others = [_cores(*uses) for uses in zip(before[1:], after[1:], strict=True)]
        return (*_figures(database, before[0], after[0]), *(f"{cores:.2f}" for cores in others))


def _figures(database: Database, before: _Use, after: _Use) -> tuple[str, ...]:
    found = """SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY late),
      percentile_cont(0.99) WITHIN GROUP (ORDER BY late), count(*) FILTER (WHERE verdict <> 'ok')
      FROM (SELECT (evaluated_at - slot) / 1e6 AS late, verdict FROM readings
        WHERE evaluated_at BETWEEN %s AND %s) AS during"""
    with database.read() as tx:
        span = (int(before.at * 1e6), int(after.at * 1e6))
        number, half, most, bad = tx.exec_driver_sql(found, span).one()
    return (
        f"{number / (after.at - before.at):,.0f}",
        f"{half:.2f}",
        f"{most:.2f}",
        f"{1000 * (after.cpu_s - before.cpu_s) / number:.2f}",
        f"{_cores(before, after):.2f}",
        f"{after.peak_mb:,.0f}",
        f"{bad:,}",
    )


def _cores(before: _Use, after: _Use) -> float:
    return (after.cpu_s - before.cpu_s) / (after.at - before.at)


def _fill(url: str, prometheus: str, features: int, count: int) -> None:
    """Features with triggers that fall due evenly over the interval."""
    clock = Clock()
    services = services_on(url, clock)
    environment_id = populated(services, features)
    with services.database.write() as tx:
        stored = [item for item in rollouts_in(tx, environment_id) if isinstance(item, StoredRollout)]
        settings = {"url": prometheus}
        source = add_source(tx, stored[0].project_id, "metrics", "prometheus", settings, services.now())
        for number in range(count):
            add_trigger(tx, stored[number % features].id, source.id, _QUERY, _trigger(number), clock())
    _spread(services)
    services.database.close()


def _trigger(number: int) -> Trigger:
    return Trigger(
        key=f"watch-{number}",
        method=parse_method("threshold", {"limit": 0.5}),
        window_s=30,
        interval_s=INTERVAL_S,
        ladder=_LADDER,
        arming=Arming.ACT,
    )


def _spread(services: Services) -> None:
    now = int(time.time() * 1e6)
    spread = "UPDATE triggers SET due_at = %s + (id * 7919 %% 10000) * %s"
    with services.database.write() as tx:
        tx.exec_driver_sql(spread, (now, INTERVAL_S * 100))


@contextlib.contextmanager
def _worker(url: str) -> Iterator[int]:
    """``headgate serve`` as a worker; gives its process id."""
    port = free_port()
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("HEADGATE_")}
    environment = inherited | {
        "HEADGATE_DATABASE_URL": url,
        "HEADGATE_SECRET_KEY": _SECRET,
        "HEADGATE_ROLE": "worker",
        "HEADGATE_LOG_LEVEL": "WARNING",
    }
    command = [str(Path(sys.executable).with_name("headgate")), "serve", "--port", str(port)]
    with running(command, f"http://127.0.0.1:{port}/readyz", environment) as (_, pid):
        yield pid


def _use(pid: int) -> _Use:
    """What a process and its children have used, from /proc."""
    ticks = peak_kb = 0
    for each in (pid, *_children(pid)):
        # A process may be gone by now; what it used is then no longer told.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, StopIteration):
            ticks, peak_kb = ticks + sum(map(int, _stat(each)[11:13])), peak_kb + _peak_kb(each)
    return _Use(at=time.time(), cpu_s=ticks / os.sysconf("SC_CLK_TCK"), peak_mb=peak_kb / 1024)


def _children(pid: int) -> list[int]:
    found = [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/stat") if _parent(path) == pid]
    return found + [below for child in found for below in _children(child)]


def _parent(path: Path) -> int:
    try:
        return int(path.read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _stat(pid: int) -> list[str]:
    """The fields behind the command, the first of which is the state."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _peak_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


@contextlib.contextmanager
def _prometheus(folder: Path, features: int) -> Iterator[tuple[str, int]]:
    """A Prometheus that scrapes two counters of each feature every five seconds: its address and process id."""
    with _exporter(features) as target:
        config = folder / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 5s}\n"
            f"scrape_configs: [{{job_name: product, static_configs: [{{targets: ['{target}']}}]}}]\n"
        )
        address = f"127.0.0.1:{free_port()}"
        command = [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'metrics'}",
            f"--web.listen-address={address}",
        ]
        with running(command, f"http://{address}/-/ready", os.environ) as (_, pid):
            yield f"http://{address}", pid


@contextlib.contextmanager
def _exporter(features: int) -> Iterator[str]:
    """A product whose features answer ten times more often than they err; gives its address."""
    began = time.monotonic()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers = int(100 * (time.monotonic() - began))
            lines = (
                f'answers_total{{feature="feature-{number}",outcome="{outcome}"}} {answers // share}\n'
                for number in range(features)
                for outcome, share in (("good", 1), ("bad", 10))
            )
            body = "".join(lines).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
