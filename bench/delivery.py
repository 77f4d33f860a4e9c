"""The delivery plane under load: streams that are told of a change, streams that are idle, and OFREP beside Unleash."""

from __future__ import annotations

import asyncio
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench import shapes, unleash
from bench.installation import Installation, installation, running_postgres
from bench.load import Figures, Load
from bench.measuring import Effort, Table, percentile
from controller.store.projects import raise_revision

_SINGLE, _BULK = 10, 100
"""Flags to ask one of, and to ask all of."""
_CONNECTIONS = 32
_PATIENCE_S = 60.0


def run(effort: Effort) -> list[Table]:
    """Measure on a real PostgreSQL, with ``headgate serve`` in the role delivery."""
    _lift_the_limit_of_files()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        make = stack.enter_context(running_postgres(folder / "postgres"))
        tables = [_streams(make("streams"), effort)]
        if shutil.which("wrk"):
            tables.append(_ofrep(make, effort))
    return tables


def _ofrep(make: Callable[[str], str], effort: Effort) -> Table:
    """One flag, and all of a hundred, by OFREP from two processes; beside Unleash's answer about ten and a hundred."""
    title = f"Evaluations by HTTP, {_CONNECTIONS} connections, wrk on the same cores"
    table = Table(title, ("", "requests/s", "p50 ms", "p99 ms", "ours is"))
    seconds = max(1.0, 2 * effort.seconds)
    for what, flags in (("one flag", _SINGLE), (f"all of {_BULK} flags", _BULK)):
        made = installation(make(f"ofrep_{flags}"), flags if what == "one flag" else flags // 2)
        with made.serving("delivery", WORKERS="2") as (address, _):
            path = "/ofrep/v1/evaluate/flags" + ("/feature-7.enabled" if what == "one flag" else "")
            load = Load(f"{address}{path}", made.key, shapes.attributes("user-1"))
            ours = _middle(load, effort.big_rounds, seconds)
        made.services.database.close()
        _show(table, f"Headgate, 2 processes, {what}", ours, "")
        if unleash.is_installed():
            with unleash.serving(make(f"unleash_{flags}"), flags) as (url, key):
                theirs = _middle(Load(url, key, {}, "GET"), effort.big_rounds, seconds)
            _show(
                table,
                f"Unleash {unleash.VERSION}, 1 process, {flags} flags",
                theirs,
                f"×{ours.rate / theirs.rate:.1f}",
            )
    return table


def _middle(load: Load, rounds: int, seconds: float) -> Figures:
    """The round in the middle, by its rate, after one that warms up."""
    load.hammered(_CONNECTIONS, 1)
    found = sorted((load.hammered(_CONNECTIONS, seconds) for _ in range(rounds)), key=lambda one: one.rate)
    return found[len(found) // 2]


def _show(table: Table, name: str, found: Figures, ratio: str) -> None:
    table.add(name, f"{found.rate:,.0f}", f"{found.p50_ms:.1f}", f"{found.p99_ms:.1f}", ratio)


def _lift_the_limit_of_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _streams(url: str, effort: Effort) -> Table:
    few, many = effort.streams
    made = installation(url, 50)
    title = "Streams of one delivery process on PostgreSQL, 50 rollouts"
    table = Table(title, ("", "p50", "p99", "longest"))
    with made.serving("delivery") as (address, pid):
        for count in (few, many):
            waits, kibibytes, asked_ms = asyncio.run(_watched(made, address, pid, count, effort.changes))
            _add(table, f"change committed → seen by {count:,} clients, ms", waits)
            _add(table, f"OFREP, one flag, while {count:,} are idle, ms", asked_ms)
            table.add(f"server memory for each of {count:,} idle streams, KiB", f"{kibibytes:,.1f}", "", "")
    made.services.database.close()
    return table


def _add(table: Table, name: str, values: list[float]) -> None:
    shown = (median(values), percentile(values, 99), max(values))
    table.add(name, *(f"{value:,.1f}" for value in shown))


async def _watched(
    made: Installation, address: str, pid: int, count: int, changes: int
) -> tuple[list[float], float, list[float]]:
    """Open streams; returns how long they waited for changes, what each costs, and what OFREP takes meanwhile."""
    before = resident_kib(pid)
    clients = await _opened(address, made.key, count)
    await asyncio.sleep(2)
    each = (resident_kib(pid) - before) / count
    asked = await asyncio.to_thread(_asked_ms, address, made.key)
    waits: list[float] = []
    for _ in range(changes):
        seen = [client.next_change() for client in clients]
        committed = await asyncio.to_thread(_change, made)
        moments = await asyncio.wait_for(asyncio.gather(*seen), _PATIENCE_S)
        waits += [max(0.0, moment - committed) * 1000 for moment in moments]
    for client in clients:
        client.close()
    await asyncio.sleep(1)
    return waits, each, asked


def _change(made: Installation) -> float:
    with made.services.database.write() as tx:
        raise_revision(tx, made.environment_id, made.services.now())
    return time.perf_counter()


def _asked_ms(address: str, key: str) -> list[float]:
    load = Load(f"{address}/ofrep/v1/evaluate/flags/feature-7", key, shapes.attributes("user-1"))
    return load.one_by_one(500)


def resident_kib(pid: int) -> float:
    """What a process and its children hold in memory, as the kernel counts it: shared pages by halves and thirds."""
    pids = [pid, *_children(pid)]
    return sum(_pss(one) for one in pids)


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [below for child in map(int, text.split()) for below in (child, *_children(child))]


def _pss(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


class _Client(asyncio.Protocol):
    """A client of the stream that only looks for the ends of events, so that a thousand of them cost little."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._tail = b""
        self._waiting: asyncio.Future[float] | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        seen, self._tail = self._tail + data, data[-16:]
        if b"event: put" in seen and not self.ready.done():
            self.ready.set_result(None)
        if b"event: patch" in seen and self._waiting and not self._waiting.done():
            self._waiting.set_result(time.perf_counter())

    def next_change(self) -> asyncio.Future[float]:
        """When the next change was seen."""
        self._waiting = asyncio.get_running_loop().create_future()
        return self._waiting

    def close(self) -> None:
        """Leave."""
        self._transport.close()


async def _opened(address: str, key: str, count: int) -> list[_Client]:
    host, port = address.removeprefix("http://").split(":")
    request = f"GET /sdk/v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
    loop, clients = asyncio.get_running_loop(), list[_Client]()
    for _ in range(count):
        _, client = await loop.create_connection(lambda: _Client(request), host, int(port))
        clients.append(client)
        if len(clients) % 200 == 0:
            await asyncio.wait_for(client.ready, _PATIENCE_S)
    await asyncio.wait_for(asyncio.gather(*(client.ready for client in clients)), _PATIENCE_S)
    return clients
