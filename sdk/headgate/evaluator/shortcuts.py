"""Faster functions for the shapes that nearly every rule is made of: one attribute beside literal text.

They only apply at the root of a rule, where the data is a dictionary, and yield exactly what the general
operator yields. Each takes the arguments of its operator and returns None when it does not apply.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from headgate.evaluator.coercion import LISTS
from headgate.evaluator.operators import OPERATORS

Rule = Callable[[Any], Any]


def _plain_variable(node: Any) -> str | None:
    if not isinstance(node, dict) or set(node) != {"var"}:
        return None
    name = node["var"][0] if isinstance(node["var"], list) and len(node["var"]) == 1 else node["var"]
    return name if isinstance(name, str) and name and "." not in name and name != "$flagd" else None


def _variable_and_text(arguments: list[Any]) -> tuple[str, str] | None:
    for one, other in (arguments[:2], arguments[1::-1]):
        name = _plain_variable(one)
        if name is not None and isinstance(other, str):
            return name, other
    return None


def _equality(call: Callable[[Any, Any], Any], *, wanted: bool) -> Callable[[list[Any]], Rule | None]:
    def shortcut(arguments: list[Any]) -> Rule | None:
        found = _variable_and_text(arguments) if len(arguments) == 2 else None
        if found is None:
            return None
        name, text = found

        def compare(data: Any) -> Any:
            value = data.get(name)
            return (value == text) is wanted if type(value) is str else call(value, text)

        return compare

    return shortcut


def _merged_variable(node: Any) -> str | None:
    if not isinstance(node, dict) or set(node) != {"merge"}:
        return None
    parts = node["merge"] if isinstance(node["merge"], list) else [node["merge"]]
    return _plain_variable(parts[0]) if len(parts) == 1 else None


def _list_membership(arguments: list[Any]) -> Rule | None:
    """``{"in": ["text", {"merge": [{"var": "name"}]}]}``: is the text in the list, or the value itself?"""
    name = _merged_variable(arguments[1]) if len(arguments) == 2 else None
    if name is None or not isinstance(arguments[0], str):
        return None
    text = arguments[0]

    def search(data: Any) -> bool:
        items = data.get(name)
        return text in items if type(items) in LISTS else text == items

    return search


def _membership(arguments: list[Any]) -> Rule | None:
    name = _plain_variable(arguments[0]) if len(arguments) == 2 else None
    texts = arguments[-1] if arguments else None
    if name is None or not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return None
    members, contains = frozenset(texts), OPERATORS["in"].call

    def search(data: Any) -> Any:
        value = data.get(name)
        return value in members if type(value) is str else contains(value, texts)

    return search


def _prefixed(arguments: list[Any]) -> Rule | None:
    name = _plain_variable(arguments[1]) if len(arguments) == 2 else None
    if name is None or not isinstance(arguments[0], str):
        return None
    prefix = arguments[0]
    concatenate = OPERATORS["cat"].call

    def join(data: Any) -> Any:
        value = data.get(name)
        return prefix + value if type(value) is str else concatenate(prefix, value)

    return join


SHORTCUTS: Final[dict[str, Callable[[list[Any]], Rule | None]]] = {
    **{name: _equality(OPERATORS[name].call, wanted=True) for name in ("==", "===")},
    **{name: _equality(OPERATORS[name].call, wanted=False) for name in ("!=", "!==")},
    "in": lambda arguments: _membership(arguments) or _list_membership(arguments),
    "cat": _prefixed,
}
