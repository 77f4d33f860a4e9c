"""The definition of a trigger with some of its parts changed by words on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import click

_WRITTEN = (
    "key", "source", "query", "method", "params", "window_s", "interval_s", "hold_s", "clear_s", "cooldown_s", "latch",
    "max_staleness_s", "class", "arming", "scope", "baseline", "baseline_offset_s", "on_no_data", "on_partial",
    "on_source_error", "on_stale", "use_partial", "ladder",
)  # fmt: skip
"""What a definition consists of; a trigger as it is shown says more."""


def changed(base: Mapping[str, Any], changes: Iterable[str]) -> dict[str, Any]:
    """The definition with fields, parameters or policies changed: ``limit=0.1``, ``on_stale=hold:600``.

    A parameter that is ``default`` is left out, so that another method does without those it does not have.

    Raises:
        click.UsageError: One is not a name and a value.
    """
    definition = {name: base[name] for name in _WRITTEN if base.get(name) is not None}
    params = dict(definition.get("params", {}))
    for change in changes:
        name, _, text = change.partition("=")
        if not text:
            raise click.UsageError(f"{change!r} is not a name and a value; write limit=0.1")
        target = definition if name in _WRITTEN else params
        if target is params and text == "default":
            params.pop(name, None)
            continue
        target[name] = _policy(text) if name.startswith("on_") else _value(text)
    return {**definition, "params": params}


def _policy(text: str) -> dict[str, Any] | None:
    """``hold``, ``notify:600`` for after ten minutes, or ``default`` for what goes by the tier."""
    if text == "default":
        return None
    if text.startswith("{"):
        return dict(_value(text))
    do, _, after_s = text.partition(":")
    return {"do": do} | ({"after_s": _value(after_s)} if after_s else {})


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
