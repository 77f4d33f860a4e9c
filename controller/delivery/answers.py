"""OFREP answers of one snapshot, each turned into bytes once.

A flag has few answers: one for each variant and reason. The evaluator hands out the same object for the same answer, so
what was encoded once is found again by it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headgate.evaluator import Evaluation

from controller.flags.snapshots import Snapshot

VISIBLE = "client_visible"
"""The flag metadata that lets client keys see a flag."""
_NOT_FOR_CLIENTS = "broken"
"""The flag metadata that says what is wrong with a rollout: for operators, not for browsers."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """One answer as it is sent, and a digest of it."""

    body: bytes
    digest: bytes


class Answers:
    """The answers of a snapshot: of all flags, or of those alone that clients may see."""

    def __init__(self, snapshot: Snapshot, *, only_visible: bool) -> None:
        self._evaluate = snapshot.flags.evaluate
        self._hidden = {_NOT_FOR_CLIENTS} if only_visible else frozenset[str]()
        content = snapshot.content
        flags = content["flags"]
        self._made: dict[str, dict[Evaluation, Encoded]] = {
            key: {} for key, flag in flags.items() if not only_visible or is_visible(flag)
        }
        self._fractions = {key for key in self._made if has_fractions(flags[key])}
        self._shared: Mapping[str, Any] = content["metadata"]
        self.metadata = _json(self._shared)

    def __contains__(self, flag: str) -> bool:
        return flag in self._made

    def evaluate(self, flag: str, context: dict[str, Any]) -> Evaluation:
        """The answer for one flag, which is among ours."""
        answer: Evaluation = self._evaluate(flag, context)
        return answer

    def encoded(self, flag: str, evaluation: Evaluation) -> Encoded:
        """An answer of one of our flags as it is sent."""
        made = self._made[flag]
        known = made.get(evaluation)
        if known is None:
            body = _json(self._content(flag, evaluation))
            known = Encoded(body, hashlib.blake2b(body, digest_size=8).digest())
            if evaluation.error_code is None:
                # An error may be about anything a context holds, so that there is no end of them.
                made[evaluation] = known
        return known

    def all(self, context: dict[str, Any]) -> list[Encoded]:
        """The answer of each flag, in the order of the document."""
        evaluate, encoded = self._evaluate, self.encoded
        return [encoded(flag, evaluate(flag, context)) for flag in self._made]

    def _content(self, flag: str, evaluation: Evaluation) -> dict[str, Any]:
        if evaluation.error_code:
            details = evaluation.error_message or evaluation.error_code
            return {"key": flag, "errorCode": evaluation.error_code, "errorDetails": details}
        answer: dict[str, Any] = {"key": flag, "variant": evaluation.variant, "reason": evaluation.reason}
        metadata = {**self._shared, **evaluation.metadata}
        answer["metadata"] = {name: value for name, value in metadata.items() if name not in self._hidden}
        if evaluation.value is None:
            return answer
        # A client that asks for a float takes 10 for an integer, and refuses it.
        is_short = flag in self._fractions and type(evaluation.value) is int
        return answer | {"value": float(evaluation.value) if is_short else evaluation.value}


def is_visible(flag: Any) -> bool:
    """Whether client keys may see a flag."""
    metadata = flag.get("metadata") if isinstance(flag, Mapping) else None
    return isinstance(metadata, Mapping) and metadata.get(VISIBLE) is True


def has_fractions(flag: Any) -> bool:
    """Whether a flag's values are numbers of which at least one is written with a fraction."""
    variants = flag.get("variants") if isinstance(flag, Mapping) else None
    return isinstance(variants, Mapping) and any(type(value) is float for value in variants.values())


def _json(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
