"""In what a changed trigger would stop less than before; what cannot be compared counts as less."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from triggers.policy import Policy, Reaction
from triggers.trigger import Action, Arming, Rung, Trigger
from triggers.verdict import Lack

_LOOSER_ABOVE = frozenset(
    {
        *("count", "limit", "min_samples", "m", "tolerance", "baseline_min", "run_length"),
        *("amount", "alert", "shutdown"),
        *("interval_s", "hold_s", "cooldown_s"),
    }
)
"""What makes a trigger slower or less sensitive when it grows."""
_LOOSER_BELOW = frozenset({"k", "alpha", "project", "clear_s", "latch"})
"""What does when it falls."""
_ELSEWHERE = frozenset({"key", "method", "arming", "ladder", "policies", "sharing"})
"""Fields that are looked at in another way, or that nobody sets."""
_ARMINGS = tuple(Arming)
_REACTIONS = tuple(Reaction)


@dataclass(frozen=True, slots=True)
class Looser:
    """A part of a trigger that would become looser, and why it counts as that."""

    field: str
    why: str


def loosened(before: Trigger, after: Trigger) -> Iterator[Looser]:
    """Every part in which a trigger would stop less, later or more rarely than before."""
    if _ARMINGS.index(after.arming) < _ARMINGS.index(before.arming):
        yield Looser("arming", f"{after.arming} may do less than {before.arming}")
    yield from _method(before, after)
    for each in fields(Trigger):
        if each.name not in _ELSEWHERE:
            yield from _part(each.name, each.name, getattr(before, each.name), getattr(after, each.name))
    for lack in Lack:
        yield from _policy(lack, before.policies.get(lack), after.policies.get(lack))
    for place, rung in enumerate(before.ladder):
        if not any(_does_as_much(other, rung) for other in after.ladder):
            yield Looser("ladder", f"nothing does as much as its rung {place + 1}, {rung.do}, as early")


def _method(before: Trigger, after: Trigger) -> Iterator[Looser]:
    if before.method.name != after.method.name:
        yield Looser("method", f"{after.method.name} cannot be compared with {before.method.name}")
        return
    old, new = before.method.params(), after.method.params()
    for name in old:
        if name == "limit" and old.get("below") and new.get("below"):
            # What is bad when it is low is looked for less when its limit falls.
            yield from _part(name, "params.limit", new[name], old[name])
        else:
            yield from _part(name, f"params.{name}", old[name], new[name])


def _part(name: str, field: str, before: object, after: object) -> Iterator[Looser]:
    if before == after:
        return
    is_number = isinstance(before, int | float) and isinstance(after, int | float)
    if is_number and name in _LOOSER_ABOVE | _LOOSER_BELOW:
        if (after > before) == (name in _LOOSER_ABOVE):  # type: ignore[operator]
            yield Looser(field, "it would notice later, or less")
        return
    yield Looser(field, "it cannot be told whether it would notice as much")


def _policy(lack: Lack, before: Policy | None, after: Policy | None) -> Iterator[Looser]:
    """What is done about nothing to judge; without a policy of its own it goes by the tier, which may be anything."""
    if before == after:
        return
    if before is None or after is None or before.after_s is None or after.after_s is None:
        is_less = before is None or after is None or _REACTIONS.index(after.do) <= _REACTIONS.index(before.do)
    else:
        is_less = _REACTIONS.index(after.do) < _REACTIONS.index(before.do) or after.after_s > before.after_s
    if is_less:
        yield Looser(f"on_{lack}", "it would do less, or later, about nothing to judge")


def _does_as_much(other: Rung, rung: Rung) -> bool:
    """Whether a rung takes the feature as far down as another one, no later and in no fewer cases."""
    if other.after_s > rung.after_s or other.severity.rank > rung.severity.rank:
        return False
    if other.do is rung.do:
        return rung.do is not Action.NARROW or _is_as_narrow(other, rung)
    return rung.do.moves_traffic and other.do.strength > rung.do.strength


def _is_as_narrow(other: Rung, rung: Rung) -> bool:
    if {"share"} == set(other.args) == set(rung.args):
        return int(other.args["share"]) <= int(rung.args["share"])
    return dict(other.args) == dict(rung.args)
