"""Writing out the shared rules a rule refers to, with bounds on depth and size.

What comes out is a plain tree that can be compiled without looking at bounds again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headgate.evaluator.limits import MAX_DEPTH, MAX_NODES_PER_FLAG, CompileError


class Expansion:
    """Writes out the rules of one document and counts what they consist of."""

    def __init__(self, shared: Mapping[str, Any], budget: int) -> None:
        """``shared`` holds the document's ``$evaluators``; ``budget`` is what all flags may have together."""
        self._shared = shared
        self._budget = budget
        self._left = 0

    def expand(self, rule: Any) -> Any:
        """Return ``rule`` with every ``$ref`` replaced.

        Raises CompileError when it is too deep, too big, or refers to nothing.
        """
        self._left = min(MAX_NODES_PER_FLAG, self._budget)
        before = self._left
        try:
            return self._node(rule, 0)
        finally:
            self._budget -= before - self._left

    def _node(self, node: Any, depth: int) -> Any:
        self._left -= 1
        if self._left < 0:
            raise CompileError("The rule is too big.")
        if depth > MAX_DEPTH:
            raise CompileError(f"The rule is nested more than {MAX_DEPTH} deep, or refers to itself.")
        if isinstance(node, dict):
            return self._mapping(node, depth + 1)
        return [self._node(item, depth + 1) for item in node] if isinstance(node, list) else node

    def _mapping(self, node: dict[Any, Any], depth: int) -> Any:
        if len(node) == 1 and "$ref" in node:
            return self._node(self._named(node["$ref"]), depth)
        return {key: self._node(value, depth) for key, value in node.items()}

    def _named(self, name: Any) -> Any:
        if isinstance(name, str) and name in self._shared:
            return self._shared[name]
        raise CompileError("The rule refers to a shared rule that does not exist.")
