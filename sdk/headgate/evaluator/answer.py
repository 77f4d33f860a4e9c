"""What an evaluation returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Reason = Literal["STATIC", "TARGETING_MATCH", "SPLIT", "DEFAULT", "DISABLED", "ERROR"]
"""Why the answer is what it is.

``STATIC``: the flag has no rule. ``TARGETING_MATCH``: the rule chose a variant. ``SPLIT``: the variant was
dealt by a ``fractional`` standing where the rule's result stands (a percentage that is only a condition of an
``if`` counts as targeting). ``DEFAULT``: the rule chose nothing, or there is no default variant.
``DISABLED``: the flag is switched off and the caller's own default applies. ``ERROR``: see the error code.
"""

ErrorCode = Literal["FLAG_NOT_FOUND", "PARSE_ERROR", "TYPE_MISMATCH", "GENERAL"]
"""What went wrong: no such flag, a flag that does not compile, a value of another type, anything else."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Evaluation:
    """The answer for one flag and one context.

    ``variant`` and ``value`` are None when the caller's own default applies. ``metadata`` is that of the
    document overlaid with that of the flag. Both are shared between answers: do not change them.
    Two answers are equal only when they are the same object, which makes them cheap keys.
    """

    reason: Reason
    value: Any = None
    variant: str | None = None
    error_code: ErrorCode | None = None
    error_message: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
