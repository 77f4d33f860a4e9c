"""A product whose features err when they are told to, a real Prometheus that scrapes it, and triggers that watch it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.installation import Installation, answering, free_port, running
from controller.store.projects import environment_by_id
from controller.store.rollouts import StoredRollout, rollouts_in
from controller.store.sources import add_source
from controller.store.triggers import add_trigger
from triggers import Action, Arming, Rung, Trigger, parse_method

INTERVAL_S = 10
LIMIT = 0.5
_LADDER = (Rung(Action.REVIEW), Rung(Action.DISABLE, 900))
_QUERY = {
    "bad": 'sum(increase(answers_total{feature="${feature}", outcome="bad"}[${window}]))',
    "total": 'sum(increase(answers_total{feature="${feature}"}[${window}]))',
}


@dataclass(slots=True)
class Product:
    """Features that answer a hundred times a second, each; those that are ``broken`` answer badly a thousand times."""

    features: int
    began: float = field(default_factory=time.monotonic)
    broken: dict[int, float] = field(default_factory=dict)
    """When each began to err."""

    def break_down(self, features: range) -> None:
        """Let some features err from now on."""
        self.broken |= dict.fromkeys(features, time.monotonic())

    def page(self) -> str:
        """The counters, as Prometheus scrapes them."""
        now = time.monotonic()
        answers = int(100 * (now - self.began))
        lines = []
        for number in range(self.features):
            series = f'answers_total{{feature="feature-{number}",outcome='
            bad = answers // 10 + int(1000 * (now - self.broken.get(number, now)))
            lines.append(f'{series}"good"}} {answers}\n{series}"bad"}} {bad}\n')
        return "".join(lines)


def watch(made: Installation, url: str, numbers: range, features: range, source: str = "metrics") -> None:
    """Put triggers on features, in turn, on a source of their own at an address.

    They fall due evenly over the interval.
    """
    services = made.services
    with services.database.write() as tx:
        stored = [one for one in rollouts_in(tx, made.environment_id) if isinstance(one, StoredRollout)]
        project_id = environment_by_id(tx, made.environment_id).project_id
        on = add_source(tx, project_id, source, "prometheus", {"url": url}, services.now())
        for number in numbers:
            rollout = stored[features[number % len(features)]]
            add_trigger(tx, rollout.id, on.id, _QUERY, _trigger(number), services.now())


def begin(made: Installation, spread_s: float = INTERVAL_S) -> None:
    """Let all triggers fall due from now on, evenly over so many seconds."""
    now, step = int(time.time() * 1e6), int(spread_s * 100)
    with made.services.database.write() as tx:
        tx.exec_driver_sql("UPDATE triggers SET due_at = %s + (id * 7919 %% 10000) * %s", (now, step))


def _trigger(number: int) -> Trigger:
    return Trigger(
        key=f"watch-{number}",
        method=parse_method("threshold", {"limit": LIMIT}),
        window_s=30,
        interval_s=INTERVAL_S,
        ladder=_LADDER,
        arming=Arming.ACT,
    )


@contextlib.contextmanager
def running_prometheus(folder: Path, product: Product, scrape_s: int = 5) -> Iterator[tuple[str, int]]:
    """A Prometheus that scrapes a product: its address and process id."""
    with answering(product.page, "text/plain") as target:
        config = folder / "prometheus.yml"
        config.write_text(
            f"global: {{scrape_interval: {scrape_s}s}}\n"
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
