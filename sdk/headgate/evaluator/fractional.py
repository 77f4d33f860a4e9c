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

from headgate.evaluator.bucketing import MAX_TOTAL_WEIGHT, hash_value, limits, pair_prefix
from headgate.evaluator.coercion import LISTS
from headgate.evaluator.compiler import ROOT, Compiler, Constant, Rule, Scope, is_literal
from headgate.evaluator.drawing import Attribute, Table, drawn
from headgate.evaluator.shortcuts import plain_variable, salted_variable

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


def compile_fractional(
    compiler: Compiler, arguments: list[Any], scope: Scope, leaf: Leaf, finish: Callable[[Any], Any]
) -> Rule:
    """Compile a ``fractional``: ``leaf`` compiles what a share yields, ``finish`` a value already known."""
    if not arguments:
        return Constant(finish(None))
    prefix = pair_prefix(compiler.flag_key if scope is ROOT else "")
    by_pair = isinstance(arguments[0], list)
    shares = arguments if by_pair else arguments[1:]
    bounds = _bounds(shares) if _has_fixed_weights(shares) else None
    if bounds is None:
        return _worked_out(compiler, arguments, scope, finish, prefix)
    table = Table(tuple(limits(bounds)), tuple(leaf(share[0]) for share in shares), finish(None))
    may_be_list = not by_pair and not _is_text(arguments[0])
    of_list = _worked_out(compiler, arguments, scope, finish, prefix) if may_be_list else None
    by = _attribute(arguments[0], prefix, of_list) if scope is ROOT else None
    if by is not None:
        return drawn(by, table)
    if by_pair:
        return _by_pair(table, prefix)
    return _by_value(compiler.value(arguments[0], scope), table, of_list)


def _is_text(node: Any) -> bool:
    return isinstance(node, dict) and "cat" in node


def _attribute(node: Any, prefix: bytes, of_list: Rule | None) -> Attribute | None:
    """Return the one attribute that ``node``, the first argument, has users bucketed by; None if there is no such."""
    if isinstance(node, list):
        return Attribute("targetingKey", before=prefix)
    if salted := salted_variable(node):
        return Attribute(salted[1], salt=salted[0])
    name = plain_variable(node)
    return None if name is None else Attribute(name, of_list=of_list)


def _worked_out(compiler: Compiler, arguments: list[Any], scope: Scope, finish: Any, prefix: bytes) -> Rule:
    rules = compiler.values(arguments, scope)
    return lambda data: finish(_deal([rule(data) for rule in rules], data, prefix))


def _by_pair(table: Table, prefix: bytes) -> Rule:
    return lambda data: table.deal(_hash_pair(data, prefix), data)


def _by_value(key: Rule, table: Table, of_list: Rule | None) -> Rule:
    def deal(data: Any) -> Any:
        by = key(data)
        # Only now is it known whether the first argument is what to bucket by or already a share.
        if of_list is not None and isinstance(by, LISTS):
            return of_list(data)
        return table.deal(None if by is None else hash_value(by), data)

    return deal
