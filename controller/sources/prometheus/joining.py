"""Many queries made one, each with a label of its own on its series.

The union is written as a balanced tree: a chain of as many ``or`` would be as deep as it is long, and would copy
what it found at every step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from controller.sources.prometheus.answers import BRANCH

MAX_QUERIES = 200
MAX_CHARACTERS = 200_000
"""The bounds of one request. Beyond some hundred queries there is nothing left to gain."""

_PAIRS = {")": "(", "]": "[", "}": "{"}
_TOKEN = re.compile(
    r"""(?P<open>[(\[{])|(?P<close>[)\]}])|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`|\#[^\n]*|(?P<quote>["'`])"""
)
_SCALAR = re.compile(r"\s*[+-]?\s*(?:[0-9.]|scalar\b|time\b|pi\b)")


def joined(queries: Sequence[str]) -> str:
    """One query whose series tell by a label which of ``queries``, by its place, they answer."""
    # A query may end in a comment, so that what follows it stands on a line of its own.
    branches = [
        f'label_replace(({query}\n), "{BRANCH}", "{place}", "", "")' for place, query in enumerate(queries)
    ]
    return _union(branches)


def is_joinable(query: str) -> bool:
    """Whether a query stays one expression when it is put in brackets, and is not a plain number.

    One that closes a bracket it did not open could otherwise answer for its neighbours.
    """
    open_brackets: list[str] = []
    for token in _TOKEN.finditer(query):
        if token["quote"]:
            return False
        if token["open"]:
            open_brackets.append(token["open"])
        elif token["close"] and (not open_brackets or open_brackets.pop() != _PAIRS[token["close"]]):
            return False
    return not open_brackets and not _SCALAR.match(query)


def groups(queries: Sequence[str]) -> Iterator[list[str]]:
    """The queries in groups that each fit into one request."""
    group: list[str] = []
    size = 0
    for query in queries:
        if group and (len(group) == MAX_QUERIES or size + len(query) > MAX_CHARACTERS):
            yield group
            group, size = [], 0
        group.append(query)
        size += len(query)
    if group:
        yield group


def _union(branches: Sequence[str]) -> str:
    if len(branches) == 1:
        return branches[0]
    half = len(branches) // 2
    return f"({_union(branches[:half])} or {_union(branches[half:])})"
