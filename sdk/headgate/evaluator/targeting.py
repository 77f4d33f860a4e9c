"""Compiling a flag's rule all the way to its answers.

Where the result of the rule stands (the outcomes of an ``if``, the shares of a ``fractional``) the answers
are put in place when the rule is compiled, so that nothing is made or looked up while it runs.
"""

from __future__ import annotations

from typing import Any, Final

from headgate.evaluator.answer import Reason
from headgate.evaluator.answers import Answers
from headgate.evaluator.coercion import truthy
from headgate.evaluator.compiler import ROOT, Compiler, Constant, Dialect, Rule, Scope, call_of, is_literal
from headgate.evaluator.control import CONTROL, TESTS, compile_if
from headgate.evaluator.fractional import compile_fractional
from headgate.evaluator.loops import LOOPS


def _fractional(compiler: Compiler, arguments: list[Any], scope: Scope) -> Rule:
    return compile_fractional(
        compiler, arguments, scope, lambda node: compiler.value(node, scope), lambda value: value
    )


def _fractional_test(compiler: Compiler, arguments: list[Any], scope: Scope) -> Rule:
    return compile_fractional(compiler, arguments, scope, lambda node: compiler.test(node, scope), truthy)


DIALECT: Final = Dialect(
    values={**CONTROL, **LOOPS, "fractional": _fractional},
    tests={**TESTS, "fractional": _fractional_test},
)


class Targeting:
    """Compiles the rule of one flag into a function from a context to an answer."""

    def __init__(self, compiler: Compiler, answers: Answers) -> None:
        """``answers`` holds the flag's pre-built answers."""
        self._compiler = compiler
        self._answers = answers

    def compile(self, node: Any, reason: Reason = "TARGETING_MATCH") -> Rule:
        """Compile ``node``; ``reason`` is given with the variants it yields. Raises CompileError."""
        operator, arguments = ("", []) if is_literal(node) or isinstance(node, list) else call_of(node)
        if operator in ("if", "?:"):
            return compile_if(self._compiler, arguments, ROOT, lambda inner: self.compile(inner, reason))
        if operator == "fractional":
            return self._split(arguments)
        if is_literal(node):
            return Constant(self._answers.of(node, reason))
        return self._looked_up(node, reason)

    def _split(self, arguments: list[Any]) -> Rule:
        of = self._answers.of
        return compile_fractional(
            self._compiler,
            arguments,
            ROOT,
            lambda node: self.compile(node, "SPLIT"),
            lambda value: of(value, "SPLIT"),
        )

    def _looked_up(self, node: Any, reason: Reason) -> Rule:
        rule, of = self._compiler.value(node), self._answers.of

        def answer(context: Any) -> Any:
            return of(rule(context), reason)

        return answer
