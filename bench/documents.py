"""What a flag document costs: in the product when it arrives, and in the controller when it is made."""

from __future__ import annotations

import gc
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from headgate.current import Current
from headgate.tallies import Tallies

from bench import shapes
from bench.everybody import peers
from bench.installation import Clock, populated, services_on
from bench.measuring import Effort, Table, beside, take_turns, timed
from bench.peers import Floor, Headgate, OpenFeatureFlagd
from controller.flags.snapshots import Snapshots

_LEFT_OUT = (Floor.name, OpenFeatureFlagd.name)
"""One has nothing to load, the other loads what flagd-core does."""


class _EveryFlagUsed(Headgate):
    """Ours, with every flag asked for once: what is put off when the document arrives is done then."""

    name = "Headgate, all flags used"

    def load(self, payload: str) -> Any:
        document, user = super().load(payload), shapes.attributes("user-1")
        for key in document.keys():  # noqa: SIM118 - a Document is no mapping
            document.evaluate(key, user)
        return document


class _Client(Headgate):
    """What a client holds, with the text that it keeps, and every flag decided on once."""

    name = "Headgate, a client, all flags used"

    def load(self, payload: str) -> Any:
        return _used(payload.encode())


def run(effort: Effort) -> list[Table]:
    """Measure loading few and many flags from JSON text, and one snapshot of many rollouts."""
    return [_loading(effort), _patching(effort), _snapshot(effort)]


def _loading(effort: Effort) -> Table:
    few, many = effort.flags
    columns = ("", f"{few:,} flags", f"{many:,} flags", f"MiB for {many:,}")
    table = Table("Loading flags from JSON text: ms, × Headgate", columns)
    everybody = [peer for peer in peers() if peer.name not in _LEFT_OUT]
    everybody[1:1] = [_EveryFlagUsed(), _Client()]
    figures: dict[int, dict[str, list[float]]] = {}
    memory: dict[str, float] = {}
    with _older_objects_aside():
        for size in effort.flags:
            payloads = {peer.name: peer.payload(size) for peer in everybody}
            work = {peer.name: _load(peer.load, payloads[peer.name]) for peer in everybody}
            figures[size] = take_turns(work, effort.big_rounds)
        for peer in everybody:
            memory[peer.name] = _mebibytes(peer.load, payloads[peer.name])
    for name, mebibytes in memory.items():
        cells = [_cell(figures[size], name) for size in effort.flags]
        table.add(name, *cells, f"{mebibytes:,.1f}")
    return table


def _used(body: bytes) -> Current:
    current, user = Current(tallies=Tallies()), shapes.attributes("user-1")
    current.replace(body, "0", time.monotonic())
    view = current.view
    if view is None or view.is_lost:
        raise ValueError("the flags are not in use")
    for key in view.document.keys():  # noqa: SIM118 - a Document is no mapping
        view.find(key, user)
    return current


def _patching(effort: Effort) -> Table:
    """Apply a patch of one flag as a client does when its stream brings one, and ask for that flag."""
    table = Table("A client applies a patch of one flag", ("", *(f"ms, {n:,} flags" for n in effort.flags)))
    cells = []
    for size in effort.flags:
        current = Current(tallies=Tallies())
        current.replace(Headgate().payload(size).encode(), "0", time.monotonic())
        flag = shapes.flag_document(3)["flags"]["rule-0"]
        rounds = [timed(_patch(current, flag, number)) for number in range(20 * effort.big_rounds)]
        cells.append(f"{median(rounds):.2f}")
    table.add("Headgate", *cells)
    return table


def _patch(current: Current, flag: dict[str, Any], number: int) -> Callable[[], None]:
    changed = {"rule-7": {**flag, "metadata": {"turn": number}}}
    patch = {"from": str(number), "set": changed, "unset": [], "metadata": {"revision": number + 1}}

    def run() -> None:
        if not current.patch(patch, str(number + 1)) or current.view is None:
            raise ValueError("the patch does not fit")
        current.view.find("rule-7", {"targetingKey": "user-1"})

    return run


def _cell(column: dict[str, list[float]], who: str) -> str:
    return beside(column[who], None if who == Headgate.name else column[Headgate.name])


@contextmanager
def _older_objects_aside() -> Iterator[None]:
    """Keep the garbage collector from walking over what others have left, which would be counted here."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def _load(load: Callable[[str], Any], payload: str) -> Callable[[], float]:
    def run() -> float:
        gc.collect()
        return timed(lambda: load(payload))

    return run


def _mebibytes(load: Callable[[Any], Any], payload: str | bytes) -> float:
    gc.collect()
    tracemalloc.start()
    loaded = load(payload)
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del loaded
    return size / 2**20


def _snapshot(effort: Effort) -> Table:
    table = Table(
        "The controller makes an environment's flags",
        (f"{effort.flags[0]:,} rollouts on SQLite", "ms", "MiB sent", "MiB in a client, all flags used"),
    )
    with tempfile.TemporaryDirectory() as folder:
        services = services_on(f"sqlite:///{Path(folder) / 'headgate.db'}", Clock())
        environment_id = populated(services, effort.flags[0])
        rounds = [
            timed(lambda: Snapshots(services.database, 300).current(environment_id))
            for _ in range(effort.big_rounds + 1)
        ]
        body = Snapshots(services.database, 300).current(environment_id).body
        services.database.close()
    sizes = (len(body) / 2**20, _mebibytes(_used, body))
    table.add("one snapshot from the database", f"{median(rounds):,.0f}", *(f"{size:.1f}" for size in sizes))
    return table
