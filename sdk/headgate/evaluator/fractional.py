"""The ``fractional`` operator: dealing values out in shares.

``{"fractional": [<what to bucket by>, ["a", 25], ["b", 75]]}``. Without the first argument the flag key and
the targeting key are bucketed together. Weights are whole numbers (1 when missing); they need not add up to
anything in particular. The result is None when there is nothing to bucket by or the weights make no sense.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import Any

from headgate.evaluator.bucketing import MAX_TOTAL_WEIGHT, hash_text, hash_value, pair_prefix
from headgate.evaluator.coercion import LISTS
from headgate.evaluator.compiler import ROOT, Compiler, Rule, Scope, constant, is_literal

Leaf = Callable[[Any], Rule]
"""Compiles what a share yields."""


def _weight(share: Any) -> int | None:
    """Return the weight of a share, negative ones as zero; None when it makes no sense."""
    if not isinstance(share, LISTS) or not 1 <= len(share) <= 2:
        return None
    weight = share[1] if len(share) == 2 else 1
    return max(0, weight) if isinstance(weight, int) and not isinstance(weight, bool) else None


def _bounds(shares: Any) -> list[int] | None:
    """Return where each share ends, the last being the total; None when the weights make no sense."""
    weights = [_weight(share) for share in shares]
    known = [weight for weight in weights if weight is not None]
    if len(known) < len(weights) or not 0 < sum(known) <= MAX_TOTAL_WEIGHT:
        return None
    return list(accumulate(known))


def _pick(hashed: int | None, shares: Any) -> Any:
    bounds = _bounds(shares)
    if hashed is None or bounds is None:
        return None
    return shares[bisect_right(bounds, hashed * bounds[-1] >> 32)][0]


def _hash_pair(data: Any, prefix: bytes) -> int | None:
    key = data.get("targetingKey") if isinstance(data, dict) else None
    return hash_value(key, prefix) if isinstance(key, str) and key else None


def _deal(arguments: list[Any], data: Any, prefix: bytes) -> Any:
    """Yield the value for arguments that are all worked out."""
    if isinstance(arguments[0], LISTS):
        return _pick(_hash_pair(data, prefix), arguments)
    return None if arguments[0] is None else _pick(hash_value(arguments[0]), arguments[1:])


def _has_fixed_weights(shares: list[Any]) -> bool:
    return all(isinstance(share, list) and all(map(is_literal, share[1:])) for share in shares)


def _table(shares: list[Any], leaf: Leaf, nothing: Rule) -> Callable[[int, Any], Any]:
    """Return a function of a hash and the data for shares whose weights are written down."""
    bounds = _bounds(shares)
    if bounds is None:
        return lambda _hashed, data: nothing(data)
    total, outcomes = bounds[-1], [leaf(share[0]) for share in shares]
    return lambda hashed, data: outcomes[bisect_right(bounds, hashed * total >> 32)](data)


def compile_fractional(
    compiler: Compiler, arguments: list[Any], scope: Scope, leaf: Leaf, finish: Callable[[Any], Any]
) -> Rule:
    """Compile a ``fractional``: ``leaf`` compiles what a share yields, ``finish`` a value already known."""
    nothing = constant(finish(None))
    if not arguments:
        return nothing
    prefix = pair_prefix(compiler.flag_key if scope is ROOT else "")
    if isinstance(arguments[0], list):
        return _by_pair(compiler, arguments, scope, leaf, finish, prefix)
    return _by_value(compiler, arguments, scope, leaf, finish, prefix)


def _worked_out(compiler: Compiler, arguments: list[Any], scope: Scope, finish: Any, prefix: bytes) -> Rule:
    rules = compiler.values(arguments, scope)
    return lambda data: finish(_deal([rule(data) for rule in rules], data, prefix))


def _by_pair(
    compiler: Compiler, arguments: list[Any], scope: Scope, leaf: Leaf, finish: Any, prefix: bytes
) -> Rule:
    if not _has_fixed_weights(arguments):
        return _worked_out(compiler, arguments, scope, finish, prefix)
    nothing = constant(finish(None))
    table = _table(arguments, leaf, nothing)

    def deal(data: Any) -> Any:
        hashed = _hash_pair(data, prefix)
        return nothing(data) if hashed is None else table(hashed, data)

    return deal


def _by_value(
    compiler: Compiler, arguments: list[Any], scope: Scope, leaf: Leaf, finish: Any, prefix: bytes
) -> Rule:
    general = _worked_out(compiler, arguments, scope, finish, prefix)
    if not _has_fixed_weights(arguments[1:]):
        return general
    nothing = constant(finish(None))
    key, table = compiler.value(arguments[0], scope), _table(arguments[1:], leaf, nothing)

    def deal(data: Any) -> Any:
        by = key(data)
        if type(by) is str and (hashed := hash_text(by)) is not None:
            return table(hashed, data)
        # Only now is it known whether the first argument is what to bucket by or already a share.
        if isinstance(by, LISTS):
            return general(data)
        hashed = None if by is None else hash_value(by)
        return nothing(data) if hashed is None else table(hashed, data)

    return deal
