"""What lookups and runs tell OpenTelemetry, where it is installed: attributes on the span that is current.

The names are those of its semantic conventions for feature flags and for generative AI. No user is named.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final

from headgate.context import targeting_key
from headgate.decision import Decision
from headgate.outcomes import FIELDS

log = logging.getLogger("headgate")

context: Callable[[], object] | None
"""Returns what is empty while nothing is traced; None without OpenTelemetry. It costs less than asking for a span."""

try:
    from opentelemetry import context as _contexts
    from opentelemetry.trace import get_current_span
except ImportError:  # It is the product's choice to have it.
    context = None
else:
    # Its own function goes two calls deep to read one variable, which every lookup would pay for.
    _variable = getattr(getattr(_contexts, "_RUNTIME_CONTEXT", None), "_current_context", None)
    context = _variable.get if isinstance(_variable, ContextVar) else _contexts.get_current

PROVIDER: Final = "headgate"


def is_wanted() -> bool:
    """Return whether something is going on that could be told about: an empty context has no span."""
    return context is not None and bool(context())


def record(attributes: Mapping[str, Any]) -> None:
    """Put attributes on the current span; those that are None are left out. Only where ``is_wanted``.

    A span tells of the last lookup. A text of one before, which nothing takes the place of, becomes empty: spans
    forget nothing.
    """
    try:
        span = get_current_span()
        if span.is_recording():
            before = getattr(span, "attributes", None) or {}
            said = {name: value for name, value in attributes.items() if value is not None}
            gone = {name: "" for name in attributes if name not in said and isinstance(before.get(name), str)}
            span.set_attributes({**said, **gone})
    except Exception:  # What is told about an answer must not change it.
        log.debug("A span could not be told.", exc_info=True)


def about_flag(
    key: str, variant: str | None, reason: str, revision: int | None, error: str | None
) -> dict[str, Any]:
    """Return the attributes of one lookup."""
    return {
        "feature_flag.key": key,
        "feature_flag.provider.name": PROVIDER,
        "feature_flag.result.variant": variant,
        "feature_flag.result.reason": reason.lower(),
        "feature_flag.version": None if revision is None else str(revision),
        # Not error.type: the span is the product's, and whether that failed is not ours to say.
        "headgate.error": None if error is None else error.lower(),
    }


def about_decision(decision: Decision) -> dict[str, Any]:
    """Return the attributes of a decision."""
    return {
        **about_flag(
            decision.feature, decision.variant, decision.reason, decision.revision, decision.error_code
        ),
        "headgate.mode": decision.mode,
        "headgate.release": decision.release,
    }


def about_run(decision: Decision, said: Mapping[str, Any], conversation: str | None) -> dict[str, Any]:
    """Return the attributes of a run that is over."""
    release = decision.value.get("release")
    model = release.get("model") if isinstance(release, Mapping) else None
    model = model if isinstance(model, Mapping) else {}
    return {
        "gen_ai.provider.name": _text(model.get("provider")),
        "gen_ai.request.model": _text(model.get("id")),
        **{
            f"gen_ai.usage.{name}": FIELDS[name](said.get(name)) for name in ("input_tokens", "output_tokens")
        },
        "gen_ai.conversation.id": targeting_key(conversation) or None,
    }


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
