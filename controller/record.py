"""What a feature's own record says about its readiness."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from controller.store.features import Feature

_TEXTS = (
    "owner",
    "budget_owner",
    "hypothesis",
    "success",
    "fallback",
    "risk_rationale",
    "classified_by",
    "oversight",
    "autonomy_cap",
)
_OF_A_SOURCE = ("owner", "permissions", "freshness", "revocation")
_OF_THE_METRIC = ("baseline", "target", "window_days")


def filled_fields(feature: Feature) -> frozenset[str]:
    """The names of the fields that say something.

    ``data_sources.owner`` and its like are filled when every source has one, ``business_metric.baseline`` when the
    metric has it, ``people.support`` when somebody has that role.
    """
    return frozenset(_filled(feature))


def _filled(feature: Feature) -> Iterator[str]:
    yield from (name for name in _TEXTS if (getattr(feature, name) or "").strip())
    sources = feature.data_sources if isinstance(feature.data_sources, list) else []
    lists = {"reviewers": feature.reviewers, "regulatory": feature.regulatory, "data_sources": sources}
    yield from (name for name, items in lists.items() if items)
    yield from (f"people.{role}" for role, person in feature.people.items() if str(person).strip())
    metric = feature.business_metric if isinstance(feature.business_metric, Mapping) else {}
    yield from (f"business_metric.{name}" for name in _OF_THE_METRIC if metric.get(name) is not None)
    yield from (f"data_sources.{name}" for name in _OF_A_SOURCE if _all_say(sources, name))


def _all_say(sources: Iterable[Any], name: str) -> bool:
    said = [isinstance(source, Mapping) and bool(str(source.get(name) or "").strip()) for source in sources]
    return bool(said) and all(said)
