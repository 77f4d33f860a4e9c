"""How many triggers one controller evaluates per second, through the real tick, lanes and store."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench.installation import Clock, populated, running_postgres, services_on
from bench.measuring import Effort, Table, take_turns, timed
from controller.services import Services
from controller.store.outcomes import add_outcomes
from controller.store.rollouts import StoredRollout, rollouts_in
from controller.store.sources import sources_of
from controller.store.triggers import add_trigger
from triggers import Action, Arming, Rung, Trigger, parse_method

_OUTCOMES = 20
_INTERVAL_S = 60
_PATIENCE_S = 120.0
_TRIGGER = Trigger(
    key="errors",
    method=parse_method("threshold", {"limit": 0.5}),
    window_s=86_400,
    interval_s=_INTERVAL_S,
    ladder=(Rung(Action.DISABLE),),
    arming=Arming.ACT,
)


def run(effort: Effort) -> list[Table]:
    """Measure few and many triggers, each judging 20 outcomes of its own feature, on both databases."""
    few, many = effort.triggers
    columns = (
        "one trigger per feature",
        f"evaluations/s, {many:,}",
        f"ms each, {few:,}",
        f"ms each, {many:,}",
    )
    table = Table("Evaluating triggers on built-in outcomes", columns)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = stack.enter_context(running_postgres(folder / "postgres"))
        urls = {"SQLite": lambda name: f"sqlite:///{folder / name}.db", "PostgreSQL": postgres}
        work: dict[str, Callable[[], float]] = {}
        for kind, url in urls.items():
            for count in effort.triggers:
                work[f"{kind} {count}"] = _due_again(url(f"bench_{count}"), count, stack)
        found = take_turns(work, effort.big_rounds)
    for kind in urls:
        few_ms, many_ms = (median(found[f"{kind} {count}"]) / count for count in effort.triggers)
        table.add(kind, f"{1000 / many_ms:,.0f}", f"{few_ms:.2f}", f"{many_ms:.2f}")
    return [table]


def _due_again(url: str, count: int, stack: ExitStack) -> Callable[[], float]:
    """Return a function that makes all triggers due, evaluates them and returns the milliseconds it took."""
    clock = Clock()
    services = services_on(url, clock)
    stack.callback(services.database.close)
    environment_id = populated(services, count)
    _add_triggers(services, environment_id)
    # The first evaluation only opens the window, so that what is counted has to arrive after it.
    _evaluate(services)
    clock.pass_(_INTERVAL_S / 2)
    _add_outcomes(services, environment_id, count)

    def run() -> float:
        clock.pass_(_INTERVAL_S)
        took_ms = timed(lambda: _evaluate(services))
        _check(services, count)
        return took_ms

    return run


def _evaluate(services: Services) -> None:
    services.ticks.tick()
    if not services.ticks.join(_PATIENCE_S):
        raise TimeoutError("the triggers were not evaluated in time")


def _add_triggers(services: Services, environment_id: int) -> None:
    with services.database.write() as tx:
        stored = [item for item in rollouts_in(tx, environment_id) if isinstance(item, StoredRollout)]
        (source,) = sources_of(tx, stored[0].project_id)
        for item in stored:
            add_trigger(tx, item.id, source.id, {"measure": "error"}, _TRIGGER, services.now())


def _add_outcomes(services: Services, environment_id: int, count: int) -> None:
    now = services.now()
    with services.database.write() as tx:
        for number in range(count):
            outcome = {"feature": f"feature-{number}", "at": now, "error": False}
            reported = [{**outcome, "public_id": uuid.uuid4().hex} for _ in range(_OUTCOMES)]
            add_outcomes(tx, environment_id, reported, now)


def _check(services: Services, count: int) -> None:
    with services.database.read() as tx:
        good = tx.exec_driver_sql("SELECT count(*) FROM triggers WHERE verdict = 'ok'").scalar()
    if good != count:
        raise ValueError(f"{good} of {count} triggers found their outcomes")
