"""How long it takes from a breach that a source can see until a lookup in a product has changed."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import requests
from headgate import Client

from bench.installation import EVERYBODY, Installation, installation, running_postgres
from bench.measuring import Effort, Table, percentile
from bench.metrics import INTERVAL_S, LIMIT, Product, begin, running_prometheus, watch

_BROKEN = 40
"""How many features begin to err while many triggers run; each has one trigger."""
_EACH = 10
"""How many triggers watch each of the others."""
_SCRAPE_S = 1
_SETTLE_S = 2 * INTERVAL_S
_PATIENCE_S = 120.0
_USER = "user-1"
_ASKED_EVERY_S = 0.05
_OVER = """sum by (feature) (increase(answers_total{{outcome="bad", feature=~"{0}"}}[30s]))
  / sum by (feature) (increase(answers_total{{feature=~"{0}"}}[30s])) > {1}"""
"""Of those that may err alone: to ask for all of them would keep Prometheus busy."""


def run(effort: Effort) -> list[Table]:
    """Measure with a worker, a web and a delivery process, a real Prometheus, and a client that follows the stream."""
    if shutil.which("prometheus") is None:
        return []
    columns = ("", "median", "p99", "longest", "longest less the interval", "lookups")
    table = Table(f"Until a lookup has changed, triggers every {INTERVAL_S} s: s", columns)
    for count in effort.sustained:
        broken = min(_BROKEN, count)
        name = f"from a breach Prometheus can see, {count:,} triggers run"
        _add(table, name, _measured(count, broken, INTERVAL_S).visible)
    for count in effort.storms:
        _add(
            table,
            f"from falling due, {count} fire at once",
            _measured(count, count, 0).due,
            of_interval=False,
        )
    return [table]


def _add(table: Table, name: str, waits: list[float], *, of_interval: bool = True) -> None:
    figures = [median(waits), percentile(waits, 99), max(waits)]
    beyond = f"{max(waits) - INTERVAL_S:.2f}" if of_interval else ""
    table.add(name, *(f"{figure:.2f}" for figure in figures), beyond, str(len(waits)))


class _Seen:
    """When a product saw each feature change: since Prometheus could see the breach, and since its trigger fell due."""

    def __init__(self, made: Installation, changed: dict[int, float], visible: dict[int, float]) -> None:
        """Moments in seconds since 1970, by the numbers of the features."""
        slots = _slots(made)
        self.visible = [at - visible[number] for number, at in changed.items()]
        self.due = [at - slots[number] for number, at in changed.items()]


def _measured(count: int, broken: int, spread_s: float) -> _Seen:
    """Let some features err among many; all triggers fall due evenly over so many seconds, or all at once."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        calm = range(broken, broken + max(1, (count - broken) // _EACH))
        product = Product(calm.stop)
        prometheus, _ = stack.enter_context(running_prometheus(folder, product, _SCRAPE_S))
        made = installation(
            stack.enter_context(running_postgres(folder / "postgres"))("bench"), calm.stop, EVERYBODY
        )
        stack.callback(made.services.database.close)
        watch(made, prometheus, range(broken), range(broken), "metrics")
        watch(made, prometheus, range(broken, count), calm, "more")
        client = stack.enter_context(_processes(made))
        begin(made, spread_s)
        time.sleep(_SETTLE_S)
        product.break_down(range(broken))
        return _Seen(made, *_watched(client, prometheus, broken))


@contextmanager
def _processes(made: Installation) -> Iterator[Client]:
    """A process of each role, and a client of the delivery plane."""
    with (
        made.serving("web"),
        made.serving("delivery") as (address, _),
        made.serving("worker"),
        Client(address, made.key) as client,
    ):
        if not client.wait_until_ready(_PATIENCE_S):
            raise TimeoutError("the client did not get its flags")
        yield client


def _watched(client: Client, prometheus: str, broken: int) -> tuple[dict[int, float], dict[int, float]]:
    """When each feature was seen to change, and since when Prometheus has said that it errs."""
    changed: dict[int, float] = {}
    visible: dict[int, float] = {}
    until, asked_at = time.time() + _PATIENCE_S, 0.0
    with requests.Session() as session:
        while len(changed) < broken:
            now = time.time()
            if now > until:
                raise TimeoutError(f"{broken - len(changed)} lookups did not change")
            if len(visible) < broken and now - asked_at > _ASKED_EVERY_S:
                # Before it is asked, so that the wait that is shown is never too short.
                visible = dict.fromkeys(_over(session, prometheus, broken), now) | visible
                asked_at = now
            waiting = [number for number in range(broken) if number not in changed]
            changed |= {number: now for number in waiting if _mode(client, number) == "review"}
            time.sleep(0.001)
    return changed, visible


def _mode(client: Client, number: int) -> str:
    return client.decide(f"feature-{number}", _USER).mode


def _over(session: requests.Session, prometheus: str, broken: int) -> list[int]:
    """The numbers of the features that Prometheus knows to err."""
    query = _OVER.format("|".join(f"feature-{number}" for number in range(broken)), LIMIT)
    answer = session.post(f"{prometheus}/api/v1/query", data={"query": query}, timeout=30).json()
    return [int(one["metric"]["feature"].removeprefix("feature-")) for one in answer["data"]["result"]]


def _slots(made: Installation) -> dict[int, float]:
    """When the trigger of each feature fell due that found the breach, in seconds since 1970."""
    asked = """SELECT features.key, min(readings.slot) FROM readings
      JOIN triggers ON triggers.id = readings.trigger_id JOIN rollouts ON rollouts.id = triggers.rollout_id
      JOIN features ON features.id = rollouts.feature_id
      WHERE readings.verdict = 'breach' GROUP BY features.key"""
    with made.services.database.read() as tx:
        rows = tx.exec_driver_sql(asked).all()
    return {int(key.removeprefix("feature-")): slot / 1e6 for key, slot in rows}
