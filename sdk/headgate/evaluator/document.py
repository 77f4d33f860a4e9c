"""A flag document (https://flagd.dev/schema/v0/flags.json), ready to answer."""

from __future__ import annotations

import time
from collections.abc import KeysView, Mapping
from typing import Any

from headgate.evaluator.answer import Evaluation
from headgate.evaluator.answers import error
from headgate.evaluator.compiler import Rule
from headgate.evaluator.expansion import Expansion
from headgate.evaluator.flag import Clock, compile_flag, is_metadata
from headgate.evaluator.limits import (
    MAX_FLAGS,
    MAX_NODES_PER_DOCUMENT,
    MAX_NODES_PER_FLAG,
)


class DocumentError(ValueError):
    """What was given is no flag document at all; the message says why."""


class Document:
    """All flags of a document. What it answers never changes, and it may be shared between threads.

    A flag is compiled when it is first asked for, so that a big document of which a product uses a few flags
    costs next to nothing. Two threads that ask for the same flag first may both compile it, to the same end.
    """

    __slots__ = ("_clock", "_flags", "_metadata", "_rules")

    def __init__(self, flags: Mapping[str, Any], metadata: Mapping[str, Any], clock: Clock) -> None:
        """Use ``Document.parse``; this takes what is checked already."""
        self._flags = flags
        self._metadata = metadata
        self._clock = clock
        self._rules: dict[str, Rule] = {}

    @classmethod
    def parse(cls, mapping: Mapping[str, Any], *, clock: Clock = time.time) -> Document:
        """Read a document as it comes out of a JSON parser.

        A flag that cannot be used answers ERROR / PARSE_ERROR with a message; the others are not affected.
        ``clock`` is asked only when a rule reads ``$flagd.timestamp``. What is given is kept, not copied: do
        not change it afterwards. Raises DocumentError when ``mapping`` is no flag document.
        """
        flags, shared, metadata = _parts(mapping)
        document = cls(flags, metadata, clock)
        if shared:
            # Shared rules can be written out into far more than was sent, so that all flags share a bound.
            # Which of them it refuses must not depend on the order they are asked for in.
            expansion = Expansion(shared, MAX_NODES_PER_DOCUMENT)
            for key in flags:
                document._compile(key, expansion)
        return document

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The metadata of the whole document."""
        return self._metadata

    def keys(self) -> KeysView[str]:
        """Return the keys of all flags, usable or not."""
        return self._flags.keys()

    def evaluate(self, flag_key: str, context: Mapping[str, Any] | None = None) -> Evaluation:
        """Return the answer for one flag. Never raises.

        ``context`` holds the attributes, among them ``targetingKey``, the text that identifies the user.
        """
        try:
            try:
                rule = self._rules[flag_key]
            except KeyError:
                rule = self._compile(flag_key, Expansion({}, MAX_NODES_PER_FLAG))
            # The rules rely on a plain dictionary; anything else that is a mapping is copied into one.
            return rule(context if type(context) is dict else dict(context or {}))  # type: ignore[no-any-return]
        except Exception as problem:  # Whatever a rule stumbles over must not reach the product.
            return self._failed(flag_key, problem)

    def _compile(self, key: str, expansion: Expansion) -> Rule:
        """Compile a flag and keep it. Raises KeyError when there is no such flag."""
        rule = compile_flag(key, self._flags[key], self._metadata, expansion, self._clock)
        return self._rules.setdefault(key, rule)

    def _failed(self, flag_key: Any, problem: Exception) -> Evaluation:
        if not isinstance(flag_key, str) or flag_key not in self._flags:
            return error("FLAG_NOT_FOUND", "There is no such flag.", self._metadata)
        message = f"The rule could not be worked out ({type(problem).__name__})."
        return error("GENERAL", message, self._metadata)


def compile_document(mapping: Mapping[str, Any], *, clock: Clock = time.time) -> Document:
    """Return ``Document.parse(mapping, clock=clock)``."""
    return Document.parse(mapping, clock=clock)


def _parts(mapping: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    if not isinstance(mapping, Mapping):
        raise DocumentError("A flag document is a JSON object.")
    flags, shared, metadata = mapping.get("flags"), mapping.get("$evaluators"), mapping.get("metadata")
    if not isinstance(flags, dict) or len(flags) > MAX_FLAGS:
        raise DocumentError(f"'flags' must be an object of at most {MAX_FLAGS} flags.")
    if not isinstance(shared or {}, dict):
        raise DocumentError("'$evaluators' must be an object.")
    if not is_metadata(metadata):
        raise DocumentError("'metadata' must be an object of texts, numbers and booleans.")
    return flags, shared or {}, metadata or {}
