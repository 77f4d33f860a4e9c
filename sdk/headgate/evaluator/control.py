"""Reading the data, and the operators that work out only the arguments they need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headgate.evaluator.coercion import LISTS, NUMBERS, to_number, truthy
from headgate.evaluator.compiler import ROOT, Compiler, Constant, Rule, Scope, as_test
from headgate.evaluator.operators import missing
from headgate.evaluator.paths import look_up, walk
from headgate.evaluator.sharing import kept_once
from headgate.evaluator.shortcuts import Equality, equality_of, plain_variable


def _var(compiler: Compiler, arguments: list[Any], scope: Scope) -> Rule:
    path = arguments[0] if arguments else None
    read = _reader(compiler, path, scope)
    if len(arguments) < 2:
        return read
    default = compiler.value(arguments[1], scope)

    def read_or_default(data: Any) -> Any:
        value = read(data)
        return default(data) if value is None else value

    return read_or_default


def _reader(compiler: Compiler, path: Any, scope: Scope) -> Rule:
    if scope is ROOT and path == "$flagd.flagKey":
        return Constant(compiler.flag_key)
    if isinstance(path, str) and path:
        compiler.reads_runtime |= path.split(".")[0] == "$flagd"
        return _path_reader(path, scope)
    compiler.reads_runtime |= not isinstance(path, NUMBERS)
    key = compiler.value(path, scope)
    return lambda data: look_up(data, key(data))


def _path_reader(path: str, scope: Scope) -> Rule:
    parts = tuple(path.split("."))
    if scope is ROOT and len(parts) == 1:
        return lambda data: data.get(path)
    return lambda data: walk(data, parts)


def _is_set(compiler: Compiler, arguments: list[Any], scope: Scope) -> Rule:
    name = plain_variable({"var": arguments}) if scope is ROOT else None
    return as_test(_var(compiler, arguments, scope)) if name is None else _has(name)


@kept_once
def _has(name: str) -> Rule:
    def is_set(data: Any) -> bool:
        value = data.get(name)
        return value != "" if type(value) is str else truthy(value)

    return is_set


def _missing(compiler: Compiler, arguments: list[Any], scope: Scope) -> Rule:
    compiler.reads_runtime = True
    rules = compiler.values(arguments, scope)

    def find_missing(data: Any) -> list[Any]:
        keys = [rule(data) for rule in rules]
        named = keys[0] if keys and isinstance(keys[0], LISTS) else keys
        return missing(named, lambda key: look_up(data, key))

    return find_missing


def _missing_some(compiler: Compiler, arguments: list[Any], scope: Scope) -> Rule:
    compiler.reads_runtime = True
    needed, names = compiler.values([*arguments, None, None][:2], scope)

    def find_missing(data: Any) -> list[Any]:
        keys, need = names(data), to_number(needed(data))
        if not isinstance(keys, LISTS):
            return []
        absent = missing(keys, lambda key: look_up(data, key))
        return [] if len(keys) - len(absent) >= need else absent

    return find_missing


def branch(tests: list[Rule], outcomes: list[Rule], otherwise: Rule) -> Rule:
    """Return a rule that yields the outcome of the first test that holds, else ``otherwise``."""
    pairs: list[tuple[Rule, Rule]] = []
    for test, outcome in zip(tests, outcomes, strict=True):
        if not isinstance(test, Constant):
            pairs.append((test, outcome))
        elif test.value:
            otherwise = outcome
            break
    return _first_of(pairs, otherwise) if len(pairs) > 1 else _choice(pairs, otherwise)


def _choice(pairs: list[tuple[Rule, Rule]], otherwise: Rule) -> Rule:
    """Return the rule for at most one test, which is nearly every ``if``."""
    if not pairs:
        return otherwise
    ((test, outcome),) = pairs
    if not isinstance(otherwise, Constant):
        return lambda data: outcome(data) if test(data) else otherwise(data)
    other = otherwise.value
    if not isinstance(outcome, Constant):
        return lambda data: outcome(data) if test(data) else other
    value = outcome.value
    return lambda data: value if test(data) else other


def _first_of(pairs: list[tuple[Rule, Rule]], otherwise: Rule) -> Rule:

    def choose(data: Any) -> Any:
        for test, outcome in pairs:
            if test(data):
                return outcome(data)
        return otherwise(data)

    return choose


def _when_equal(equality: Equality, outcome: Rule, otherwise: Rule) -> Rule:
    """Return the rule for ``if`` an attribute is a text, the most usual one: without a call for the test."""
    name, text, call = equality

    def choose(data: Any) -> Any:
        value = data.get(name)
        if value == text if type(value) is str else call(value, text):
            return outcome(data)
        return otherwise(data)

    return choose


def compile_if(compiler: Compiler, arguments: list[Any], scope: Scope, leaf: Callable[[Any], Rule]) -> Rule:
    """Compile an ``if`` whose outcomes are compiled by ``leaf``."""
    equality = equality_of(arguments[0]) if scope is ROOT and len(arguments) in (2, 3) else None
    if equality is not None:
        return _when_equal(equality, leaf(arguments[1]), leaf(arguments[2] if len(arguments) > 2 else None))
    pairs = len(arguments) // 2 * 2
    tests = [compiler.test(node, scope) for node in arguments[:pairs:2]]
    outcomes = [leaf(node) for node in arguments[1:pairs:2]]
    return branch(tests, outcomes, leaf(arguments[-1] if len(arguments) % 2 else None))


def _if(compiler: Compiler, arguments: list[Any], scope: Scope) -> Rule:
    return compile_if(compiler, arguments, scope, lambda node: compiler.value(node, scope))


def _and(compiler: Compiler, arguments: list[Any], scope: Scope) -> Rule:
    rules = tuple(compiler.values(arguments, scope))

    def conjunction(data: Any) -> Any:
        result = None
        for rule in rules:
            result = rule(data)
            if result is not True and not truthy(result):
                return result
        return result

    return conjunction


def _or(compiler: Compiler, arguments: list[Any], scope: Scope) -> Rule:
    rules = tuple(compiler.values(arguments, scope))

    def disjunction(data: Any) -> Any:
        result = None
        for rule in rules:
            result = rule(data)
            if result is not False and truthy(result):
                return result
        return result

    return disjunction


def _tests(compiler: Compiler, arguments: list[Any], scope: Scope, *, neutral: bool) -> tuple[Rule, ...]:
    """Compile the tests of a list; those that always yield ``neutral`` say nothing and are left out."""
    tests = [compiler.test(node, scope) for node in arguments]
    return tuple(test for test in tests if not (isinstance(test, Constant) and test.value is neutral))


def _all_hold(compiler: Compiler, arguments: list[Any], scope: Scope) -> Rule:
    tests = _tests(compiler, arguments, scope, neutral=True)
    if len(tests) < 2:
        return tests[0] if tests else Constant(bool(arguments))
    first, second, *others = tests
    if not others:
        return lambda data: first(data) and second(data)
    if len(others) == 1:
        third = others[0]
        return lambda data: first(data) and second(data) and third(data)

    def hold(data: Any) -> bool:
        for test in tests:  # noqa: SIM110 - a generator would cost more than the tests
            if not test(data):
                return False
        return True

    return hold


def _any_holds(compiler: Compiler, arguments: list[Any], scope: Scope) -> Rule:
    tests = _tests(compiler, arguments, scope, neutral=False)
    if len(tests) < 2:
        return tests[0] if tests else Constant(value=False)
    if len(tests) == 2:
        first, second = tests
        return lambda data: first(data) or second(data)

    def holds(data: Any) -> bool:
        for test in tests:  # noqa: SIM110 - a generator would cost more than the tests
            if test(data):
                return True
        return False

    return holds


def _if_test(compiler: Compiler, arguments: list[Any], scope: Scope) -> Rule:
    return compile_if(compiler, arguments, scope, lambda node: compiler.test(node, scope))


def _counts_as_true(compiler: Compiler, arguments: list[Any], scope: Scope) -> Rule:
    tests = [compiler.test(node, scope) for node in arguments]
    return tests[0] if tests else Constant(value=False)


CONTROL = {
    "var": _var,
    "missing": _missing,
    "missing_some": _missing_some,
    "if": _if,
    "?:": _if,
    "and": _and,
    "or": _or,
}
TESTS = {
    "var": _is_set,
    "if": _if_test,
    "?:": _if_test,
    "and": _all_hold,
    "or": _any_holds,
    "!!": _counts_as_true,
}
