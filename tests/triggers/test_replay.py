"""The past, judged by the code that judges the present."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.triggers.cases import START, at, fresh, rungs, trigger_of, triggers
from triggers import (
    MOST,
    Action,
    Ask,
    History,
    Method,
    Phase,
    Plant,
    Reading,
    Replay,
    State,
    Status,
    TooLong,
    Trigger,
    Verdict,
    Window,
    asks,
    enter_epoch,
    replay,
    step,
    tiles,
)
from triggers.methods import AnyEvent, Evidence, Threshold

LADDER = rungs((Action.REVIEW, 0), (Action.DISABLE, 120))


def history(*bad: int, total: int = 10) -> History:
    windows = tiles([at(60 * place) for place in range(1, len(bad) + 1)], START)
    return History.of(Reading.ratio(window, each, total) for window, each in zip(windows, bad, strict=True))


def replayed(bad: Sequence[int], method: Method | None = None, **parts: object) -> Replay:
    past = history(*bad)
    trigger = trigger_of(method, ladder=LADDER, **parts)
    return replay(trigger, lambda ask: past.answer(ask.window), START, at(60 * len(bad)))


def test_each_firing_is_told_with_its_reasons_and_what_the_ladder_would_have_done() -> None:
    found = replayed([0, 5, 5, 5, 0, 0, 3, 0])
    assert [(fired.at, fired.until) for fired in found.fired] == [(at(120), at(300)), (at(420), at(480))]
    first = found.fired[0]
    assert first.actions == ((at(120), Action.REVIEW), (at(240), Action.DISABLE))
    assert (first.sentence, first.window) == (
        "5 of 10 are bad (50%); the limit is 10%",
        Window(at(60), at(120)),
    )
    assert found.verdicts == {Verdict.OK: 4, Verdict.BREACH: 4}
    assert found.evaluations == 8


def test_what_still_fires_at_the_end_has_no_end() -> None:
    assert [fired.until for fired in replayed([0, 5]).fired] == [None]


def test_a_latch_is_acknowledged_after_a_while() -> None:
    bad = [1, *[0] * 70, 1]
    found = replayed(bad, AnyEvent(), latch=True)
    assert [fired.at for fired in found.fired] == [at(60), at(72 * 60)]


def test_false_alarms_are_those_while_nothing_was_wrong() -> None:
    found = replayed([0, 5, 0, 5, 0, 0, 0, 0, 0, 0])
    month = timedelta(days=30)
    assert found.false_alarms_per_month() == pytest.approx(2 * (month / timedelta(minutes=10)))
    real = Window(at(60), at(180))
    assert found.false_alarms_per_month([real]) == pytest.approx(month / timedelta(minutes=8))
    assert found.false_alarms_per_month([Window(START, at(600))]) == 0


def test_a_planted_degradation_is_noticed_after_some_time() -> None:
    past = history(*[0] * 60)
    worse = past.planted(Plant(at(1800), share=0.5))
    found = replay(trigger_of(Evidence(limit=0.1)), lambda ask: worse.answer(ask.window), START, at(3600))
    (fired,) = found.fired
    assert found.noticed_after(at(1800)) == fired.at - at(1800) == timedelta(minutes=14)
    assert found.noticed_after(fired.at + timedelta(minutes=1)) == timedelta(0)
    assert replayed([0] * 5).noticed_after(START) is None


def test_a_chart_has_a_thousand_points_at_most_and_keeps_every_breach_in_sight() -> None:
    bad = [0] * 2500
    bad[1234] = 5
    found = replayed(bad)
    assert len(found.chart) <= 1000
    assert [drawn.statistic for drawn in found.chart if drawn.verdict is Verdict.BREACH] == [0.5]
    assert {drawn.line for drawn in found.chart} == {0.1}


def test_what_could_not_be_told_has_no_point_on_the_line() -> None:
    found = replay(
        trigger_of(), lambda ask: Reading.missing(Status.ERROR, ask.window, "away"), START, at(120)
    )
    assert [(drawn.statistic, drawn.line) for drawn in found.chart] == [(None, None)] * 2


def test_a_span_that_is_too_short_has_no_evaluations_and_one_too_long_is_refused() -> None:
    assert replayed([]).chart == ()
    with pytest.raises(TooLong, match=f"more than {MOST}"):
        replay(trigger_of(), history().answer, START, START + timedelta(minutes=MOST + 1))  # type: ignore[arg-type]


@settings(max_examples=25)
@given(triggers(), st.lists(st.integers(0, 10), max_size=30))
def test_a_replay_says_what_the_trigger_would_have_said_live(trigger: Trigger, bad: list[int]) -> None:
    past = history(*bad)

    def answer(ask: Ask) -> Reading:
        return past.answer(ask.window)

    found = replay(trigger, answer, START, at(60 * len(bad)), 10**9)
    state, verdicts, began = enter_epoch(State(epoch_at=START), "live", START), [], []
    for place in range(1, len(bad) + 1):
        taken = step(
            trigger, state, [answer(ask) for ask in asks(trigger, state, at(60 * place))], at(60 * place)
        )
        if taken.state.phase is Phase.FIRING and state.phase is not Phase.FIRING:
            began.append(taken.state.since)
        state = taken.state
        verdicts.append(taken.verdict)
    assert [drawn.verdict for drawn in found.chart] == verdicts
    assert [fired.at for fired in found.fired] == began


def test_two_settings_are_compared_by_replaying_both() -> None:
    bad = [0, 2, 0, 2, 0, 2]
    strict, lax = (replayed(bad, Threshold(limit=limit)) for limit in (0.1, 0.3))
    assert (len(strict.fired), len(lax.fired)) == (3, 0)
    assert fresh().phase is Phase.QUIET
