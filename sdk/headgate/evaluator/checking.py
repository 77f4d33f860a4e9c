"""Looking at flags before they are published: what no client could use is refused here, by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from headgate.evaluator.answer import Evaluation
from headgate.evaluator.document import Document, DocumentError

MAX_FLAG_BYTES: Final = 16_777_216
"""How long one flag may be as JSON."""

_DEFAULT_CLOCK: Final = 0.0
_KINDS: Final[tuple[tuple[str, Any], ...]] = (
    ("boolean", bool),
    ("string", str),
    ("number", (int, float)),
    ("object", (dict, list)),
)


class FlagError(ValueError):
    """A flag that must not be published; ``flag`` is its key, the message says what is wrong with it."""

    def __init__(self, flag: str, message: str) -> None:
        """``message`` is a sentence."""
        super().__init__(f"The flag {flag[:128]!r}: {message}")
        self.flag = flag


def check(mapping: Mapping[str, Any]) -> None:
    """Look at every flag of a document, all the way down into its rules.

    Clients answer what they cannot use with an error; here it is an error already: an unknown operator, a rule
    that is too deep, too big or refers to itself, a result or a default that names no variant, variants of
    different types, a value that is no JSON. Raises FlagError for the first such flag, DocumentError when
    ``mapping`` is no flag document.
    """
    document = Document.parse(mapping, clock=lambda: _DEFAULT_CLOCK, wrap=_refuse)
    document.prepare()
    for key in document.keys():  # noqa: SIM118 - a Document is no mapping
        _check_key(key)
        _check_size(key, mapping["flags"][key])
        document.compiled(key)
        _check_variants(key, mapping["flags"][key])


def _refuse(flag: str, answer: Evaluation) -> Evaluation:
    """Every answer that a rule can give without looking at a context is made while it is compiled."""
    if answer.error_code is not None:
        raise FlagError(flag, str(answer.error_message))
    return answer


def _check_key(key: Any) -> None:
    if not isinstance(key, str) or not key:
        raise DocumentError("The keys of flags are texts that are not empty.")


def _check_size(key: str, flag: Any) -> None:
    try:
        size = len(json.dumps(flag, allow_nan=False))
    except (ValueError, TypeError, RecursionError) as problem:
        raise FlagError(key, f"It is no JSON ({problem}).") from problem
    if size > MAX_FLAG_BYTES:
        raise FlagError(key, f"It has more than {MAX_FLAG_BYTES} bytes.")


def _check_variants(key: str, flag: Mapping[str, Any]) -> None:
    kinds = {_kind(value) for value in flag["variants"].values()}
    if len(kinds) > 1 or None in kinds:
        raise FlagError(key, "Its variants have to be all boolean, all string, all number or all object.")
    default = flag.get("defaultVariant")
    if isinstance(default, str) and default and default not in flag["variants"]:
        raise FlagError(key, f"Its default variant {default[:64]!r} is not among its variants.")


def _kind(value: Any) -> str | None:
    # A boolean is a number to Python, and comes first.
    return next((name for name, kind in _KINDS if isinstance(value, kind)), None)
