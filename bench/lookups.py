"""What one lookup costs the product, in its own process."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

from headgate import Client

from bench import shapes
from bench.installation import serving_document
from bench.measuring import Case, Effort, Table, beside, take_turns
from bench.peers import BOOLEAN, PRODUCT, ROLLOUT, RULE, Cases, Headgate, Peer, peers

_MANY, _THREADS = "many", "threads"
_COLUMNS = {
    BOOLEAN: "boolean, no rule",
    RULE: "rule + 25 %",
    ROLLOUT: "rollout object",
    PRODUCT: "rollout, context built",
    _THREADS: "rule, 4 threads",
    _MANY: "rule, {:,} flags",
}
_CLIENT = "Headgate, client.decide"
_POLL_S = 3600.0
_PATIENCE_S = 30.0


def run(effort: Effort) -> list[Table]:
    """Measure everybody with few flags, and the rule again from four threads and with many."""
    users = shapes.users(effort.calls)
    few, many = effort.flags
    title = f"One lookup in process, {few:,} flags loaded: ns per call, × Headgate"
    table = Table(title, ("", *(column.format(many) for column in _COLUMNS.values())))
    with ExitStack() as stack:
        found = {peer.name: _prepared(peer, users, effort.flags) for peer in peers()}
        client = stack.enter_context(_client(Headgate().payload(few)))
        found[_CLIENT] = {PRODUCT: _decide(client, users)}
        pool = stack.enter_context(ThreadPoolExecutor(4))
        gc.collect()
        columns = {name: _measure(name, found, effort, pool) for name in _COLUMNS}
    for who in _ordered(list(found)):
        table.add(who, *(_cell(columns[name], who) for name in _COLUMNS))
    return [table]


def _prepared(peer: Peer, users: list[str], flags: tuple[int, int]) -> dict[str, Case]:
    few, many = flags
    cases = dict(peer.cases(peer.load(peer.payload(few)), users))
    _check(peer.name, cases)
    if RULE in cases:
        # The smaller set stays loaded, so that the two are measured under the same conditions.
        cases[_MANY] = peer.cases(peer.load(peer.payload(many)), users)[RULE]
        cases[_THREADS] = cases[RULE]
    return cases


def _check(name: str, cases: Cases) -> None:
    """Refuse to measure somebody who does not do the work.

    Raises:
        ValueError: The answers are not those of the rule.
    """
    if RULE not in cases:
        return
    rule, rollout = cases[RULE], cases[ROLLOUT]
    inside = sum(rule.call(given) is True for given in rule.given) / len(rule.given)
    modes = [_mode(rollout.call(given)) for given in rollout.given]
    live = modes.count("live") / len(modes)
    if not (0.18 < inside < 0.32 and 0.18 < live < 0.32 and live + modes.count("off") / len(modes) == 1):
        raise ValueError(f"{name} answers {inside:.0%} and {live:.0%}, not 25 %")


def _mode(answer: Any) -> str:
    return str(answer["mode"])


@contextmanager
def _client(payload: str) -> Iterator[Client]:
    with serving_document(payload) as url, Client(url, "hg_server_bench", poll_interval_s=_POLL_S) as client:
        if not client.wait_until_ready(_PATIENCE_S):
            raise TimeoutError("the client did not get its flags")
        yield client


def _decide(client: Client, users: list[str]) -> Case:
    case = Case(
        lambda user: client.decide(
            "rollout-7",
            user,
            task=shapes.TASK,
            cohorts=(shapes.COHORT,),
            attributes={"country": shapes.COUNTRY},
        ),
        users,
    )
    if not any(
        client.decide("rollout-7", u, task=shapes.TASK, cohorts=(shapes.COHORT,)).enabled for u in users
    ):
        raise ValueError("the client decides nothing")
    return case


def _measure(
    column: str, found: Mapping[str, Mapping[str, Case]], effort: Effort, pool: ThreadPoolExecutor
) -> dict[str, list[float]]:
    measured: dict[str, Callable[[], float]] = {}
    for who, cases in found.items():
        if column in cases:
            measured[who] = cases[column].run if column != _THREADS else _shared(cases[column], pool)
    return take_turns(measured, effort.rounds)


def _shared(case: Case, pool: ThreadPoolExecutor) -> Callable[[], float]:
    """Four threads with a quarter of the calls each: what a call costs in all."""
    parts = [Case(case.call, case.given[start::4]) for start in range(4)]

    def run() -> float:
        start = time.perf_counter_ns()
        list(pool.map(lambda part: part.run(), parts))
        return (time.perf_counter_ns() - start) / len(case.given)

    return run


def _ordered(names: list[str]) -> list[str]:
    names.remove(_CLIENT)
    return [names[0], _CLIENT, *names[1:]]


def _cell(column: Mapping[str, list[float]], who: str) -> str:
    ours = next(name for name in (Headgate.name, _CLIENT) if name in column)
    return beside(column.get(who), None if who == ours else column[ours])
