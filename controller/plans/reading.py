"""Plans per tier, from nodes; stages add up, so that each says only what is new in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from controller.plans.definitions import (
    CRITERION_OVERRIDES,
    REQUIREMENT_OVERRIDES,
    read_criterion,
    read_requirement,
)
from controller.plans.node import Mistake, Node, one_of
from stages import EXPOSED, Autonomy, Plan, Requirement, StagePlan, Step, Tier
from triggers import TriggerClass

TOP_KEYS = ("requirements", "criteria", "tiers")
TIER_KEYS = ("good_after_days", "pinned_models", *(stage.value for stage in EXPOSED))
STAGE_KEYS = (
    "ceiling",
    "start",
    "autonomy",
    "soak_s",
    "soak_days",
    "min_samples",
    "approvals",
    "approver_groups",
    "armed_triggers",
    "trigger_classes",
    "requirements",
    "ramp",
    "exit_criteria",
    "planned_days",
    "release_approvals",
    "release_soak_s",
    "release_soak_hours",
    "release_min_samples",
)
STEP_KEYS = ("share", "hold_s", "hold_hours", "min_samples", "approvals")
ADDED_UP = ("requirements", "exit_criteria", "trigger_classes", "approver_groups")
"""The lists of a stage that are added to those of the stage before."""

Definitions = Mapping[str, Node]


def read_plans(top: Node) -> tuple[dict[Tier, Plan], dict[str, Requirement]]:
    """The plan of each tier, and the requirements as they are defined.

    Raises:
        Mistake: Something cannot be understood, or a stage is laxer than the one before it.
    """
    top.only(TOP_KEYS)
    requirements, criteria = top.under("requirements"), top.under("criteria")
    defined = {key: read_requirement(key, node) for key, node in requirements.items()}
    for key, node in criteria.items():
        read_criterion(key, node)
    tiers = top.need("tiers")
    tiers.only([tier.value for tier in Tier], "a tier")
    return {tier: _plan(tiers.need(tier), requirements, criteria) for tier in Tier}, defined


@dataclass(slots=True)
class _SoFar:
    """What the stages up to here have asked for."""

    requirements: dict[str, Node] = field(default_factory=dict)
    criteria: dict[str, Node] = field(default_factory=dict)
    trigger_classes: dict[str, None] = field(default_factory=dict)
    approver_groups: dict[str, None] = field(default_factory=dict)

    def take(self, step: Node, requirements: Definitions, criteria: Definitions) -> None:
        """Add what a stage lists."""
        _gather(self.requirements, step, "requirements", requirements, REQUIREMENT_OVERRIDES)
        _gather(self.criteria, step, "exit_criteria", criteria, CRITERION_OVERRIDES)
        self.trigger_classes |= dict.fromkeys(step.get("trigger_classes", _classes, ()))
        self.approver_groups |= dict.fromkeys(step.get("approver_groups", Node.texts, ()))


def _plan(tier: Node, requirements: Definitions, criteria: Definitions) -> Plan:
    tier.only(TIER_KEYS)
    so_far, stages = _SoFar(), {}
    for stage in EXPOSED:
        step = tier.need(stage)
        step.only(STAGE_KEYS)
        so_far.take(step, requirements, criteria)
        stages[stage] = _stage_plan(step, so_far)
    good_after_s = tier.get("good_after_days", Node.days, 0)
    pinned_models = tier.get("pinned_models", Node.flag, default=False)
    try:
        return Plan(stages, good_after_s, pinned_models)
    except ValueError as error:
        raise tier.mistake(str(error), "ask in each stage for no less than in the one before") from error


def _stage_plan(step: Node, so_far: _SoFar) -> StagePlan:
    ramp = tuple(_step(item) for item in step.get("ramp", Node.items, ()))
    return StagePlan(
        ceiling=step.need("ceiling").whole(),
        start=ramp[0].share if ramp and "start" not in step.mapping() else step.need("start").whole(),
        autonomy=step.get("autonomy", one_of(Autonomy), Autonomy.EXECUTE),
        soak_s=_seconds(step, "soak_s", "soak_days"),
        min_samples=step.get("min_samples", Node.whole, 0),
        approvals=step.get("approvals", Node.whole, 0),
        approver_groups=tuple(so_far.approver_groups),
        armed_triggers=step.get("armed_triggers", Node.whole, 0),
        trigger_classes=tuple(so_far.trigger_classes),
        requirements=tuple(read_requirement(key, node) for key, node in so_far.requirements.items()),
        ramp=ramp,
        exit_criteria=tuple(read_criterion(key, node) for key, node in so_far.criteria.items()),
        planned_s=step.get("planned_days", Node.days, 0),
        release_approvals=step.get("release_approvals", Node.whole, 0),
        release_soak_s=_seconds(step, "release_soak_s", "release_soak_hours"),
        release_min_samples=step.get("release_min_samples", Node.whole, 0),
    )


def _step(node: Node) -> Step:
    node.only(STEP_KEYS)
    return Step(
        share=node.need("share").whole(),
        hold_s=_seconds(node, "hold_s", "hold_hours"),
        min_samples=node.get("min_samples", Node.whole, 0),
        approvals=node.get("approvals", Node.whole, 0),
    )


def _seconds(node: Node, exact: str, handy: str) -> int:
    """A time that may be given in seconds or in a handier unit."""
    if exact in node.mapping() and handy in node.mapping():
        raise node.need(handy).mistake(f"is given besides {exact}", "give one of the two")
    read = Node.days if handy.endswith("_days") else Node.hours
    return node.get(exact, Node.seconds, node.get(handy, read, 0))


def _classes(node: Node) -> tuple[str, ...]:
    return tuple(item.word(TriggerClass).value for item in node.items())


def _gather(
    gathered: dict[str, Node], step: Node, name: str, known: Definitions, changeable: Collection[str]
) -> None:
    """Add the entries of a list to those gathered, each with what it says anew."""
    for entry in step.get(name, Node.items, ()):
        key, anew = _entry(entry)
        if key not in known:
            raise Mistake(
                entry.place, f"{key!r} is not defined", f"define it, or use one of {', '.join(known)}"
            )
        anew.only(changeable, "something a stage may say anew")
        gathered[key] = gathered.get(key, known[key]).overlaid(anew)


def _entry(node: Node) -> tuple[str, Node]:
    """A key, alone or with what is said anew of it."""
    if not isinstance(node.value, Mapping):
        return node.text(), Node(node.place, {})
    if len(node.value) != 1:
        raise node.mistake("names more than one thing, or none", "begin a new item of the list for each")
    ((key, anew),) = node.value.items()
    return key, anew
