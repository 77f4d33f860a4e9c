"""Turning a JsonLogic rule into nested Python functions, once, so that running it costs only the calls.

A compiled rule is a function of the data it reads. At the root the data is the evaluation context, always a
dictionary; inside ``map``, ``filter`` and the like it is one item, which may be anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from headgate.evaluator.coercion import truthy
from headgate.evaluator.limits import CompileError
from headgate.evaluator.operators import OPERATORS, Operator
from headgate.evaluator.shortcuts import SHORTCUTS

Rule = Callable[[Any], Any]
"""A compiled rule: data in, value out."""


class Scope(NamedTuple):
    """Where in the rule we are: how many loops are around us. The root has none."""

    loops: int = 0


ROOT: Final = Scope()

Special = Callable[["Compiler", list[Any], Scope], Rule]
"""Compiles an operator that does not simply work out all its arguments first."""


class Dialect(NamedTuple):
    """The operators that compile their own arguments, by name.

    ``values`` compile to the operator's value, ``tests`` to whether that value counts as true.
    """

    values: Mapping[str, Special]
    tests: Mapping[str, Special]


class Compiler:
    """Compiles the rule of one flag.

    ``reads_runtime`` becomes true when the rule may read ``$flagd`` in a way that is not known beforehand;
    the caller then has to put it into the data.
    """

    def __init__(self, flag_key: str, dialect: Dialect) -> None:
        """``flag_key`` is what ``$flagd.flagKey`` stands for, and salts the short form of ``fractional``."""
        self.flag_key = flag_key
        self._dialect = dialect
        self.reads_runtime = False

    def value(self, node: Any, scope: Scope = ROOT) -> Rule:
        """Compile ``node`` into a function that returns its value. Raises CompileError."""
        if is_literal(node):
            return Constant(node)
        if isinstance(node, list):
            return _list_of(self.values(node, scope))
        operator, arguments = call_of(node)
        special = self._dialect.values.get(operator)
        if special is not None:
            return special(self, arguments, scope)
        return self._eager(operator, arguments, scope)

    def test(self, node: Any, scope: Scope = ROOT) -> Rule:
        """Compile ``node`` into a function whose result is true, false or None."""
        if is_literal(node):
            return Constant(truthy(node))
        operator, arguments = call_of(node) if isinstance(node, dict) else ("", node)
        special = self._dialect.tests.get(operator)
        if special is not None:
            return special(self, arguments, scope)
        rule = self.value(node, scope)
        return rule if operator in OPERATORS and OPERATORS[operator].decides else as_test(rule)

    def values(self, nodes: list[Any], scope: Scope) -> list[Rule]:
        """Compile every one of ``nodes``."""
        return [self.value(node, scope) for node in nodes]

    def _eager(self, name: str, arguments: list[Any], scope: Scope) -> Rule:
        operator = OPERATORS.get(name)
        if operator is None:
            raise CompileError(f"There is no operator {name[:64]!r}.")
        shortcut = SHORTCUTS.get(name) if scope is ROOT else None
        rule = shortcut(arguments) if shortcut else None
        return rule or _apply(operator, self.values(arguments, scope))


def is_literal(node: Any) -> bool:
    """Return whether ``node`` stands for itself: no list that is worked out, no operator in it."""
    if isinstance(node, dict):
        return len(node) != 1
    return all(map(is_literal, node)) if isinstance(node, list) else True


def call_of(node: dict[Any, Any]) -> tuple[str, list[Any]]:
    """Return the operator of ``node`` and its arguments."""
    ((operator, arguments),) = node.items()
    return str(operator), arguments if isinstance(arguments, list) else [arguments]


class Constant:
    """A rule that always yields ``value``. Whoever combines rules may look at it and save the call."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        """``value`` may be anything."""
        self.value = value

    def __call__(self, _data: Any) -> Any:
        """Return the value."""
        return self.value


def as_test(rule: Rule) -> Rule:
    """Return a rule for whether the result of ``rule`` counts as true."""

    def decide(data: Any) -> bool:
        result = rule(data)
        return result if result is True or result is False else truthy(result)

    return decide


def _list_of(rules: list[Rule]) -> Rule:
    return lambda data: [rule(data) for rule in rules]


def _apply(operator: Operator, rules: list[Rule]) -> Rule:
    if operator.exactly is not None and len(rules) != operator.exactly:
        return Constant(None)
    call, rules = operator.call, rules[: operator.at_most]
    if len(rules) == 1:
        only = rules[0]
        return lambda data: call(only(data))
    if len(rules) == 2:
        first, second = rules
        return lambda data: call(first(data), second(data))
    return lambda data: call(*[rule(data) for rule in rules])
