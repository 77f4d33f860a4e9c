"""Which plan a rollout follows: by its tier, tightened by its project, capped by its feature."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from controller.errors import InvalidInput, Problem
from controller.plans.node import Mistake, Node, grow
from controller.plans.plain import plain
from controller.plans.reading import read_plans
from controller.plans.tightening import lay_over
from stages import UNPROTECTED, Autonomy, Plan, Requirement, Tier, canonical_json

_TIGHTENINGS_KEPT = 256


class Loosened(InvalidInput):
    """A tightening asks somewhere for less than the plans of the installation."""

    def __init__(self, places: Iterable[str]) -> None:
        """Each place is written as ``tiers.T2.beta: what is looser there``."""
        remedy = "ask for at least as much as the installation's plan, or leave it out"
        split = (place.partition(": ") for place in places)
        super().__init__(*(Problem(where, what, remedy) for where, _, what in split), code="plan_loosened")


class Plans:
    """The plans of all tiers."""

    def __init__(self, content: Node) -> None:
        """Raise Mistake if the content cannot be read; see `controller.plans.reading`."""
        self._content = content
        self._by_tier, self._requirements = read_plans(content)
        # A project's plans are asked for at every look at one of its rollouts.
        self._tighten = lru_cache(_TIGHTENINGS_KEPT)(self._tightened_by)

    @property
    def requirements(self) -> Mapping[str, Requirement]:
        """The requirements by their keys, as they are defined; a stage may ask for more of one."""
        return self._requirements

    def of(self, tier: str, *, protected: bool, autonomy: Autonomy | None = None) -> Plan:
        """The plan of a tier for a feature that may not do more by itself than ``autonomy``.

        An environment that is not protected asks for nothing.
        """
        plan = self._by_tier[Tier(tier)] if protected else UNPROTECTED
        return plan if autonomy is None else plan.capped(autonomy)

    def tightened(self, overlay: Mapping[str, Any]) -> Plans:
        """These plans with what a project asks for besides, in the same format.

        Raises:
            InvalidInput: The overlay cannot be understood.
            Loosened: It asks for less somewhere; has one problem for each place.
        """
        if not overlay:
            return self
        try:
            return self._tighten(canonical_json(overlay))
        except Mistake as mistake:
            raise InvalidInput(Problem(mistake.place, mistake.message, mistake.remedy)) from mistake

    def as_json(self) -> dict[str, Any]:
        """Everything the plans say, as plain data: by requirement, and by tier and stage. Times are seconds."""
        return {"requirements": plain(self._requirements), "tiers": plain(self._by_tier)}

    def _tightened_by(self, overlay: str) -> Plans:
        tightened = Plans(lay_over(self._content, grow(json.loads(overlay))))
        if places := list(self._loosened_by(tightened)):
            raise Loosened(places)
        return tightened

    def _loosened_by(self, other: Plans) -> Iterator[str]:
        for tier, plan in self._by_tier.items():
            for what in plan.loosened_by(other.of(tier, protected=True)):
                stage, colon, how = what.partition(": ")
                yield f"tiers.{tier}.{stage}: {how}" if colon else f"tiers.{tier}: {what}"
