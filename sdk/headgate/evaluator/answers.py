"""The answers of one flag, each made once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from headgate.evaluator.answer import ErrorCode, Evaluation, Reason
from headgate.evaluator.sharing import shared_name

Wrap = Callable[[str, Evaluation], Any]
"""Makes of a flag's key and an answer what an evaluation returns; called once for each answer of a flag."""


def as_it_is(_key: str, answer: Evaluation) -> Evaluation:
    """Return the answer: the ``Wrap`` of those who want nothing else."""
    return answer


def error(code: ErrorCode, message: str, metadata: Mapping[str, Any]) -> Evaluation:
    """Return an error answer."""
    return Evaluation(reason="ERROR", error_code=code, error_message=message, metadata=metadata)


class Answers:
    """Every answer a flag can give: one for each variant and reason, and the default.

    An answer is made when it is first needed, mostly while the rule is compiled. Two threads that need the
    same one at the same time may each make it; the two are alike.
    """

    def __init__(
        self,
        variants: Mapping[str, Any],
        default: str | None,
        metadata: Mapping[str, Any],
        wrap: Callable[[Evaluation], Any],
    ) -> None:
        """``default`` is the name of the default variant; with None the caller's own default applies."""
        self._variants = variants
        self._default = default
        self._metadata = metadata
        self._wrap = wrap
        self._made: dict[Reason, dict[str | None, Any]] = {"TARGETING_MATCH": {}, "SPLIT": {}}

    def static(self) -> Any:
        """Return the answer of a flag without a rule."""
        return self._wrap(self._of_default("STATIC"))

    def of(self, result: Any, reason: Reason) -> Any:
        """Return the answer for what a rule yielded: the name of a variant, true, false, a number or None."""
        if isinstance(result, bool):
            result = "true" if result else "false"
        elif isinstance(result, (int, float)):
            result = str(result)
        elif result is not None and not isinstance(result, str):
            return self._wrap(self._unknown("The rule's result names no variant with a value."))
        return self._made[reason].get(result) or self._make(result, reason)

    def _make(self, name: str | None, reason: Reason) -> Any:
        if name is not None and not self._has(name):
            # Not kept: a rule may yield any number of texts that name nothing.
            return self._wrap(self._unknown("The rule's result names no variant with a value."))
        answer = self._of_default("DEFAULT") if name is None else self._of_variant(name, reason)
        return self._made[reason].setdefault(name, self._wrap(answer))

    def _has(self, name: str) -> bool:
        return bool(name) and self._variants.get(name) is not None

    def _of_default(self, reason: Reason) -> Evaluation:
        if self._default is None:
            return Evaluation(reason="DEFAULT", metadata=self._metadata)
        if not self._has(self._default):
            return self._unknown("The default variant is not among the variants with a value.")
        return self._of_variant(self._default, reason)

    def _of_variant(self, name: str, reason: Reason) -> Evaluation:
        value, variant = self._variants[name], shared_name(name)
        return Evaluation(reason=reason, value=value, variant=variant, metadata=self._metadata)

    def _unknown(self, message: str) -> Evaluation:
        return error("GENERAL", message, self._metadata)
