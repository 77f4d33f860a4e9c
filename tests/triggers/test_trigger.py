"""What a trigger may be made of."""

from __future__ import annotations

from typing import Any

import pytest

from tests.triggers.cases import rungs, trigger_of
from triggers import Action, Arming, BadParameter, Scope

YEAR_S = 366 * 24 * 3600


def test_only_telling_somebody_or_opening_a_task_leaves_traffic_alone() -> None:
    quiet = {action for action in Action if not action.moves_traffic}
    assert quiet == {Action.NOTIFY, Action.REFRESH_DATA, Action.UPDATE_EVAL_SET}


def test_a_new_trigger_only_watches() -> None:
    trigger = trigger_of()
    assert trigger.arming is Arming.SHADOW
    assert trigger.scope is Scope.ALL
    assert not trigger.latch


@pytest.mark.parametrize("name", ["window_s", "interval_s"])
@pytest.mark.parametrize("seconds", [0, -1, YEAR_S + 1])
def test_a_window_and_an_interval_have_a_length_of_up_to_a_year(name: str, seconds: int) -> None:
    parts: dict[str, Any] = {name: seconds}
    with pytest.raises(BadParameter) as refused:
        trigger_of(**parts)
    assert (refused.value.field, refused.value.remedy) == (name, f"give 1 to {YEAR_S} seconds")


@pytest.mark.parametrize("name", ["hold_s", "clear_s", "max_staleness_s"])
@pytest.mark.parametrize("seconds", [-1, YEAR_S + 1])
def test_waiting_times_are_not_negative_and_end_within_a_year(name: str, seconds: int) -> None:
    parts: dict[str, Any] = {name: seconds}
    with pytest.raises(BadParameter) as refused:
        trigger_of(**parts)
    assert refused.value.field == name


def test_the_longest_and_the_shortest_times_are_taken() -> None:
    names = ("window_s", "interval_s", "hold_s", "clear_s", "max_staleness_s")
    parts: dict[str, Any] = dict.fromkeys(names, YEAR_S)
    assert trigger_of(**parts).hold_s == YEAR_S
    assert trigger_of(window_s=1, interval_s=1, hold_s=0, clear_s=0, max_staleness_s=0).window_s == 1


def test_rungs_come_in_the_order_of_their_waiting_times() -> None:
    with pytest.raises(BadParameter) as refused:
        trigger_of(ladder=rungs((Action.REVIEW, 0), (Action.DISABLE, 1800), (Action.REVERT, 900)))
    assert refused.value.field == "ladder[2].after_s"
    assert refused.value.message == f"900 is not in 1800 to {YEAR_S}"


def test_the_first_rung_does_not_wait_a_negative_time() -> None:
    with pytest.raises(BadParameter):
        trigger_of(ladder=rungs((Action.REVIEW, -1)))


def test_rungs_may_share_a_waiting_time_and_a_ladder_may_be_empty() -> None:
    ladder = rungs((Action.NOTIFY, 60), (Action.REVIEW, 60))
    assert trigger_of(ladder=ladder).ladder == ladder
    assert trigger_of(ladder=()).ladder == ()


def test_each_move_is_stronger_than_those_that_let_more_through() -> None:
    weakest_first = sorted(Action, key=lambda action: action.strength)
    moves = [action.value for action in weakest_first if action.moves_traffic]
    assert moves == ["hold", "narrow", "demote", "review", "revert", "disable"]
    assert {action.strength for action in Action if not action.moves_traffic} == {-1}
