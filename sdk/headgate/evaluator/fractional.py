"""The ``fractional`` operator: dealing values out in shares.

``{"fractional": [<what to bucket by>, ["a", 25], ["b", 75]]}``. Without the first argument the flag key and
the targeting key are bucketed together. Weights are whole numbers (1 when missing); they need not add up to
anything in particular. The result is None when there is nothing to bucket by or the weights make no sense.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import Any, Final, NamedTuple

from headgate.evaluator.bucketing import (
    MAX_TOTAL_WEIGHT,
    TEXT_HEADS,
    digest,
    hash_value,
    limits,
    pair_prefix,
)
from headgate.evaluator.coercion import LISTS
from headgate.evaluator.compiler import ROOT, Compiler, Constant, Rule, Scope, is_literal
from headgate.evaluator.shortcuts import salted_variable

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


class _Key(NamedTuple):
    """What to bucket by where it is one attribute: its name, and what stands before it in the hashed bytes."""

    name: str
    before: bytes
    salt: bytes


def _key(node: Any, scope: Scope) -> _Key | None:
    found = salted_variable(node) if scope is ROOT else None
    try:
        return None if found is None else _Key(found[1], b"", found[0].encode())
    except UnicodeEncodeError:
        return None


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
    table = _Table(limits(bounds), tuple(leaf(share[0]) for share in shares), finish(None))
    if by_pair:
        slow = _by_pair(table, prefix)
        return _drawn(_Key("targetingKey", prefix, b""), table, slow) if scope is ROOT else slow
    slow = _by_value(compiler, arguments, scope, table, finish, prefix)
    key = _key(arguments[0], scope)
    return slow if key is None else _drawn(key, table, slow)


class _Table(NamedTuple):
    """Shares whose weights are written down: where each ends, what it yields, and what there is without a hash."""

    limits: list[int]
    outcomes: tuple[Rule, ...]
    nothing: Any

    def deal(self, hashed: int | None, data: Any) -> Any:
        if hashed is None:
            return self.nothing
        return self.outcomes[bisect_right(self.limits, hashed)](data)


def _worked_out(compiler: Compiler, arguments: list[Any], scope: Scope, finish: Any, prefix: bytes) -> Rule:
    rules = compiler.values(arguments, scope)
    return lambda data: finish(_deal([rule(data) for rule in rules], data, prefix))


def _by_pair(table: _Table, prefix: bytes) -> Rule:
    return lambda data: table.deal(_hash_pair(data, prefix), data)


def _by_value(
    compiler: Compiler, arguments: list[Any], scope: Scope, table: _Table, finish: Any, prefix: bytes
) -> Rule:
    key = compiler.value(arguments[0], scope)
    if isinstance(arguments[0], dict) and "cat" in arguments[0]:
        return lambda data: table.deal(hash_value(key(data)), data)
    general = _worked_out(compiler, arguments, scope, finish, prefix)

    def deal(data: Any) -> Any:
        by = key(data)
        # Only now is it known whether the first argument is what to bucket by or already a share.
        if isinstance(by, LISTS):
            return general(data)
        return table.deal(None if by is None else hash_value(by), data)

    return deal


def _drawn(key: _Key, table: _Table, slow: Rule) -> Rule:
    """Return the rule for the usual case, a short text to bucket by; ``slow`` does the others."""
    if len(table.outcomes) == 2:
        first, second = table.outcomes
        if isinstance(first, Constant) and isinstance(second, Constant):
            return _drawn_of_two(key, table.limits[0], first.value, second.value, slow)
    name, heads = key.name, dict[int, bytes]()
    slow = _learning(key, heads, slow)
    limits_, outcomes = table.limits, table.outcomes

    def draw(data: Any) -> Any:
        try:
            raw = data[name].encode()
            hashed = digest(heads[len(raw)] + raw)
        except _UNUSUAL:
            return slow(data)
        return outcomes[bisect_right(limits_, hashed)](data)

    return draw


def _drawn_of_two(key: _Key, limit: int, first: Any, second: Any, slow: Rule) -> Rule:
    """Return the rule for in or out, which nearly every percentage is: one comparison and no further call."""
    name, heads = key.name, dict[int, bytes]()
    slow = _learning(key, heads, slow)

    def draw(data: Any) -> Any:
        try:
            raw = data[name].encode()
            return first if digest(heads[len(raw)] + raw) < limit else second
        except _UNUSUAL:
            return slow(data)

    return draw


_UNUSUAL: Final = (KeyError, AttributeError, UnicodeEncodeError)
"""Nothing to bucket by, no text, a text of a length not seen yet, and a text that cannot be written."""


def _learning(key: _Key, heads: dict[int, bytes], slow: Rule) -> Rule:
    """Return ``slow``, that notes what stands before the bytes of a text as long as this one.

    The texts of one attribute have few lengths, so that the next one of this length need not come here.
    """

    def learn(data: Any) -> Any:
        value = data.get(key.name)
        # Where flag key and targeting key are bucketed together, an empty one has no bucket.
        if isinstance(value, str) and (value or not key.before):
            size = len(value.encode(errors="replace"))
            total = len(key.salt) + size
            if total < len(TEXT_HEADS):
                heads[size] = key.before + TEXT_HEADS[total] + key.salt
        return slow(data)

    return learn
