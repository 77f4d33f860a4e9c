"""A flag document (https://flagd.dev/schema/v0/flags.json), ready to answer."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, KeysView, Mapping
from typing import Any

from headgate.evaluator.answers import Wrap, as_it_is, error
from headgate.evaluator.compiler import Constant, Rule
from headgate.evaluator.expansion import Expansion
from headgate.evaluator.flag import Clock, Common, compile_flag, is_metadata
from headgate.evaluator.limits import (
    MAX_FLAGS,
    MAX_NODES_PER_DOCUMENT,
    MAX_NODES_PER_FLAG,
)
from headgate.evaluator.sharing import Values
from headgate.evaluator.unread import Unread, read_flag, split


class DocumentError(ValueError):
    """What was given is no flag document at all; the message says why."""


class Document:
    """All flags of a document. What it answers never changes, and it may be shared between threads.

    A flag is compiled when it is first asked for, so that a big document of which a product uses a few flags
    costs next to nothing. Two threads that ask for the same flag first may both compile it, to the same end.
    """

    __slots__ = ("_common", "_flags", "_shared", "rules")

    def __init__(
        self,
        flags: Mapping[str, Any],
        shared: Mapping[str, Any],
        metadata: Mapping[str, Any],
        clock: Clock,
        wrap: Wrap,
    ) -> None:
        """Use ``Document.parse`` or ``Document.read``; this takes what is checked already."""
        self._flags = flags
        self._shared = shared
        self._common = Common(metadata, Values(), clock, wrap)
        self.rules: dict[str, Rule] = {}
        """The flags asked for so far, each a function of a context that is a plain dictionary."""

    @classmethod
    def parse(
        cls, mapping: Mapping[str, Any], *, clock: Clock = time.time, wrap: Wrap = as_it_is
    ) -> Document:
        """Read a document as it comes out of a JSON parser.

        A flag that cannot be used answers ERROR / PARSE_ERROR with a message; the others are not affected.
        ``clock`` is asked only when a rule reads ``$flagd.timestamp``. ``wrap`` turns every answer, once, into
        what is returned instead. What is given is kept, not copied: do not change it afterwards.
        Raises DocumentError when ``mapping`` is no flag document.
        """
        return cls(*_parts(mapping), clock, wrap)

    @classmethod
    def read(cls, text: str | bytes, *, clock: Clock = time.time, wrap: Wrap = as_it_is) -> Document:
        """Read a document from JSON; see ``parse``.

        The text is checked from end to end, but a flag is kept as text until it is asked for: of ten thousand
        flags a product uses a few. Raises DocumentError, also for text that is no JSON.
        """
        try:
            mapping = split(text)
        except (ValueError, RecursionError) as problem:
            raise DocumentError(f"That is no JSON: {problem}") from problem
        return cls.parse(mapping, clock=clock, wrap=wrap)

    def patched(
        self,
        changed: Mapping[str, Any],
        removed: Iterable[str] = (),
        metadata: Mapping[str, Any] | None = None,
    ) -> Document:
        """Return a document with some flags changed and others removed; this one stays as it is.

        ``metadata`` takes the place of all the document's metadata; where it does not change, and no rules are
        shared, what was compiled already is not compiled again. Raises DocumentError.
        """
        flags = dict(self._flags)
        flags.update(changed)
        for key in removed:
            flags.pop(key, None)
        new = {"flags": flags, "metadata": self._common.metadata if metadata is None else metadata}
        patched = Document.parse(
            {**new, "$evaluators": self._shared}, clock=self._common.clock, wrap=self._common.wrap
        )
        if not self._shared and patched.metadata == self._common.metadata:
            # A rule holds nothing but its own flag and the document's metadata, so that the others' stay as they are.
            patched.rules.update(
                (key, rule)
                for key, rule in self.rules.copy().items()
                if flags.get(key) is self._flags.get(key)
            )
        return patched

    def wrapped(self, wrap: Wrap) -> Document:
        """Return the same flags with other answers made of theirs."""
        return Document(self._flags, self._shared, self._common.metadata, self._common.clock, wrap)

    def changed_since(self, before: Document | None) -> list[str]:
        """Return the keys of the flags that are not the same in ``before``, sorted."""
        old = {} if before is None else before.flags
        both = old.keys() | self._flags.keys()
        return sorted(key for key in both if old.get(key) != self._flags.get(key))

    def text(self) -> str:
        """Return the document as JSON."""
        flags = ",".join(f"{json.dumps(key)}:{_as_text(flag)}" for key, flag in self._flags.items())
        more = f'"$evaluators":{json.dumps(self._shared)},' if self._shared else ""
        return f'{{"metadata":{json.dumps(self._common.metadata)},{more}"flags":{{{flags}}}}}'

    @property
    def flags(self) -> Mapping[str, Any]:
        """The flags as they came, by their keys; one that was not asked for yet may still be text."""
        return self._flags

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The metadata of the whole document."""
        return self._common.metadata

    def keys(self) -> KeysView[str]:
        """Return the keys of all flags, usable or not."""
        return self._flags.keys()

    def evaluate(self, flag_key: str, context: Mapping[str, Any] | None = None) -> Any:
        """Return the answer for one flag, an ``Evaluation`` unless ``wrap`` made something else. Never raises.

        ``context`` holds the attributes, among them ``targetingKey``, the text that identifies the user.
        """
        try:
            try:
                rule = self.rules[flag_key]
            except KeyError:
                rule = self.compiled(flag_key)
            if type(rule) is Constant:
                return rule.value
            # The rules rely on a plain dictionary; anything else that is a mapping is copied into one.
            return rule(context if type(context) is dict else dict(context or {}))
        except Exception as problem:  # Whatever a rule stumbles over must not reach the product.
            return self._failed(flag_key, problem)

    def prepare(self) -> None:
        """Compile now what cannot be compiled flag by flag, so that no lookup has to wait for it."""
        if self._shared and not self.rules:
            # Shared rules can be written out into far more than was sent, so that all flags share a bound.
            # Which of them it refuses must not depend on the order they are asked for in.
            expansion = Expansion(self._shared, MAX_NODES_PER_DOCUMENT)
            self.rules.update({key: self._compile(key, expansion) for key in self._flags})

    def metadata_of(self, key: str) -> Mapping[str, Any]:
        """Return the document's metadata, overlaid with that of the flag ``key`` if there is such a flag."""
        flag = read_flag(self._flags.get(key))
        own = flag.get("metadata") if isinstance(flag, dict) else None
        return {**self._common.metadata, **own} if is_metadata(own) and own else self._common.metadata

    def compiled(self, key: str) -> Rule:
        """Return a flag as a function of a context that is a plain dictionary. Raises KeyError."""
        if self._shared:
            self.prepare()
            return self.rules[key]
        return self.rules.setdefault(key, self._compile(key, Expansion({}, MAX_NODES_PER_FLAG)))

    def _compile(self, key: str, expansion: Expansion) -> Rule:
        flag = self._flags[key]
        if isinstance(flag, Unread):
            flag = self._common.values.in_flag(read_flag(flag))
        return compile_flag(key, flag, self._common, expansion)

    def _failed(self, flag_key: Any, problem: Exception) -> Any:
        if not isinstance(flag_key, str) or flag_key not in self._flags:
            answer = error("FLAG_NOT_FOUND", "There is no such flag.", self._common.metadata)
            return self._common.wrap(flag_key if isinstance(flag_key, str) else "", answer)
        message = f"The rule could not be worked out ({type(problem).__name__})."
        return self._common.wrap(flag_key, error("GENERAL", message, self._common.metadata))


def compile_document(mapping: Mapping[str, Any], *, clock: Clock = time.time) -> Document:
    """Return ``Document.parse(mapping, clock=clock)``."""
    return Document.parse(mapping, clock=clock)


def _as_text(flag: Any) -> str:
    return flag.text if isinstance(flag, Unread) else json.dumps(flag)


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
