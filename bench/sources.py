"""How many readings a second come from a real Prometheus and from our own outcomes, one by one and together."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from bench.installation import Clock, free_port, populated, running, services_on
from bench.measuring import Effort, Table, take_turns, timed
from controller.http import Outbound
from controller.model_calendar import ModelCalendar
from controller.sources import SOURCES, Question, Source
from controller.sources.access import Access
from controller.store.database import Database
from controller.store.outcomes import add_outcomes
from stages import Calendar
from triggers import Reading, Status, Window

_END = datetime(2026, 11, 20, 12, tzinfo=UTC)
_WINDOW = Window(_END - timedelta(minutes=5), _END)
_PATIENCE_S = 120.0
_QUERY = {
    "bad": 'sum(increase(answers_total{feature="${feature}",grounded="false"}[${window}]))',
    "total": 'sum(increase(answers_total{feature="${feature}"}[${window}]))',
}
_OUTCOMES = 20


def run(effort: Effort) -> list[Table]:
    """Measure as many questions, each about a feature of its own, asked one by one and all at once."""
    count = effort.triggers[1]
    table = Table(
        f"Readings a second, {count:,} questions about as many features",
        ("source", "one by one", "together", "times"),
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sources = {"outcomes, SQLite": (_outcomes(folder, count, stack), {"measure": "error"})}
        if shutil.which("prometheus"):
            sources["Prometheus, bad and total"] = (stack.enter_context(_prometheus(folder, count)), _QUERY)
        for name, (source, query) in sources.items():
            found = take_turns(_ways(source, query, count), effort.big_rounds)
            alone, together = (1000 * count / median(found[way]) for way in ("alone", "together"))
            table.add(name, f"{alone:,.0f}", f"{together:,.0f}", f"×{together / alone:.0f}")
    return [table]


def _ways(source: Source, query: Mapping[str, str], count: int) -> dict[str, Callable[[], float]]:
    questions = [
        Question(query, {"project": "acme", "environment": "production", "feature": f"feature-{n}"}, _WINDOW)
        for n in range(count)
    ]

    def alone() -> None:
        _check([source.read(each.query, each.variables, each.window, _PATIENCE_S) for each in questions])

    def together() -> None:
        _check(source.read_many(questions, _PATIENCE_S))

    return {"alone": lambda: timed(alone), "together": lambda: timed(together)}


def _check(readings: list[Reading]) -> None:
    if wrong := [reading for reading in readings if reading.status is not Status.OK]:
        raise ValueError(f"{len(wrong)} of {len(readings)} questions have no answer: {wrong[0].message}")


def _outcomes(folder: Path, count: int, stack: ExitStack) -> Source:
    """The built-in source, with a few outcomes of every feature."""
    clock = Clock(_END - timedelta(minutes=1))
    services = services_on(f"sqlite:///{folder / 'outcomes.db'}", clock)
    stack.callback(services.database.close)
    environment_id = populated(services, count)
    with services.database.write() as tx:
        for number in range(count):
            reported = [
                {"public_id": uuid.uuid4().hex, "feature": f"feature-{number}", "at": clock(), "error": False}
                for _ in range(_OUTCOMES)
            ]
            add_outcomes(tx, environment_id, reported, clock())
    return SOURCES["outcomes"].from_settings({}, services.sources.access)


@contextmanager
def _prometheus(folder: Path, count: int) -> Iterator[Source]:
    """A real Prometheus with two counters of every feature over the window."""
    at = [_END.timestamp() - 300 + 50 * step for step in range(6)]
    lines = ["# TYPE answers counter"]
    for number in range(count):
        for grounded, each in (("false", 1), ("true", 19)):
            series = f'answers_total{{feature="feature-{number}",grounded="{grounded}"}}'
            lines += [f"{series} {each * step} {moment}" for step, moment in enumerate(at)]
    samples, data, port = folder / "samples.txt", folder / "data", free_port()
    samples.write_text("\n".join([*lines, "# EOF", ""]))
    made = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(samples), str(data)]
    subprocess.run(made, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (folder / "prometheus.yml").write_text("")
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={data}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--storage.tsdb.retention.time=100y",
    ]
    url = f"http://127.0.0.1:{port}"
    access = Access(
        Outbound(),
        Database(f"sqlite:///{folder / 'unused.db'}"),
        ModelCalendar(Calendar(), {}, lambda: _END),
    )
    with running(command, f"{url}/-/ready", os.environ):
        yield SOURCES["prometheus"].from_settings({"url": url}, access)
