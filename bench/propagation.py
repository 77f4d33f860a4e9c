"""How long it takes until a lookup changes: after a move, and after a bad outcome."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from headgate import Client

from bench.installation import Controller, running_controller
from bench.measuring import Effort, Table, percentile

_CLIENTS = 6
_STREAMING = 0.0
_PATIENCE_S = 30.0
_USER = "user-1"
_STOP = {
    "key": "errors",
    "source": "outcomes",
    "query": {"measure": "error"},
    "method": "any_event",
    "interval_s": 1,
    "window_s": 60,
    "arming": "act",
    "ladder": [{"do": "disable"}],
}


def run(effort: Effort) -> list[Table]:
    """Measure with a real controller and real clients that follow its stream, or poll."""
    table = Table(
        "Until a lookup has changed, headgate serve on SQLite: ms",
        ("", "median", "p90", "longest", "samples"),
    )
    with tempfile.TemporaryDirectory() as folder, running_controller(Path(folder)) as controller:
        key = controller.begin()
        controller.launch("moved")
        stopped = [f"stopped-{number}" for number in range(3 * effort.moves)]
        for feature in stopped:
            controller.launch(feature, _STOP)
        for interval_s, waits in _after_moves(controller, key, effort).items():
            _add(table, f"a move; clients {_described(interval_s)}", waits)
        half = len(stopped) // 2
        waits = _after_bad_outcomes(controller.url, key, stopped[:half], flush=False)
        _add(table, "a bad outcome reported; trigger every 1 s, stream", waits)
        waits = _after_bad_outcomes(controller.url, key, stopped[half:], flush=True)
        _add(table, "the same, client.flush() at once", waits)
    return [table]


def _add(table: Table, name: str, waits_s: list[float]) -> None:
    waits = [wait * 1000 for wait in waits_s]
    figures = (median(waits), percentile(waits, 90), max(waits))
    table.add(name, *(f"{figure:,.0f}" for figure in figures), str(len(waits)))


def _after_moves(controller: Controller, key: str, effort: Effort) -> dict[float, list[float]]:
    """Switch a feature off and on again; every client sees each move at a time of its own."""
    intervals = (_STREAMING, *effort.poll_intervals_s)
    waits: dict[float, list[float]] = {interval_s: [] for interval_s in intervals}
    with ExitStack() as stack:
        clients: dict[Client, float] = {}
        for _ in range(_CLIENTS):
            for interval_s in intervals:
                clients[stack.enter_context(_ready(controller.url, key, interval_s))] = interval_s
            # So that those of one interval do not all ask at the same moment.
            time.sleep(max(effort.poll_intervals_s) / _CLIENTS)
        for number in range(effort.moves):
            _drift(number)
            wanted, move = ("live", {"mode": "live"}) if number % 2 else ("off", {})
            controller.move("moved", "resume" if number % 2 else "disable", **move)
            changed = {client: _shows(client, "moved", wanted) for client in clients}
            for client, wait_s in _watch(changed).items():
                waits[clients[client]].append(wait_s)
    return waits


def _after_bad_outcomes(url: str, key: str, features: list[str], *, flush: bool) -> list[float]:
    """Report one error for each feature, at different moments of a second."""
    waits: list[float] = []
    with _ready(url, key, _STREAMING) as client:
        for number, feature in enumerate(features):
            decision = client.decide(feature, _USER)
            if decision.mode != "live":
                raise ValueError(f"{feature} is {decision.mode}")
            _drift(number)
            client.report(decision, error=True)
            start = time.perf_counter()
            if flush:
                client.flush()
            flushed_s = time.perf_counter() - start
            waits += [flushed_s + wait for wait in _watch({client: _shows(client, feature, "off")}).values()]
    return waits


def _drift(number: int) -> None:
    """Wait a different part of a second each time, or everything would keep in step with the tick."""
    time.sleep(number * 0.618 % 1)


def _described(interval_s: float) -> str:
    return "follow the stream" if interval_s == _STREAMING else f"poll every {interval_s:g} s"


def _ready(url: str, key: str, interval_s: float) -> Client:
    client = Client(url, key, poll_interval_s=interval_s or 5.0, stream=interval_s == _STREAMING)
    if not client.wait_until_ready(_PATIENCE_S):
        raise TimeoutError("a client did not get its flags")
    return client


def _shows(client: Client, feature: str, mode: str) -> Callable[[], bool]:
    return lambda: client.decide(feature, _USER).mode == mode


def _watch(changed: dict[Client, Callable[[], bool]]) -> dict[Client, float]:
    """Look again and again until everybody has changed; returns how many seconds it took for each."""
    start, waits = time.perf_counter(), dict[Client, float]()
    while len(waits) < len(changed):
        now = time.perf_counter() - start
        if now > _PATIENCE_S:
            raise TimeoutError("a lookup did not change")
        waits |= {client: now for client, has in changed.items() if client not in waits and has()}
        time.sleep(0.0005)
    return waits
