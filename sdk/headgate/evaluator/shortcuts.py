"""Faster functions for the shapes that nearly every rule is made of: one attribute beside literal text.

They only apply at the root of a rule, where the data is a dictionary, and yield exactly what the general
operator yields. Each takes the arguments of its operator and returns None when it does not apply.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from headgate.evaluator.operators import OPERATORS
from headgate.evaluator.sharing import kept_once, shared_name

Rule = Callable[[Any], Any]

_FEW: Final = 16
"""Of how many texts a list may be to be kept for other flags. A longer one is mostly a flag's own."""


def _only_argument(node: Any, operator: str) -> Any:
    if not isinstance(node, dict) or len(node) != 1 or operator not in node:
        return None
    argument = node[operator]
    return argument[0] if isinstance(argument, list) and len(argument) == 1 else argument


def plain_variable(node: Any) -> str | None:
    """Return the name of the attribute ``node`` reads, None when it is not simply that."""
    name = _only_argument(node, "var")
    is_plain = isinstance(name, str) and name and "." not in name and name != "$flagd"
    return shared_name(name) if is_plain else None


def salted_variable(node: Any) -> tuple[str, str] | None:
    """Return salt and name for ``{"cat": ["salt", {"var": "name"}]}``."""
    parts = node.get("cat") if isinstance(node, dict) and len(node) == 1 else None
    if not isinstance(parts, list) or len(parts) != 2 or not isinstance(parts[0], str):
        return None
    name = plain_variable(parts[1])
    return None if name is None else (parts[0], name)


def _variable_and_text(arguments: list[Any]) -> tuple[str, str] | None:
    for one, other in (arguments[:2], arguments[1::-1]):
        name = plain_variable(one)
        if name is not None and isinstance(other, str):
            return name, other
    return None


class Equality(NamedTuple):
    """What a rule compares: an attribute with a text, and how other types than text are compared with it."""

    name: str
    text: str
    call: Callable[[Any, Any], Any]


def equality_of(node: Any) -> Equality | None:
    """Return what ``node`` compares when it is ``{"==": [{"var": "name"}, "text"]}``, in either order."""
    arguments = node.get("==", node.get("===")) if isinstance(node, dict) and len(node) == 1 else None
    found = _variable_and_text(arguments) if isinstance(arguments, list) and len(arguments) == 2 else None
    return None if found is None else Equality(*found, OPERATORS[next(iter(node))].call)


@kept_once
def _equals(name: str, text: str, call: Callable[[Any, Any], Any]) -> Rule:
    def equals(data: Any) -> Any:
        value = data.get(name)
        return value == text if type(value) is str else call(value, text)

    return equals


@kept_once
def _differs(name: str, text: str, call: Callable[[Any, Any], Any]) -> Rule:
    def differs(data: Any) -> Any:
        value = data.get(name)
        return value != text if type(value) is str else call(value, text)

    return differs


def _comparison(
    compare: Callable[[str, str, Callable[[Any, Any], Any]], Rule], call: Callable[[Any, Any], Any]
) -> Callable[[list[Any]], Rule | None]:
    def shortcut(arguments: list[Any]) -> Rule | None:
        found = _variable_and_text(arguments) if len(arguments) == 2 else None
        if found is None:
            return None
        return compare(*found, call)

    return shortcut


def _list_membership(arguments: list[Any]) -> Rule | None:
    """``{"in": ["text", {"merge": [{"var": "name"}]}]}``: is the text in the list, or the value itself?"""
    name = plain_variable(_only_argument(arguments[1], "merge")) if len(arguments) == 2 else None
    if name is None or not isinstance(arguments[0], str):
        return None
    return _lists(name, arguments[0])


@kept_once
def _lists(name: str, text: str) -> Rule:
    def search(data: Any) -> bool:
        items = data.get(name)
        return text in items if type(items) is tuple or type(items) is list else text == items

    return search


def _membership(arguments: list[Any]) -> Rule | None:
    name = plain_variable(arguments[0]) if len(arguments) == 2 else None
    texts = arguments[-1] if arguments else None
    if name is None or not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return None
    return (_is_among_few if len(texts) <= _FEW else _is_among)(name, tuple(texts))


def _is_among(name: str, texts: tuple[str, ...]) -> Rule:
    members, contains = frozenset(texts), OPERATORS["in"].call

    def search(data: Any) -> Any:
        value = data.get(name)
        return value in members if type(value) is str else contains(value, texts)

    return search


_is_among_few = kept_once(_is_among)


def _prefixed(arguments: list[Any]) -> Rule | None:
    found = salted_variable({"cat": arguments})
    if found is None:
        return None
    prefix, name = found
    concatenate = OPERATORS["cat"].call

    def join(data: Any) -> Any:
        value = data.get(name)
        return prefix + value if type(value) is str else concatenate(prefix, value)

    return join


SHORTCUTS: Final[dict[str, Callable[[list[Any]], Rule | None]]] = {
    **{name: _comparison(_equals, OPERATORS[name].call) for name in ("==", "===")},
    **{name: _comparison(_differs, OPERATORS[name].call) for name in ("!=", "!==")},
    "in": lambda arguments: _membership(arguments) or _list_membership(arguments),
    "cat": _prefixed,
}
