"""What one lookup costs the product, in its own process."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any

from headgate import Client

from bench import shapes
from bench.everybody import peers
from bench.installation import answering
from bench.measuring import Case, Effort, Table, beside, take_turns
from bench.peers import BOOLEAN, PRODUCT, ROLLOUT, RULE, Cases, Floor, Peer

_MANY, _THREADS, _COLD = "many", "threads", "cold"
_COLUMNS = {
    BOOLEAN: "boolean, no rule",
    RULE: "rule + 25 %",
    ROLLOUT: "rollout object",
    PRODUCT: "rollout, context built",
    _THREADS: "rule, 4 threads",
    _MANY: "rule, {:,} flags",
    _COLD: "rule, caches cold",
}
_CLIENT = "Headgate, client.decide"
_GETTER = "Headgate, client.boolean"
_PATIENCE_S = 30.0
_LONG_ENOUGH_NS = 50_000_000
"""For the threads to take turns several times, and for their start not to count."""


def run(effort: Effort) -> list[Table]:
    """Measure everybody with few flags, and the rule again from four threads, with many, and unprepared."""
    users = shapes.users(effort.calls)
    few, many = effort.flags
    title = f"One lookup in process, {few:,} flags loaded: ns per call, × Headgate"
    table = Table(title, ("", *(column.format(many) for column in _COLUMNS.values())))
    with ExitStack() as stack:
        found = {peer.name: _prepared(peer, users, effort.flags) for peer in peers()}
        client, other = (stack.enter_context(_client(_with_features(size))) for size in effort.flags)
        found[_CLIENT] = {**_decided(client, users), _MANY: _decided(other, users)[RULE]}
        found[_GETTER] = {**_gotten(client, users), _MANY: _gotten(other, users)[RULE]}
        pool = stack.enter_context(ThreadPoolExecutor(4))
        gc.collect()
        columns = {name: _measure(name, found, effort, pool) for name in _COLUMNS}
    for who in _ordered(list(found)):
        table.add(who, *(_cell(columns[name], who) for name in _COLUMNS))
    table.add("client.decide beside the floor", *(_beside_floor(columns, name) for name in _COLUMNS))
    return [table]


def _beside_floor(columns: Mapping[str, Mapping[str, list[float]]], name: str) -> str:
    """How many times a bare call with a look-up ours is; that call was measured with the first column."""
    return f"×{median(columns[name][_CLIENT]) / median(columns[BOOLEAN][Floor.name]):.1f}"


def _prepared(peer: Peer, users: list[str], flags: tuple[int, int]) -> dict[str, Case]:
    few, many = flags
    cases = dict(peer.cases(peer.load(peer.payload(few)), users))
    _check(peer.name, cases)
    if RULE in cases:
        # The smaller set stays loaded, so that the two are measured under the same conditions.
        cases[_MANY] = peer.cases(peer.load(peer.payload(many)), users)[RULE]
        cases[_THREADS] = cases[_COLD] = cases[RULE]
    return cases


def _check(name: str, cases: Cases) -> None:
    """Refuse to measure somebody who does not do the work.

    Raises:
        ValueError: The answers are not those of the rule.
    """
    if RULE not in cases:
        return
    rule = cases[RULE]
    inside = sum(rule.call(given) is True for given in rule.given) / len(rule.given)
    live = inside if ROLLOUT not in cases else _live(cases[ROLLOUT])
    if not (0.18 < inside < 0.32 and 0.18 < live < 0.32):
        raise ValueError(f"{name} answers {inside:.0%} and {live:.0%}, not 25 %")


def _live(rollout: Case) -> float:
    modes = [_mode(rollout.call(given)) for given in rollout.given]
    if set(modes) != {"live", "off"}:
        raise ValueError(f"modes {set(modes)}")
    return modes.count("live") / len(modes)


def _mode(answer: Any) -> str:
    return str(answer["mode"])


@contextmanager
def _client(payload: str) -> Iterator[Client]:
    answers = answering(lambda: payload, "application/json")
    with answers as address, Client(f"http://{address}", "hg_server_bench", stream=False) as client:
        if not client.wait_until_ready(_PATIENCE_S):
            raise TimeoutError("the client did not get its flags")
        yield client


def _with_features(count: int) -> str:
    """The flags everybody has, and two features for ``decide``: one for all, one with the rule."""
    document = shapes.flag_document(count)
    flags = document["flags"]
    feature = flags["rollout-7"]
    flags["feature"] = {**feature, "defaultVariant": "stable", "targeting": {}}
    rule = json.dumps(flags["rule-7"]["targeting"]).replace('"on"', '"stable"')
    flags["ruled-feature"] = {**feature, "targeting": json.loads(rule)}
    return json.dumps(document)


def _decided(client: Client, users: list[str]) -> dict[str, Case]:
    decide, contexts = client.decide, list(map(shapes.attributes, users))
    found = {
        BOOLEAN: Case(lambda context: decide("feature", context), contexts),
        RULE: Case(lambda context: decide("ruled-feature", context), contexts),
        ROLLOUT: Case(lambda context: decide("rollout-7", context), contexts),
        PRODUCT: Case(
            lambda user: decide(
                "rollout-7",
                user,
                task=shapes.TASK,
                cohorts=(shapes.COHORT,),
                attributes={"country": shapes.COUNTRY},
            ),
            users,
        ),
    }
    for name in (RULE, ROLLOUT, PRODUCT):
        live = sum(decision.enabled for decision in map(found[name].call, found[name].given))  # type: ignore[attr-defined]
        if not 0.18 < live / len(users) < 0.32:
            raise ValueError(f"the client decides {live / len(users):.0%}, not 25 %")
    return {**found, _THREADS: found[RULE], _COLD: found[RULE]}


def _gotten(client: Client, users: list[str]) -> dict[str, Case]:
    boolean, contexts = client.boolean, list(map(shapes.attributes, users))
    found = {
        BOOLEAN: Case(lambda context: boolean("boolean-7", context), contexts),
        RULE: Case(lambda context: boolean("rule-7", context), contexts),
    }
    _check(_GETTER, found)
    return {**found, _THREADS: found[RULE], _COLD: found[RULE]}


def _measure(
    column: str, found: Mapping[str, Mapping[str, Case]], effort: Effort, pool: ThreadPoolExecutor
) -> dict[str, list[float]]:
    measured: dict[str, Callable[[], float]] = {}
    for who, cases in found.items():
        if column in cases:
            measured[who] = _measurement(column, cases[column], pool)
    return take_turns(measured, effort.rounds)


def _measurement(column: str, case: Case, pool: ThreadPoolExecutor) -> Callable[[], float]:
    if column == _THREADS:
        return _shared(case, pool)
    return case.run if column == _COLD else case.warmed


def _shared(case: Case, pool: ThreadPoolExecutor) -> Callable[[], float]:
    """Four threads with a quarter of the calls each: how much of the processor a call costs in all."""
    parts = [Case(case.call, case.given[start::4]) for start in range(4)]

    def took_ns(times: int) -> int:
        start = time.process_time_ns()
        list(pool.map(lambda part: [part.run() for _ in range(times)], parts))
        return time.process_time_ns() - start

    def run() -> float:
        times = max(1, _LONG_ENOUGH_NS // took_ns(1))
        return took_ns(times) / len(case.given) / times

    return run


def _ordered(names: list[str]) -> list[str]:
    ours = [_CLIENT, _GETTER]
    return [names[0], *ours, *(name for name in names[1:] if name not in ours)]


def _cell(column: Mapping[str, list[float]], who: str) -> str:
    ours = _CLIENT
    return beside(column.get(who), None if who == ours else column[ours])
