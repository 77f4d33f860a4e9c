from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given

from tests.triggers.cases import rungs, trigger_of, triggers
from triggers import (
    METHODS,
    Action,
    Arming,
    Lack,
    Policy,
    Reaction,
    Rung,
    Severity,
    Trigger,
    TriggerClass,
    loosened,
    parse_method,
)
from triggers.loosening import _ELSEWHERE, _LOOSER_ABOVE, _LOOSER_BELOW

LADDER = rungs((Action.NOTIFY, 0), (Action.REVIEW, 0), (Action.REVERT, 60))
TRIGGER = trigger_of(ladder=LADDER, arming=Arming.ACT, hold_s=10, clear_s=10, latch=False)


def changed(**parts: Any) -> Trigger:
    return replace(TRIGGER, **parts)


def fields_of(before: Trigger, after: Trigger) -> list[str]:
    found = [*loosened(before, after)]
    assert all(looser.why for looser in found)
    return [looser.field for looser in found]


@given(triggers())
def test_a_trigger_is_no_looser_than_itself(trigger: Trigger) -> None:
    assert fields_of(trigger, trigger) == []


@pytest.mark.parametrize(
    ("tighter", "looser", "field"),
    [
        ({"hold_s": 9}, {"hold_s": 11}, "hold_s"),
        ({"clear_s": 11}, {"clear_s": 9}, "clear_s"),
        ({"latch": True}, {"latch": False}, "latch"),
        ({"interval_s": 5}, {"interval_s": 20}, "interval_s"),
        ({"cooldown_s": 0}, {"cooldown_s": 20}, "cooldown_s"),
        ({"arming": Arming.ACT}, {"arming": Arming.SHADOW}, "arming"),
        ({"arming": Arming.ACT}, {"arming": Arming.HOLD}, "arming"),
    ],
)
def test_each_part_is_looser_in_one_direction(tighter: Any, looser: Any, field: str) -> None:
    assert fields_of(changed(**looser), changed(**tighter)) == []
    assert fields_of(changed(**tighter), changed(**looser)) == [field]


@pytest.mark.parametrize(
    ("method", "tighter", "looser", "field"),
    [
        ("any_event", {"count": 1}, {"count": 2}, "count"),
        ("threshold", {"limit": 0.1}, {"limit": 0.2}, "limit"),
        ("threshold", {"limit": 0.2, "below": 1}, {"limit": 0.1, "below": 1}, "limit"),
        ("threshold", {"limit": 0.1, "m": 1, "k": 5}, {"limit": 0.1, "m": 2, "k": 5}, "m"),
        ("threshold", {"limit": 0.1, "m": 2, "k": 5}, {"limit": 0.1, "m": 2, "k": 3}, "k"),
        ("evidence", {"limit": 0.1, "alpha": 0.05}, {"limit": 0.1, "alpha": 0.01}, "alpha"),
        ("evidence_cusum", {"limit": 0.1}, {"limit": 0.1, "run_length": 1_000_000}, "run_length"),
        ("burn_rate", {"limit": 0.01}, {"limit": 0.02}, "limit"),
        ("budget", {"amount": 100}, {"amount": 200}, "amount"),
    ],
)
def test_each_parameter_is_looser_in_one_direction(
    method: str, tighter: Any, looser: Any, field: str
) -> None:
    strict = changed(method=parse_method(method, tighter))
    loose = changed(method=parse_method(method, looser))
    assert fields_of(loose, strict) == []
    assert fields_of(strict, loose) == [f"params.{field}"]


@pytest.mark.parametrize("method", METHODS)
def test_of_each_number_of_a_method_the_direction_is_known(method: str) -> None:
    numbers = {each.name for each in fields(METHODS[method]) if each.type in ("int", "float")}
    assert numbers <= _LOOSER_ABOVE | _LOOSER_BELOW | {"below", "baseline_min"}


def test_every_field_of_a_trigger_is_compared() -> None:
    changes = {
        "window_s": TRIGGER.window_s + 1,
        "max_staleness_s": 1,
        "trigger_class": TriggerClass.LATENCY,
    }
    for name, value in changes.items():
        assert fields_of(TRIGGER, changed(**{name: value})) == [name]
    assert {each.name for each in fields(Trigger)} >= _ELSEWHERE


def test_what_cannot_be_compared_counts_as_looser() -> None:
    assert fields_of(TRIGGER, changed(method=parse_method("any_event", {}))) == ["method"]
    before, after = (changed(method=parse_method("threshold", {"limit": 1, "below": b})) for b in (0, 1))
    assert fields_of(before, after) == ["params.below"]


@pytest.mark.parametrize(
    ("ladder", "count"),
    [
        (rungs((Action.NOTIFY, 0), (Action.DISABLE, 0)), 0),
        (rungs((Action.NOTIFY, 0), (Action.REVIEW, 0), (Action.REVERT, 30), (Action.NARROW, 30)), 0),
        (rungs((Action.NOTIFY, 0), (Action.REVIEW, 0), (Action.REVERT, 61)), 1),
        (rungs((Action.NOTIFY, 0), (Action.NARROW, 0), (Action.REVERT, 60)), 1),
        (rungs((Action.REVIEW, 0), (Action.REVERT, 60)), 1),
        (rungs((Action.NOTIFY, 0)), 2),
        (rungs((Action.NOTIFY, 0), (Action.REVERT, 0)), 1),
    ],
)
def test_a_ladder_is_looser_where_nothing_does_as_much_as_early(ladder: Any, count: int) -> None:
    assert fields_of(TRIGGER, changed(ladder=ladder)) == ["ladder"] * count


@pytest.mark.parametrize(
    ("before", "after", "count"),
    [
        ({"share": 100}, {"share": 50}, 0),
        ({"share": 100}, {"share": 200}, 1),
        ({"share": 100}, {}, 1),
        ({"to": "staff"}, {"to": "staff"}, 0),
        ({"to": "staff"}, {"to": "few"}, 1),
        ({}, {}, 0),
    ],
)
def test_a_narrowing_is_as_narrow_by_the_same_name_or_a_smaller_share(
    before: Any, after: Any, count: int
) -> None:
    old, new = (changed(ladder=(Rung(Action.NARROW, 0, args),)) for args in (before, after))
    assert fields_of(old, new) == ["ladder"] * count


@pytest.mark.parametrize(
    ("before", "after", "count"),
    [
        (Rung(Action.HOLD), Rung(Action.NARROW, 0, {"share": 10_000}), 1),
        (Rung(Action.HOLD), Rung(Action.REVIEW), 1),
        (Rung(Action.HOLD), Rung(Action.DISABLE), 0),
        (Rung(Action.NARROW, 0, {"share": 100}), Rung(Action.DEMOTE), 1),
        (Rung(Action.NARROW, 0, {"share": 100}), Rung(Action.REVIEW), 0),
        (Rung(Action.DEMOTE), Rung(Action.REVIEW), 0),
        (Rung(Action.REVERT), Rung(Action.REVERT, 0, {"force": True}), 1),
        (Rung(Action.REVERT, 0, {"force": True}), Rung(Action.REVERT), 0),
        (Rung(Action.UPDATE_EVAL_SET), Rung(Action.DISABLE), 1),
    ],
)
def test_a_rung_is_replaced_only_by_what_does_as_much_wherever_it_is_done(
    before: Rung, after: Rung, count: int
) -> None:
    assert fields_of(changed(ladder=(before,)), changed(ladder=(after,))) == ["ladder"] * count


def test_how_many_answers_a_baseline_needs_is_looser_either_way() -> None:
    # The fewer they are, the higher is the bound of their share, and with it the limit.
    few, many = (
        changed(method=parse_method("evidence", {"limit": 0.1, "baseline_min": n})) for n in (1, 100)
    )
    assert fields_of(few, many) == fields_of(many, few) == ["params.baseline_min"]


def test_a_rung_that_waits_for_worse_is_looser() -> None:
    warning = changed(ladder=(Rung(Action.REVIEW, 0, {}, Severity.WARNING),))
    critical = changed(ladder=(Rung(Action.REVIEW),))
    assert fields_of(warning, critical) == ["ladder"]
    assert fields_of(critical, warning) == []


HOLD, NOTIFY, ACT = (Policy(do, 60) for do in (Reaction.HOLD, Reaction.NOTIFY, Reaction.ACT))
GRACE_S = 3 * TRIGGER.interval_s


@pytest.mark.parametrize(
    ("before", "after", "is_looser"),
    [
        (HOLD, HOLD, False),
        (HOLD, ACT, False),
        (ACT, HOLD, True),
        (HOLD, Policy(Reaction.HOLD, 61), True),
        (HOLD, Policy(Reaction.HOLD, 59), False),
        (HOLD, Policy(Reaction.HOLD), False),
        (Policy(Reaction.HOLD), HOLD, True),
        (Policy(Reaction.HOLD), Policy(Reaction.NOTIFY, 86_400), False),
        (NOTIFY, Policy(Reaction.ACT, 86_400), True),
        (Policy(Reaction.NOTIFY), Policy(Reaction.ACT, 86_400), True),
        (Policy(Reaction.NOTIFY), Policy(Reaction.ACT), False),
        (Policy(Reaction.NOTIFY), Policy(Reaction.NOTIFY, 0), False),
        (Policy(Reaction.IGNORE), Policy(Reaction.HOLD, 86_400), False),
        (HOLD, None, True),
        (None, HOLD, True),
        (None, Policy(Reaction.NOTIFY), False),
        (None, Policy(Reaction.ACT, GRACE_S), False),
        (None, Policy(Reaction.ACT, GRACE_S + 1), True),
    ],
)
def test_a_policy_is_looser_if_it_does_less_or_later(
    before: Policy | None, after: Policy | None, *, is_looser: bool
) -> None:
    old, new = (changed(policies={Lack.STALE: policy} if policy else {}) for policy in (before, after))
    assert fields_of(old, new) == ["on_stale"] * is_looser
