"""Writing out the shared rules a rule refers to, with bounds on depth and size.

What comes out is a plain tree that can be compiled without looking at bounds again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from headgate.evaluator.limits import MAX_DEPTH, MAX_NODES_PER_FLAG, CompileError

_NESTED: Final = (dict, list)


def _count(rule: Any, most: int) -> int | None:
    """Return how many nodes ``rule`` has, level by level; None when it is not certain to be usable as it is."""
    nodes, level = 1, [rule]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                if "$ref" in node:
                    return None
                below.extend(node.values())
            elif isinstance(node, list):
                below.extend(node)
        if not below:
            return nodes
        nodes, level = nodes + len(below), below
        if nodes > most:
            return None
    return None


class Expansion:
    """Writes out rules and counts what they consist of."""

    def __init__(self, shared: Mapping[str, Any], budget: int) -> None:
        """``shared`` holds the document's ``$evaluators``; ``budget`` is what all rules may have together."""
        self._shared = shared
        self._budget = budget
        self._left = 0

    def expand(self, rule: Any) -> Any:
        """Return ``rule`` with every ``$ref`` replaced.

        Raises CompileError when it is too deep, too big, or refers to nothing.
        """
        before = min(MAX_NODES_PER_FLAG, self._budget)
        nodes = _count(rule, before)
        self._left = before - 1
        try:
            if nodes is None:
                return self._node(rule, 0)
            self._left = before - nodes
            return rule
        finally:
            self._budget -= before - self._left

    def _node(self, node: Any, depth: int) -> Any:
        """Write out ``node``, which is counted already, and count what is in it."""
        if not isinstance(node, _NESTED) or not node:
            return node
        self._left -= len(node)
        if self._left < 0:
            raise CompileError("The rule is too big.")
        if depth == MAX_DEPTH:
            raise CompileError(f"The rule is nested more than {MAX_DEPTH} deep, or refers to itself.")
        if isinstance(node, dict):
            return self._mapping(node, depth + 1)
        return [self._node(item, depth + 1) if isinstance(item, _NESTED) else item for item in node]

    def _mapping(self, node: dict[Any, Any], depth: int) -> Any:
        if "$ref" in node and len(node) == 1:
            return self._node(self._named(node["$ref"]), depth)
        return {key: self._node(value, depth) for key, value in node.items()}

    def _named(self, name: Any) -> Any:
        if isinstance(name, str) and name in self._shared:
            return self._shared[name]
        raise CompileError("The rule refers to a shared rule that does not exist.")
