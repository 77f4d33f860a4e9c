"""What is wrong with a targeting rule, found before it is published and named by its place.

The evaluator refuses what it cannot use, and bears the rest. Here is refused as well what no evaluator of flagd's kind
could do anything with: it would quietly answer with the default, or cost more than a lookup may.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from headgate.evaluator.operators import OPERATORS
from headgate.evaluator.targeting import DIALECT
from headgate.evaluator.versions import COMPARISONS, parse_version

from controller.errors import Problem

MAX_DEPTH = 50
"""How deep a rule may be nested once the shared rules are written out; evaluators take a few more."""
MAX_NODES = 10_000
"""How many values a rule may consist of once the shared rules are written out."""
MAX_TEXT = 10_000
"""How many characters a text in a rule may have."""
MAX_WHOLE = 2**53 - 1
"""The largest whole number that every language reads alike."""

KNOWN = frozenset({*OPERATORS, *DIALECT.values})
_CHOICES = frozenset({"if", "?:"})
_HEAVIEST = 2**31 - 1
_PATTERNS = ("reg", "match", "like", "glob")
_TWO = ("==", "!=", "===", "!==", "in", "/", "%", "map", "filter", "all", "some", "none", "missing_some")
_TWO_OR_THREE = ("<", "<=", ">", ">=", "substr", "reduce")
_TAKES = {
    **{name: (it.exactly, it.exactly) for name, it in OPERATORS.items() if it.exactly is not None},
    **dict.fromkeys(_TWO, (2, 2)),
    **dict.fromkeys(_TWO_OR_THREE, (2, 3)),
}
"""How many arguments an operator takes, at least and at most; the others take whatever they are given."""
_DECIDES = frozenset({name for name, it in OPERATORS.items() if it.decides} | {"all", "some", "none"})
"""Whose result is true or false, as far as there is one."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many values a rule consists of, and how deep they are nested, with shared rules written out."""

    nodes: int
    depth: int


_NOTHING = Size(1, 0)
_ENDLESS = Size(MAX_NODES + 1, MAX_DEPTH + 1)


class Rules:
    """The shared rules of a set of flags, and what is wrong with rules that refer to them."""

    def __init__(self, shared: Mapping[str, Any]) -> None:
        self._shared = shared
        order, self._circles = _in_order(shared)
        self._sizes = dict.fromkeys(self._circles, _ENDLESS)
        for name in order:
            self._sizes[name] = self.size(shared[name])

    def shared_problems(self, names: Iterable[str]) -> Iterator[Problem]:
        """What is wrong with the shared rules of these names themselves."""
        for name in names:
            path = f"$evaluators.{name}"
            if circle := self._circles.get(name):
                how = "refers to itself" if name == circle[0] else "leads into a circle"
                message = f"{how}: {' → '.join(circle)}"
                yield Problem(path, message, "write out one of them")
            else:
                yield from self._node(self._shared[name], path)

    def problems(self, rule: Any, path: str, variants: Mapping[str, Any]) -> Iterator[Problem]:
        """What is wrong with the rule of a flag with these variants."""
        if rule is None or rule == {}:
            return
        if not isinstance(rule, dict):
            yield Problem(path, "is not an object", 'send a rule such as {"if": [...]}, or leave it out')
            return
        found = list(self._node(rule, path)) or list(self._too_big(rule, path))
        yield from found or self._results(rule, path, variants)

    def size(self, rule: Any) -> Size:
        """How big a rule is once it is written out; one that refers to itself is as big as can be."""
        if isinstance(rule, dict) and set(rule) == {"$ref"}:
            name = rule["$ref"]
            return self._sizes.get(name, _NOTHING) if isinstance(name, str) else _NOTHING
        parts = list(rule.values()) if isinstance(rule, dict) else rule if isinstance(rule, list) else []
        sizes = [self.size(part) for part in parts]
        nodes = 1 + sum(size.nodes for size in sizes)
        return Size(nodes, (1 if parts else 0) + max((size.depth for size in sizes), default=0))

    def written_out(self, rule: Any) -> Any:
        """A rule with every shared rule in place of its name; it is one that nothing is wrong with."""
        if not self._shared:
            return rule
        if isinstance(rule, dict):
            if set(rule) == {"$ref"}:
                return self.written_out(self._shared[rule["$ref"]])
            return {name: self.written_out(part) for name, part in rule.items()}
        return [self.written_out(part) for part in rule] if isinstance(rule, list) else rule

    def _too_big(self, rule: Any, path: str) -> Iterator[Problem]:
        size = self.size(rule)
        if size.depth > MAX_DEPTH:
            yield Problem(path, f"is nested {size.depth} deep", f"nest it at most {MAX_DEPTH} deep")
        if size.nodes > MAX_NODES:
            message = f"consists of {size.nodes} values once it is written out"
            yield Problem(
                path, message, f"make it at most {MAX_NODES}; let the product send a cohort instead"
            )

    def _node(self, node: Any, path: str) -> Iterator[Problem]:
        if isinstance(node, dict):
            yield from self._call(node, path)
        elif isinstance(node, list):
            for place, item in enumerate(node):
                yield from self._node(item, f"{path}.{place}")
        else:
            yield from literal_problems(node, path, MAX_TEXT)

    def _call(self, node: dict[Any, Any], path: str) -> Iterator[Problem]:
        if len(node) != 1:
            names = ", ".join(sorted(map(_shown, node))[:5]) or "none"
            remedy = "put one operator into it; nest further ones"
            yield Problem(
                path, f"an object in a rule has one operator, this one {len(node)}: {names}", remedy
            )
            return
        ((operator, arguments),) = node.items()
        here = f"{path}.{operator}"
        if operator == "$ref":
            yield from self._reference(arguments, here)
        elif operator not in KNOWN:
            yield Problem(here, f"there is no operator {_shown(operator)}", _instead(str(operator)))
        else:
            yield from _misused(operator, arguments if isinstance(arguments, list) else [arguments], here)
            yield from self._node(arguments, here)

    def _reference(self, name: Any, path: str) -> Iterator[Problem]:
        if not isinstance(name, str) or name not in self._shared:
            known = ", ".join(sorted(self._shared)[:10]) or "none"
            yield Problem(path, f"there is no shared rule {_shown(name)}", f"use one of $evaluators: {known}")
        elif name in self._circles:
            message = f"leads to {' → '.join(self._circles[name])}"
            yield Problem(path, message, "write out one of them")

    def _results(self, node: Any, path: str, variants: Mapping[str, Any]) -> Iterator[Problem]:
        """Where a rule's result is written down, it has to be the name of a variant, or null for the default."""
        if isinstance(node, dict):
            ((operator, arguments),) = node.items()
            arguments = arguments if isinstance(arguments, list) else [arguments]
            yield from self._call_results(operator, arguments, path, variants)
        elif (name := _named(node)) is not None and name not in variants:
            known = ", ".join(sorted(variants)[:10])
            yield Problem(path, f"{_shown(node)} is not a variant", f"use one of {known}, or null")

    def _call_results(
        self, operator: str, arguments: list[Any], path: str, variants: Mapping[str, Any]
    ) -> Iterator[Problem]:
        here = f"{path}.{operator}"
        if operator == "$ref":
            for problem in self._results(self._shared[arguments[0]], path, variants):
                yield Problem(here, problem.message, problem.remedy)
        elif operator in _CHOICES:
            for place in _outcomes(len(arguments)):
                yield from self._results(arguments[place], f"{here}.{place}", variants)
        elif operator == "fractional":
            for place, share in enumerate(arguments):
                if isinstance(share, list):
                    yield from self._results(share[0], f"{here}.{place}.0", variants)
        elif operator in _DECIDES:
            yield from _undecided(here, variants)


def literal_problems(value: Any, path: str, longest: int) -> Iterator[Problem]:
    """What is wrong with a text, a number, true, false or null that stands somewhere."""
    if isinstance(value, str):
        if len(value) > longest:
            message = f"is a text of {len(value)} characters"
            yield Problem(path, message, f"make it at most {longest}")
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield Problem(path, f"{value} is not a number that JSON knows", "use a finite number")
    elif isinstance(value, int):
        if abs(value) > MAX_WHOLE:
            remedy = f"stay within {MAX_WHOLE}, or use a text"
            yield Problem(path, "is a number that not every language reads alike", remedy)
    elif value is not None:
        yield Problem(path, f"is a {type(value).__name__}, which JSON does not know", "use a JSON value")


def _in_order(shared: Mapping[str, Any]) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """Shared rules, each after those it refers to; and for the others, which refer around in a circle, that circle."""
    waits_for = {name: set(_referred(rule)) & shared.keys() for name, rule in shared.items()}
    wanted_by: dict[str, list[str]] = {name: [] for name in shared}
    for name, others in waits_for.items():
        for other in others:
            wanted_by[other].append(name)
    order = [name for name, others in waits_for.items() if not others]
    for name in order:
        for other in wanted_by[name]:
            waits_for[other].discard(name)
            if not waits_for[other]:
                order.append(other)
    left = {name: min(others) for name, others in waits_for.items() if others}
    return order, {name: _around(name, left) for name in left}


def _around(name: str, follows: Mapping[str, str]) -> tuple[str, ...]:
    """The circle that the way from a name leads into; it begins and ends with the same name."""
    way: dict[str, None] = {}
    while name not in way:
        way[name] = None
        name = follows[name]
    names = list(way)
    return (*names[names.index(name) :], name)


def _referred(rule: Any) -> Iterator[str]:
    if isinstance(rule, dict):
        if isinstance(name := rule.get("$ref"), str):
            yield name
        for part in rule.values():
            yield from _referred(part)
    elif isinstance(rule, list):
        for part in rule:
            yield from _referred(part)


def _outcomes(count: int) -> Iterator[int]:
    """Where the outcomes of an ``if`` with so many arguments stand."""
    yield from range(1, count, 2)
    if count % 2:
        yield count - 1


def _undecided(path: str, variants: Mapping[str, Any]) -> Iterator[Problem]:
    """What yields true or false names the variants of these names; where one is not there, it is an error for users."""
    if missing := " and no ".join(name for name in ("true", "false") if name not in variants):
        remedy = 'write an "if" around it that names variants, or call them true and false'
        yield Problem(path, f"yields true or false, and there is no variant {missing}", remedy)


def _named(result: Any) -> str | None:
    """The variant that a written result names; None for the default."""
    if isinstance(result, bool):
        return "true" if result else "false"
    return None if result is None else str(result)


def _misused(operator: str, arguments: list[Any], path: str) -> Iterator[Problem]:
    """Arguments with which the operator could only ever yield nothing."""
    least, most = _TAKES.get(operator, (0, len(arguments)))
    if not least <= len(arguments) <= most:
        needed = f"{least}" if least == most else f"{least} or {most}"
        yield Problem(path, f"takes {needed} arguments, and has {len(arguments)}", f"give it {needed}")
    elif operator == "sem_ver":
        yield from _misused_versions(arguments, path)
    elif operator in ("starts_with", "ends_with"):
        yield from _misused_texts(arguments, path)
    elif operator == "fractional":
        yield from _misused_shares(arguments, path)


def _misused_versions(arguments: list[Any], path: str) -> Iterator[Problem]:
    left, comparison, right = arguments
    if not isinstance(comparison, dict) and comparison not in COMPARISONS:
        known = ", ".join(COMPARISONS)
        yield Problem(f"{path}.1", f"{_shown(comparison)} is not a comparison", f"use one of {known}")
    for place, version in ((0, left), (2, right)):
        if not isinstance(version, dict) and parse_version(version) is None:
            yield Problem(f"{path}.{place}", f"{_shown(version)} is not a version", "write one such as 1.2.3")


def _misused_texts(arguments: list[Any], path: str) -> Iterator[Problem]:
    for place, text in enumerate(arguments):
        if not isinstance(text, dict | str):
            yield Problem(f"{path}.{place}", f"{_shown(text)} is not a text", "write it as a text")


def _misused_shares(arguments: list[Any], path: str) -> Iterator[Problem]:
    first = 0 if arguments and isinstance(arguments[0], list) else 1
    shares = arguments[first:]
    if not shares:
        yield Problem(path, "deals nothing out", 'give it shares such as ["on", 25]')
        return
    weights = []
    for place, share in enumerate(shares, start=first):
        weight = _weight(share)
        if weight is None:
            remedy = 'write it as ["on", 25], with a whole weight of at least 0'
            yield Problem(f"{path}.{place}", "is not a share", remedy)
        weights.append(weight)
    known = [weight for weight in weights if isinstance(weight, int)]
    if len(known) == len(shares) and not 0 < sum(known) <= _HEAVIEST:
        yield Problem(path, f"has weights of {sum(known)} together", f"let them add up to 1 to {_HEAVIEST}")


def _weight(share: Any) -> Any:
    """The weight of a share, a rule if it is worked out, or None if it is none."""
    if not isinstance(share, list) or not 1 <= len(share) <= 2:  # noqa: PLR2004 - what it yields, and its weight
        return None
    weight = share[1] if len(share) > 1 else 1
    if isinstance(weight, dict):
        return weight
    return weight if type(weight) is int and weight >= 0 else None


def _instead(operator: str) -> str:
    if any(part in operator.lower() for part in _PATTERNS):
        return "patterns may take seconds; use starts_with, ends_with, in or sem_ver"
    return f"use one of {', '.join(sorted(KNOWN))}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"  # noqa: PLR2004 - enough to find it
