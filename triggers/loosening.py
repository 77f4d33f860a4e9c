"""In what a changed trigger would stop less than before; what cannot be compared counts as less."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from triggers.policy import STRICTEST, Policy, Reaction
from triggers.trigger import Action, Arming, Rung, Trigger
from triggers.verdict import Lack

_LOOSER_ABOVE = frozenset(
    {
        *("count", "limit", "min_samples", "m", "tolerance", "run_length"),
        *("amount", "alert", "shutdown"),
        *("interval_s", "hold_s", "cooldown_s"),
    }
)
"""What makes a trigger slower or less sensitive when it grows."""
_LOOSER_BELOW = frozenset({"k", "alpha", "project", "clear_s", "latch"})
"""What does when it falls. Others, such as ``baseline_min``, do one thing and its contrary: they are not here."""
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
        yield from _policy(lack, before, after)
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


def _policy(lack: Lack, before: Trigger, after: Trigger) -> Iterator[Looser]:
    """What is done about nothing to judge.

    What a trigger leaves out goes by the tier of its feature, which may be raised: so only what does as much as the
    strictest tier is no looser than that, and leaving out what was said may be.
    """
    if before.policies.get(lack) == after.policies.get(lack):
        return
    old, new = before.policies.get(lack) or STRICTEST[lack], after.policies.get(lack)
    if new is None or not _does_as_much_about(lack, (new, after.interval_s), (old, before.interval_s)):
        yield Looser(f"on_{lack}", "it would do less, or later, about nothing to judge")


def _does_as_much_about(lack: Lack, other: tuple[Policy, int], one: tuple[Policy, int]) -> bool:
    """Whether a policy, at its interval, does no less and no later than another one.

    Holding is done at once by whatever tells somebody in the end.
    """
    (new, new_interval_s), (old, old_interval_s) = other, one
    if old.do is Reaction.HOLD and new.tells:
        return True
    is_late = new.wait_s(lack, new_interval_s) > old.wait_s(lack, old_interval_s)
    return _REACTIONS.index(new.do) >= _REACTIONS.index(old.do) and not (
        is_late and old.do is not Reaction.IGNORE
    )


_INSTEAD = {
    Action.NARROW: frozenset({Action.REVIEW, Action.DISABLE}),
    Action.DEMOTE: frozenset({Action.REVIEW, Action.DISABLE}),
}
"""What leaves as little to users unseen as an action, wherever it is done. For all others that is `disable` alone: a
narrowing may be wider than what there is, a revert becomes a hold where no release is to blame."""


def _does_as_much(other: Rung, rung: Rung) -> bool:
    """Whether a rung takes the feature as far down as another one, no later and in no fewer cases."""
    if other.after_s > rung.after_s or other.severity.rank > rung.severity.rank:
        return False
    if other.do is not rung.do:
        return rung.do.moves_traffic and other.do in _INSTEAD.get(rung.do, {Action.DISABLE})
    if rung.do is Action.NARROW:
        return _is_as_narrow(other, rung)
    # Where a revert without force is impossible, what stands further down is done.
    return rung.do is not Action.REVERT or bool(other.args.get("force")) <= bool(rung.args.get("force"))


def _is_as_narrow(other: Rung, rung: Rung) -> bool:
    if {"share"} == set(other.args) == set(rung.args):
        return int(other.args["share"]) <= int(rung.args["share"])
    return dict(other.args) == dict(rung.args)
