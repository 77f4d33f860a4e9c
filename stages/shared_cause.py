"""Whether several features suffer from one thing outside of them, so that none of their releases is to blame."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from stages.models import Model, model_key, seller
from stages.viability import Trouble

LEAST_FEATURES = 3
"""So many features have to suffer at once: two may do so by chance."""
TOGETHER = timedelta(minutes=15)
"""What begins within this time of each other is taken to begin together."""
_CONTROL_SAMPLES = 20
"""From so many answers on, those of the stable release say something."""


@dataclass(frozen=True, slots=True)
class Suffering:
    """A feature of which a trigger fires, since when, and the model that its newest release asks."""

    feature: str
    since: datetime
    model: Model


def find_shared_cause(mine: Suffering, others: Iterable[Suffering]) -> Trouble | None:
    """The model, or else the provider, that enough features have in common which began to suffer together.

    The narrower one is named if it explains as many of them.
    """
    near = [mine, *(other for other in others if abs(other.since - mine.since) <= TOGETHER)]
    by_model, by_seller = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for each in near:
        by_model[model_key(each.model)].add(each.feature)
        by_seller[seller(each.model)].add(each.feature)
    of_seller, of_model = by_seller[seller(mine.model)], by_model[model_key(mine.model)]
    if len(of_seller) < LEAST_FEATURES:
        return None
    served_by = mine.model.host or mine.model.provider
    named = ", ".join(sorted(of_seller))
    if of_model == of_seller:
        return Trouble(served_by, mine.model.id, f"{named} began to suffer together, all on {mine.model.id}")
    return Trouble(served_by, "", f"{named} began to suffer together, all served by {served_by}")


def control_suffers_too(bad: int, total: int, limit: float) -> str:
    """Why a candidate is not to blame: the stable release beside it is beyond the same limit; empty if it is not.

    ``bad`` of ``total`` are its answers over the same window, ``limit`` is a share.
    """
    if total < _CONTROL_SAMPLES or bad <= limit * total:
        return ""
    return f"the stable release suffers too: {bad} of {total} of its answers are bad"


def control_is_beyond(value: float, limit: float, samples: int | None, *, below: bool = False) -> str:
    """The same for a value, such as a latency, that stands for ``samples`` answers; None if nobody knows for how many.

    ``below``: it is bad when it is low.
    """
    is_beyond = value < limit if below else value > limit
    if not is_beyond or (samples is not None and samples < _CONTROL_SAMPLES):
        return ""
    return f"the stable release suffers too: its value is {value:g}, the limit {limit:g}"
