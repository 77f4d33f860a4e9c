"""A trigger as JSON, so that it can be kept, and a verdict be passed again by the very rule it was passed by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from triggers.methods import parse_method
from triggers.policy import Policies, Policy, Reaction
from triggers.trigger import Action, Arming, Baseline, Rung, Scope, Trigger, TriggerClass
from triggers.verdict import Lack, Severity

T = TypeVar("T")


def rule_to_json(trigger: Trigger) -> dict[str, Any]:
    """The trigger as JSON types, without how many it shares with; `rule_from_json` turns it back."""
    return {
        "key": trigger.key,
        "method": trigger.method.name,
        "params": trigger.method.params(),
        "window_s": trigger.window_s,
        "interval_s": trigger.interval_s,
        "hold_s": trigger.hold_s,
        "clear_s": trigger.clear_s,
        "cooldown_s": trigger.cooldown_s,
        "latch": trigger.latch,
        "max_staleness_s": trigger.max_staleness_s,
        "trigger_class": trigger.trigger_class.value,
        "arming": trigger.arming.value,
        "scope": trigger.scope.value,
        "baseline": trigger.baseline.value,
        "baseline_offset_s": trigger.baseline_offset_s,
        "policies": policies_to_json(trigger.policies),
        "use_partial": trigger.use_partial,
        "ladder": [rung_to_json(rung) for rung in trigger.ladder],
    }


def rung_to_json(rung: Rung) -> dict[str, Any]:
    """A rung as JSON types."""
    args = dict(rung.args)
    return {"do": rung.do.value, "after_s": rung.after_s, "args": args, "severity": rung.severity.value}


def rule_from_json(stored: Mapping[str, Any], sharing: int = 1) -> Trigger:
    """Read a stored trigger.

    Raises:
        ValueError: It is no trigger; so are BadParameter and what the enumerations raise.
        TypeError: A part of it has another type.
        KeyError: A part of it is missing.
    """
    return Trigger(
        key=stored["key"],
        method=parse_method(stored["method"], stored["params"]),
        window_s=_typed(int, stored["window_s"]),
        interval_s=_typed(int, stored["interval_s"]),
        hold_s=_typed(int, stored["hold_s"]),
        clear_s=_typed(int, stored["clear_s"]),
        cooldown_s=_typed(int, stored["cooldown_s"]),
        latch=_typed(bool, stored["latch"]),
        max_staleness_s=_typed(int, stored["max_staleness_s"]),
        # One from before there were classes has none.
        trigger_class=TriggerClass(stored["trigger_class"] or TriggerClass.OTHER),
        arming=Arming(stored["arming"]),
        scope=Scope(stored["scope"]),
        baseline=Baseline(stored["baseline"]),
        baseline_offset_s=_typed(int, stored["baseline_offset_s"]),
        policies=_policies(stored["policies"]),
        use_partial=_typed(bool, stored["use_partial"]),
        sharing=sharing,
        ladder=tuple(_rung(rung) for rung in _typed(list, stored["ladder"])),
    )


def policies_to_json(policies: Policies) -> dict[str, dict[str, Any]]:
    """Policies as JSON types, by what they are for."""
    return {
        lack.value: {"do": policy.do.value, "after_s": policy.after_s} for lack, policy in policies.items()
    }


def _policies(stored: Any) -> Policies:
    if stored is None:
        return {}
    return {Lack(lack): _policy(policy) for lack, policy in _typed(dict, stored).items()}


def _policy(stored: Any) -> Policy:
    after_s = stored["after_s"]
    return Policy(Reaction(stored["do"]), None if after_s is None else _typed(int, after_s))


def _rung(stored: Any) -> Rung:
    args = _typed(dict, stored["args"])
    if not all(isinstance(arg, int | str) for arg in args.values()):
        raise TypeError(f"{args!r} are not the arguments of a rung")
    severity = Severity(stored.get("severity", Severity.CRITICAL))
    return Rung(Action(stored["do"]), _typed(int, stored["after_s"]), dict(args), severity)


def _typed(kind: type[T], stored: object) -> T:
    if not isinstance(stored, kind) or (kind is int and isinstance(stored, bool)):
        raise TypeError(f"{stored!r} is not {kind.__name__}")
    return stored
