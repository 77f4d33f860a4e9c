"""The pre-built answers of one flag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headgate.evaluator.answer import ErrorCode, Evaluation, Reason


def error(code: ErrorCode, message: str, metadata: Mapping[str, Any]) -> Evaluation:
    """Return an error answer."""
    return Evaluation(reason="ERROR", error_code=code, error_message=message, metadata=metadata)


class Answers:
    """Every answer a flag can give, made once: one for each variant and reason, the default, and an error."""

    def __init__(self, variants: Mapping[str, Any], default: str | None, metadata: Mapping[str, Any]) -> None:
        """``default`` is the name of the default variant; with None the caller's own default applies."""
        self._metadata = metadata
        self._unknown = error("GENERAL", "The rule's result names no variant with a value.", metadata)
        usable = {name: value for name, value in variants.items() if name and value is not None}
        self._by_reason: dict[Reason, dict[str, Evaluation]] = {
            reason: {name: self._answer(name, value, reason) for name, value in usable.items()}
            for reason in ("TARGETING_MATCH", "SPLIT")
        }
        self.static = self._of_default(usable, default, "STATIC")
        self._default = self._of_default(usable, default, "DEFAULT")

    def _answer(self, name: str, value: Any, reason: Reason) -> Evaluation:
        return Evaluation(reason=reason, value=value, variant=name, metadata=self._metadata)

    def _of_default(self, usable: Mapping[str, Any], default: str | None, reason: Reason) -> Evaluation:
        if default is None:
            return Evaluation(reason="DEFAULT", metadata=self._metadata)
        if default not in usable:
            message = "The default variant is not among the variants with a value."
            return error("GENERAL", message, self._metadata)
        return self._answer(default, usable[default], reason)

    def of(self, result: Any, reason: Reason) -> Evaluation:
        """Return the answer for what a rule yielded: the name of a variant, true, false, a number or None."""
        if result is None:
            return self._default
        if isinstance(result, bool):
            result = "true" if result else "false"
        elif isinstance(result, (int, float)):
            result = str(result)
        if not isinstance(result, str):
            return self._unknown
        return self._by_reason[reason].get(result, self._unknown)
