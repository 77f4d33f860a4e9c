"""The methods a trigger can judge by: one file each, and one line in `METHODS`."""

from __future__ import annotations

from collections.abc import Mapping

from triggers.methods.any_event import AnyEvent
from triggers.methods.budget import Budget
from triggers.methods.burn_rate import BurnRate
from triggers.methods.evidence import Evidence
from triggers.methods.evidence_cusum import EvidenceCusum
from triggers.methods.method import BadParameter, Method, Param
from triggers.methods.threshold import Threshold

METHODS: Mapping[str, type[Method]] = {
    "any_event": AnyEvent,
    "threshold": Threshold,
    "evidence": Evidence,
    "evidence_cusum": EvidenceCusum,
    "burn_rate": BurnRate,
    "budget": Budget,
}

__all__ = [
    "METHODS",
    "AnyEvent",
    "BadParameter",
    "Budget",
    "BurnRate",
    "Evidence",
    "EvidenceCusum",
    "Method",
    "Param",
    "Threshold",
    "parse_method",
]


def parse_method(name: str, params: Mapping[str, Param]) -> Method:
    """Build a method from its name and parameters.

    Raises:
        BadParameter: The method or one of its parameters is unknown, missing or out of range.
    """
    if name not in METHODS:
        raise BadParameter("method", f"{name!r} is not a method", f"use one of {', '.join(METHODS)}")
    return METHODS[name].parse(params)
