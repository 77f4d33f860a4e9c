"""The methods a trigger can judge by: one file each, and one line in `METHODS`."""

from __future__ import annotations

from collections.abc import Mapping

from triggers.methods.any_event import AnyEvent
from triggers.methods.method import BadParameter, Method, Number
from triggers.methods.threshold import Threshold

METHODS: Mapping[str, type[Method]] = {
    "any_event": AnyEvent,
    "threshold": Threshold,
}

__all__ = ["METHODS", "AnyEvent", "BadParameter", "Method", "Number", "Threshold", "parse_method"]


def parse_method(name: str, params: Mapping[str, Number]) -> Method:
    """Build a method from its name and parameters.

    Raises:
        BadParameter: The method or one of its parameters is unknown, missing or out of range.
    """
    if name not in METHODS:
        raise BadParameter("method", f"{name!r} is not a method", f"use one of {', '.join(METHODS)}")
    return METHODS[name].parse(params)
