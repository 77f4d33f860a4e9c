"""A flag document (https://flagd.dev/schema/v0/flags.json), compiled and ready to answer."""

from __future__ import annotations

import time
from collections.abc import Callable, KeysView, Mapping
from typing import Any

from headgate.evaluator.answer import Evaluation
from headgate.evaluator.answers import Answers, error
from headgate.evaluator.compiler import Compiler, Rule, constant
from headgate.evaluator.expansion import Expansion
from headgate.evaluator.limits import MAX_FLAGS, MAX_NODES_PER_DOCUMENT, CompileError
from headgate.evaluator.targeting import DIALECT, Targeting

Clock = Callable[[], float]
"""Returns seconds since the epoch."""


class DocumentError(ValueError):
    """What was given is no flag document at all; the message says why."""


class Document:
    """All flags of a document, compiled. It never changes and may be shared between threads."""

    __slots__ = ("_metadata", "_rules")

    def __init__(self, rules: Mapping[str, Rule], metadata: Mapping[str, Any]) -> None:
        """Use ``Document.parse``; this takes rules that are compiled already."""
        self._rules = dict(rules)
        self._metadata = dict(metadata)

    @classmethod
    def parse(cls, mapping: Mapping[str, Any], *, clock: Clock = time.time) -> Document:
        """Compile a document as it comes out of a JSON parser.

        A flag that cannot be used answers ERROR / PARSE_ERROR with a message; the others are not affected.
        ``clock`` is asked only when a rule reads ``$flagd.timestamp``. The values are kept, not copied: do
        not change them afterwards. Raises DocumentError when ``mapping`` is no flag document.
        """
        flags, shared, metadata = _parts(mapping)
        expansion = Expansion(shared, MAX_NODES_PER_DOCUMENT)
        rules = {key: _compile_flag(key, flag, metadata, expansion, clock) for key, flag in flags.items()}
        return cls(rules, metadata)

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The metadata of the whole document."""
        return self._metadata

    def keys(self) -> KeysView[str]:
        """Return the keys of all flags, usable or not."""
        return self._rules.keys()

    def evaluate(self, flag_key: str, context: Mapping[str, Any] | None = None) -> Evaluation:
        """Return the answer for one flag. Never raises.

        ``context`` holds the attributes, among them ``targetingKey``, the text that identifies the user.
        """
        try:
            # The rules rely on a plain dictionary; anything else that is a mapping is copied into one.
            return self._rules[flag_key](context if type(context) is dict else dict(context or {}))  # type: ignore[no-any-return]
        except Exception as problem:  # Whatever a rule stumbles over must not reach the product.
            return self._failed(flag_key, problem)

    def _failed(self, flag_key: Any, problem: Exception) -> Evaluation:
        if not isinstance(flag_key, str) or flag_key not in self._rules:
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
    if not _is_metadata(metadata):
        raise DocumentError("'metadata' must be an object of texts, numbers and booleans.")
    return flags, shared or {}, metadata or {}


def _is_metadata(metadata: Any) -> bool:
    if metadata is None:
        return True
    return isinstance(metadata, dict) and all(map(_is_metadatum, metadata.items()))


def _is_metadatum(item: tuple[Any, Any]) -> bool:
    key, value = item
    return isinstance(key, str) and key != "" and isinstance(value, (str, int, float))


def _compile_flag(
    key: str, flag: Any, shared_metadata: Mapping[str, Any], expansion: Expansion, clock: Clock
) -> Rule:
    metadata = dict(shared_metadata)
    try:
        _check_shape(flag)
        metadata.update(flag.get("metadata") or {})
        return _compile_checked(key, flag, metadata, expansion, clock)
    except CompileError as problem:
        return constant(error("PARSE_ERROR", f"The flag cannot be used: {problem}", metadata))


def _check_shape(flag: Any) -> None:
    if not isinstance(flag, dict):
        raise CompileError("it is not an object.")
    if flag.get("state") not in ("ENABLED", "DISABLED"):
        raise CompileError("its state is neither ENABLED nor DISABLED.")
    variants = flag.get("variants")
    if not isinstance(variants, dict) or not variants:
        raise CompileError("it has no variants.")
    if not isinstance(flag.get("defaultVariant"), (str, bool, type(None))):
        raise CompileError("its default variant is not a name.")
    if flag.get("targeting") and not isinstance(flag["targeting"], dict):
        raise CompileError("its targeting is not an object.")
    if not _is_metadata(flag.get("metadata")):
        raise CompileError("its metadata is not an object of texts, numbers and booleans.")


def _compile_checked(
    key: str, flag: dict[str, Any], metadata: Mapping[str, Any], expansion: Expansion, clock: Clock
) -> Rule:
    answers = Answers(flag["variants"], _name(flag.get("defaultVariant")), metadata)
    if flag["state"] == "DISABLED":
        return constant(Evaluation(reason="DISABLED", metadata=metadata))
    if not flag.get("targeting"):
        return constant(answers.static)
    compiler = Compiler(key, DIALECT)
    rule = Targeting(compiler, answers).compile(expansion.expand(flag["targeting"]))
    return _with_runtime(rule, key, clock) if compiler.reads_runtime else rule


def _name(variant: Any) -> str | None:
    if isinstance(variant, bool):
        return "true" if variant else "false"
    return variant or None


def _with_runtime(rule: Rule, key: str, clock: Clock) -> Rule:
    def run(context: dict[str, Any]) -> Any:
        return rule({**context, "$flagd": {"flagKey": key, "timestamp": int(clock())}})

    return run
