"""What each stage asks for and allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from stages.exposure import WHOLE
from stages.rollout import EXPOSED, Stage


class Tier(StrEnum):
    """How much harm a feature could do: T1 little, T3 most."""

    T1 = "T1"
    T2 = "T2"
    T3 = "T3"


class Gate(StrEnum):
    """The five questions that evidence answers."""

    BUSINESS_FIT = "business_fit"
    DATA_AND_RETRIEVAL = "data_and_retrieval"
    EVALUATION = "evaluation"
    CONTROLS = "controls"
    OPERATIONS = "operations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """Something that must be shown before a stage is entered.

    ``per_release``: evidence for another release does not count.
    """

    key: str
    gate: Gate
    title: str
    per_release: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePlan:
    """What it takes to enter a stage, and how far exposure may go in it.

    Shares are in basis points. ``soak_s``: how many seconds the feature must have been in the stage before.
    ``approvals``: how many people other than the requester must agree. ``armed_triggers``: how many triggers
    must be allowed to act.
    """

    ceiling: int
    start: int
    soak_s: int = 0
    approvals: int = 0
    armed_triggers: int = 0
    requirements: tuple[Requirement, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The stages of one risk tier."""

    stages: Mapping[Stage, StagePlan]

    def __post_init__(self) -> None:
        """Raise ValueError with every problem of the plan."""
        if problems := tuple(self._problems()):
            raise ValueError("; ".join(problems))

    def __getitem__(self, stage: Stage) -> StagePlan:
        """What it takes to enter an exposed stage."""
        return self.stages[stage]

    def _problems(self) -> Iterator[str]:
        """A plan is complete, starts within its ceilings, and no stage is laxer than the one before."""
        if tuple(self.stages) != EXPOSED:
            yield f"a plan names the stages {', '.join(EXPOSED)}, in this order"
            return
        for stage, step in self.stages.items():
            if not 0 < step.start <= step.ceiling:
                yield f"{stage}: start {step.start} is not between 1 and the ceiling {step.ceiling}"
            if step.ceiling > WHOLE:
                yield f"{stage}: ceiling {step.ceiling} is above {WHOLE}, which is everybody"
        for earlier, later in pairwise(EXPOSED):
            yield from _laxer(later, self.stages[earlier], self.stages[later])


def _laxer(stage: Stage, before: StagePlan, after: StagePlan) -> Iterator[str]:
    # A ceiling that falls would evict users on the way up.
    for name in ("ceiling", "soak_s", "approvals", "armed_triggers"):
        if getattr(after, name) < getattr(before, name):
            yield f"{stage}: {name} is lower than in the stage before"
    needs = {need.key: need for need in after.requirements}
    for need in before.requirements:
        if need.key not in needs:
            yield f"{stage}: drops the requirement {need.key} of the stage before"
        elif need.per_release and not needs[need.key].per_release:
            yield f"{stage}: takes evidence of any release for {need.key}, unlike the stage before"


UNPROTECTED = Plan(dict.fromkeys(EXPOSED, StagePlan(ceiling=WHOLE, start=WHOLE)))
"""The plan of an environment that is not protected: order is kept, nothing else is asked."""
