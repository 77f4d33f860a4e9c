"""Whether one worker keeps up with many triggers on a short interval, beside a real Prometheus and PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.installation import Installation, installation, running_postgres
from bench.measuring import Effort, Table
from bench.metrics import INTERVAL_S, Product, begin, running_prometheus, watch

_EACH = 10
"""How many triggers watch each feature."""
_WARM_UP_S = 2 * INTERVAL_S + 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    """What a process had used up at one moment."""

    at: float
    cpu_s: float
    peak_mb: float


def run(effort: Effort) -> list[Table]:
    """Measure few and many triggers with two queries each; and some beside as many on a source that hangs."""
    columns = (
        f"triggers every {INTERVAL_S} s",
        "evaluations/s",
        "late p50, s",
        "late p99, s",
        "not ok",
        "CPU ms each",
        "cores",
        "MB at most",
        "cores, PostgreSQL",
        "cores, Prometheus",
    )
    table = Table("One worker on a real Prometheus and PostgreSQL, all on this machine", columns)
    if shutil.which("prometheus") is None:
        return []
    for count in effort.sustained:
        table.add(f"{count:,}", *_measured(count, 0, effort.sustained_s)[0])
    beside = effort.hanging
    healthy, hanging = _measured(beside, beside, effort.sustained_s)
    table.add(f"{beside:,} beside those that hang", *healthy)
    table.add(f"{beside:,} on a source that hangs", *hanging[:4], *[""] * 5)
    return [table]


def _measured(count: int, hanging: int, seconds: float) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The figures of the healthy triggers, and of those on a source that accepts and never answers."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        features = max(1, count // _EACH)
        prometheus, its_pid = stack.enter_context(running_prometheus(folder, Product(features)))
        url = stack.enter_context(running_postgres(folder / "postgres"))("bench")
        made = installation(url, features)
        stack.callback(made.services.database.close)
        watch(made, prometheus, range(count), range(features))
        if hanging:
            silent = stack.enter_context(_silent())
            watch(made, silent, range(count, count + hanging), range(features), "silent")
        begin(made)
        postmaster = int((folder / "postgres" / "postmaster.pid").read_text().split()[0])
        pids = (stack.enter_context(made.serving("worker"))[1], postmaster, its_pid)
        time.sleep(_WARM_UP_S)
        before = [_use(pid) for pid in pids]
        time.sleep(seconds)
        after = [_use(pid) for pid in pids]
        others = [f"{_cores(*uses):.2f}" for uses in zip(before[1:], after[1:], strict=True)]
        healthy, hung = (_figures(made, name, before[0], after[0]) for name in ("metrics", "silent"))
        return (*healthy, *others), hung


@contextlib.contextmanager
def _silent() -> Iterator[str]:
    """The address of somebody who takes every connection, and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def _figures(made: Installation, source: str, before: _Use, after: _Use) -> tuple[str, ...]:
    found = """SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY late),
      percentile_cont(0.99) WITHIN GROUP (ORDER BY late), count(*) FILTER (WHERE verdict <> 'ok')
      FROM (SELECT (readings.evaluated_at - slot) / 1e6 AS late, readings.verdict FROM readings
        JOIN triggers ON triggers.id = trigger_id JOIN sources ON sources.id = source_id
        WHERE sources.key = %s AND readings.evaluated_at BETWEEN %s AND %s) AS during"""
    with made.services.database.read() as tx:
        span = (int(before.at * 1e6), int(after.at * 1e6))
        number, half, most, bad = tx.exec_driver_sql(found, (source, *span)).one()
    return (
        f"{number / (after.at - before.at):,.0f}",
        f"{half or 0:.2f}",
        f"{most or 0:.2f}",
        f"{bad:,}",
        f"{1000 * (after.cpu_s - before.cpu_s) / max(1, number):.2f}",
        f"{_cores(before, after):.2f}",
        f"{after.peak_mb:,.0f}",
    )


def _cores(before: _Use, after: _Use) -> float:
    return (after.cpu_s - before.cpu_s) / (after.at - before.at)


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
