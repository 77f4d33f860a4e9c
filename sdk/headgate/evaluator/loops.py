"""The operators that run a rule on every item of a list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from headgate.evaluator.coercion import LISTS
from headgate.evaluator.compiler import Compiler, Constant, Rule, Scope
from headgate.evaluator.limits import MAX_ITEMS, CompileError, LimitError


def _inside(scope: Scope) -> Scope:
    if scope.loops >= len(MAX_ITEMS):
        raise CompileError(f"Loops are nested more than {len(MAX_ITEMS)} deep.")
    return Scope(scope.loops + 1)


def _items(compiler: Compiler, node: Any, scope: Scope) -> Rule:
    """Compile the list to loop over; the result is None when it is no list."""
    rule, most = compiler.value(node, scope), MAX_ITEMS[scope.loops]

    def read(data: Any) -> Any:
        items = rule(data)
        if not isinstance(items, LISTS):
            return None
        if len(items) > most:
            raise LimitError(f"A loop over more than {most} items.")
        return items

    return read


def _map(compiler: Compiler, arguments: list[Any], scope: Scope) -> Rule:
    if not arguments:
        return Constant([])
    inner = _inside(scope)
    items = _items(compiler, arguments[0], scope)
    each = compiler.value(arguments[1] if len(arguments) > 1 else None, inner)
    return lambda data: [each(item) for item in items(data) or ()]


def _filter(compiler: Compiler, arguments: list[Any], scope: Scope) -> Rule:
    if len(arguments) < 2:
        return Constant([])
    inner = _inside(scope)
    items, keep = _items(compiler, arguments[0], scope), compiler.test(arguments[1], inner)
    return lambda data: [item for item in items(data) or () if keep(item)]


def _reduce(compiler: Compiler, arguments: list[Any], scope: Scope) -> Rule:
    if not arguments:
        return Constant(None)
    inner = _inside(scope)
    source, step, initial = [*arguments, None, None][:3]
    items, combine = _items(compiler, source, scope), compiler.value(step, inner)
    start = compiler.value(initial, scope)

    def fold(data: Any) -> Any:
        accumulator = start(data)
        for item in items(data) or ():
            accumulator = combine({"current": item, "accumulator": accumulator})
        return accumulator

    return fold


def _quantifier(decide: Callable[[Rule, list[Any]], bool], *, of_nothing: bool) -> Any:
    def build(compiler: Compiler, arguments: list[Any], scope: Scope) -> Rule:
        if len(arguments) < 2:
            return Constant(of_nothing)
        inner = _inside(scope)
        items, test = _items(compiler, arguments[0], scope), compiler.test(arguments[1], inner)
        return lambda data: decide(test, found) if (found := items(data)) else of_nothing

    return build


def _every(test: Rule, items: list[Any]) -> bool:
    return all(test(item) for item in items)


def _any(test: Rule, items: list[Any]) -> bool:
    return any(test(item) for item in items)


def _no(test: Rule, items: list[Any]) -> bool:
    return not any(test(item) for item in items)


LOOPS: Final = {
    "map": _map,
    "filter": _filter,
    "reduce": _reduce,
    # "all" of an empty list is false in JsonLogic.
    "all": _quantifier(_every, of_nothing=False),
    "some": _quantifier(_any, of_nothing=False),
    "none": _quantifier(_no, of_nothing=True),
}
