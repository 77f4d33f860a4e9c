"""What each stage asks for and allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from stages.criteria import Criterion
from stages.exposure import WHOLE, Autonomy
from stages.requirement import Requirement, weakened
from stages.rollout import EXPOSED, Stage


class Tier(StrEnum):
    """How much harm a feature could do: T1 little, T3 most."""

    T1 = "T1"
    T2 = "T2"
    T3 = "T3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a ramp: the share it goes to, and what it takes to leave it.

    ``share`` in basis points. The feature stays for ``hold_s`` good seconds and ``min_samples`` answers. ``approvals``:
    how many people must agree before the step is taken.
    """

    share: int
    hold_s: int = 0
    min_samples: int = 0
    approvals: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePlan:
    """What it takes to enter a stage, and how far exposure may go in it.

    Shares are in basis points. ``autonomy`` is the most the feature may do by itself in the stage.

    To enter: ``soak_s`` seconds and ``min_samples`` answers in the stage before; ``approvals`` people other than the
    requester, among them one of each of ``approver_groups``; ``armed_triggers`` that may act, among them one of each of
    ``trigger_classes``; evidence for ``requirements``.

    In the stage: ``ramp`` are the steps from start to ceiling, taken while every one of ``exit_criteria`` holds, which
    must also hold to leave it upwards. ``planned_s`` is how long the stage is meant to last, and a model has to.

    For a release that is new in the stage: ``release_approvals`` people other than whoever brings it in, if any then
    among them one of each of ``approver_groups``. Before it is adopted it serves ``release_soak_s`` seconds on trial
    without a breach, and gives ``release_min_samples`` answers.
    """

    ceiling: int
    start: int
    autonomy: Autonomy = Autonomy.EXECUTE
    soak_s: int = 0
    min_samples: int = 0
    approvals: int = 0
    approver_groups: tuple[str, ...] = ()
    armed_triggers: int = 0
    trigger_classes: tuple[str, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    ramp: tuple[Step, ...] = ()
    exit_criteria: tuple[Criterion, ...] = ()
    planned_s: int = 0
    release_approvals: int = 0
    release_soak_s: int = 0
    release_min_samples: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """The stages of one risk tier.

    ``good_after_s``: a release that served that long without a breach is good. ``pinned_models``: whether a model that
    its provider may exchange silently is kept from users.
    """

    stages: Mapping[Stage, StagePlan]
    good_after_s: int = 0
    pinned_models: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError with every problem of the plan."""
        if problems := tuple(self._problems()):
            raise ValueError("; ".join(problems))

    def __getitem__(self, stage: Stage) -> StagePlan:
        """What it takes to enter an exposed stage."""
        return self.stages[stage]

    def capped(self, autonomy: Autonomy) -> Plan:
        """The same plan for a feature that may never do more by itself than this."""
        stages = {
            stage: replace(step, autonomy=autonomy) if step.autonomy.exceeds(autonomy) else step
            for stage, step in self.stages.items()
        }
        return replace(self, stages=stages)

    def loosened_by(self, other: Plan) -> Iterator[str]:
        """Each place in which another plan asks for less than this one, in words."""
        if other.good_after_s < self.good_after_s:
            yield "good_after_s is shorter"
        if self.pinned_models and not other.pinned_models:
            yield "models need not be pinned"
        for stage in EXPOSED:
            for what in _looser(self[stage], other[stage]):
                yield f"{stage}: {what}"

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
            yield from (f"{stage}: {problem}" for problem in _crooked(step))
        for earlier, later in pairwise(EXPOSED):
            yield from (f"{later}: {what}" for what in _laxer(self.stages[earlier], self.stages[later]))


def _crooked(step: StagePlan) -> Iterator[str]:
    """What is wrong with a ramp: it begins at the start and only rises, up to the ceiling."""
    shares = [each.share for each in step.ramp]
    if shares and shares[0] != step.start:
        yield f"the ramp begins with {shares[0]}, not with the start {step.start}"
    if shares and shares[-1] > step.ceiling:
        yield f"the ramp ends with {shares[-1]}, above the ceiling {step.ceiling}"
    if any(later <= earlier for earlier, later in pairwise(shares)):
        yield "each step of a ramp goes higher than the one before"


_FLOORS = (
    *("soak_s", "min_samples", "approvals", "armed_triggers", "planned_s"),
    *("release_approvals", "release_soak_s", "release_min_samples"),
)


def _laxer(before: StagePlan, after: StagePlan) -> Iterator[str]:
    """In what a stage asks for less than the one before it."""
    # A ceiling that falls would evict users on the way up.
    for name in ("ceiling", *_FLOORS):
        if getattr(after, name) < getattr(before, name):
            yield f"{name} is lower than in the stage before"
    for name in ("approver_groups", "trigger_classes"):
        for missing in sorted({*getattr(before, name)} - {*getattr(after, name)}):
            yield f"{name} drops {missing} of the stage before"
    for what in (
        *weakened(before.requirements, after.requirements),
        *_looser_criteria(before.exit_criteria, after.exit_criteria),
    ):
        yield f"{what}, unlike the stage before"


def _looser(ours: StagePlan, theirs: StagePlan) -> Iterator[str]:
    """In what another plan for the same stage asks for less, or allows more."""
    for name in ("ceiling", "start"):
        if getattr(theirs, name) > getattr(ours, name):
            yield f"{name} is higher"
    if theirs.autonomy.exceeds(ours.autonomy):
        yield "autonomy goes further"
    for name in _FLOORS:
        if getattr(theirs, name) < getattr(ours, name):
            yield f"{name} is lower"
    for name in ("approver_groups", "trigger_classes"):
        for missing in sorted({*getattr(ours, name)} - {*getattr(theirs, name)}):
            yield f"{name} drops {missing}"
    yield from weakened(ours.requirements, theirs.requirements)
    yield from _looser_criteria(ours.exit_criteria, theirs.exit_criteria)
    yield from _looser_ramp(ours, theirs)


def _looser_criteria(ours: tuple[Criterion, ...], theirs: tuple[Criterion, ...]) -> Iterator[str]:
    by_key = {criterion.key: criterion for criterion in theirs}
    for our in ours:
        their = by_key.get(our.key)
        if their is None:
            yield f"drops the exit criterion {our.key}"
        elif their.measure != our.measure or their.window_s < our.window_s:
            yield f"the exit criterion {our.key} looks at something else, or at less"
        elif their.at_most > our.at_most or their.min_samples < our.min_samples:
            yield f"the exit criterion {our.key} is easier to meet"
        elif our.limit is not None and (their.limit is None or their.limit > our.limit):
            yield f"the exit criterion {our.key} has a higher limit"


def _looser_ramp(ours: StagePlan, theirs: StagePlan) -> Iterator[str]:
    """In what another ramp reaches some share more easily; what is above its ceiling it never reaches."""
    shares = {step.share for step in (*ours.ramp, *theirs.ramp) if step.share <= theirs.ceiling}
    efforts = [(_effort(ours, share), _effort(theirs, share)) for share in sorted(shares)]
    names = ("is quicker", "takes fewer answers", "needs fewer approvals")
    for place, name in enumerate(names):
        if any(their[place] < our[place] for our, their in efforts):
            yield f"the ramp {name}"


def _effort(plan: StagePlan, share: int) -> tuple[int, int, int]:
    """The seconds, answers and approvals it takes at least before a share is reached; nothing without a ramp."""
    before = [step for step in plan.ramp if step.share < share]
    there = next((step for step in plan.ramp if step.share >= share), None)
    return (
        sum(step.hold_s for step in before),
        sum(step.min_samples for step in before),
        sum(step.approvals for step in (*before, *([there] if there else []))),
    )


UNPROTECTED = Plan(dict.fromkeys(EXPOSED, StagePlan(ceiling=WHOLE, start=WHOLE)))
"""The plan of an environment that is not protected: order is kept, nothing else is asked."""
