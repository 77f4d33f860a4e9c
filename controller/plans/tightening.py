"""A project's own tightening, laid over the plans of the installation."""

from __future__ import annotations

from collections.abc import Callable

from controller.plans.node import Node
from controller.plans.reading import ADDED_UP, STAGE_KEYS, TIER_KEYS, TOP_KEYS
from stages import EXPOSED, Tier

_UNITS = (frozenset({"soak_s", "soak_days"}), frozenset({"release_soak_s", "release_soak_hours"}))


def lay_over(plans: Node, tightening: Node) -> Node:
    """The plans with what the tightening says anew or in addition; whether that is tighter shows when it is read.

    Raises:
        Mistake: The tightening says something that plans cannot say, or defines anew what is defined.
    """
    tightening.only(TOP_KEYS)
    return plans.overlaid(
        Node(
            "",
            {
                "requirements": _united(plans, tightening, "requirements"),
                "criteria": _united(plans, tightening, "criteria"),
                "tiers": _tiers(plans.need("tiers"), tightening.mapping().get("tiers")),
            },
        )
    )


def _united(plans: Node, tightening: Node, name: str) -> Node:
    ours, theirs = plans.under(name), tightening.under(name)
    for key, node in theirs.items():
        if key in ours:
            raise node.mistake(
                "is defined already", "say in the list of a stage what more is asked of it there"
            )
    return Node(name, {**ours, **theirs})


def _tiers(ours: Node, theirs: Node | None) -> Node:
    if theirs is None:
        return ours
    theirs.only([tier.value for tier in Tier], "a tier")
    return ours.overlaid(_each(ours, theirs, _tier))


def _tier(ours: Node, theirs: Node) -> Node:
    theirs.only(TIER_KEYS)
    stages = Node(
        theirs.place, {name: theirs.mapping()[name] for name in EXPOSED if name in theirs.mapping()}
    )
    return ours.overlaid(theirs).overlaid(_each(ours, stages, _stage))


def _stage(ours: Node, theirs: Node) -> Node:
    said = theirs.only(STAGE_KEYS)
    lists = {name: _joined(ours, said[name], name) for name in ADDED_UP if name in said}
    # Two units of the same time would contradict each other.
    dropped = {name for units in _UNITS if units & said.keys() for name in units}
    kept = {name: node for name, node in ours.mapping().items() if name not in dropped}
    return Node(ours.place, {**kept, **said, **lists})


def _joined(ours: Node, theirs: Node, name: str) -> Node:
    return Node(theirs.place, (*ours.get(name, Node.items, ()), *theirs.items()))


def _each(ours: Node, theirs: Node, lay: Callable[[Node, Node], Node]) -> Node:
    return Node(theirs.place, {name: lay(ours.need(name), node) for name, node in theirs.mapping().items()})
