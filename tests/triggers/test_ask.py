"""What one evaluation asks: whose answers, and of which time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.triggers.cases import MINUTE, START, at, bad, fresh, good, missing, trigger_of
from triggers import (
    BadParameter,
    Baseline,
    Reading,
    Scope,
    Side,
    Status,
    Verdict,
    Window,
    asks,
    control_window,
    judge,
    step,
    window,
)
from triggers.methods import AnyEvent

STABLE = {"baseline": Baseline.STABLE, "scope": Scope.CANDIDATE}
PREVIOUS = {"baseline": Baseline.PREVIOUS}


def test_without_a_baseline_one_question_is_asked() -> None:
    (ask,) = asks(trigger_of(), fresh(), START)
    assert (ask.side, ask.window) == (Side.SUBJECT, window(trigger_of(), fresh(), START))


def test_the_stable_release_is_asked_about_the_same_time() -> None:
    subject, baseline = asks(trigger_of(**STABLE), fresh(-20), START)
    assert (subject.side, baseline.side) == (Side.SUBJECT, Side.BASELINE)
    assert subject.window == baseline.window == Window(at(-20), START)


@pytest.mark.parametrize(("offset", "back"), [(0, 60), (3600, 3600)])
def test_the_previous_period_is_as_long_and_lies_before(offset: int, back: int) -> None:
    trigger = trigger_of(**PREVIOUS, baseline_offset_s=offset)
    subject, baseline = asks(trigger, fresh(), START)
    assert subject.window == MINUTE
    assert baseline.window == Window(at(-60 - back), at(-back))


def test_a_candidate_is_judged_by_what_the_stable_release_does() -> None:
    trigger = trigger_of(**STABLE)
    assert step(trigger, fresh(), [bad(), bad()], START).verdict is Verdict.OK
    assert step(trigger, fresh(), [bad(), good()], START).verdict is Verdict.BREACH


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(Status.NO_DATA, Verdict.INSUFFICIENT), (Status.ERROR, Verdict.SOURCE_ERROR)],
)
def test_without_a_baseline_there_is_no_telling(status: Status, verdict: Verdict) -> None:
    judged = judge(trigger_of(**STABLE), fresh(), [bad(), missing(status)], START)
    assert judged.verdict is verdict
    assert judged.sentence.startswith("stable baseline: ")


def test_the_previous_period_is_old_by_nature() -> None:
    trigger = trigger_of(**PREVIOUS, max_staleness_s=60)
    assert step(trigger, fresh(), [good(), good(Window(at(-7200), at(-3600)))], START).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("parts", "field", "remedy"),
    [
        ({"method": AnyEvent(), **PREVIOUS}, "baseline", "use another method"),
        ({"baseline": Baseline.STABLE}, "baseline", "set scope to candidate"),
        ({**PREVIOUS, "scope": Scope.CANDIDATE}, "baseline", "set it to stable"),
        ({**PREVIOUS, "baseline_offset_s": 59}, "baseline_offset_s", "give 60 or more"),
        ({**STABLE, "baseline_offset_s": 60}, "baseline_offset_s", "leave it out"),
        ({"baseline_offset_s": 60}, "baseline_offset_s", "set baseline to previous"),
        ({**PREVIOUS, "baseline_offset_s": -1}, "baseline_offset_s", "seconds"),
    ],
)
def test_what_cannot_be_compared_is_refused(parts: dict[str, Any], field: str, remedy: str) -> None:
    with pytest.raises(BadParameter) as refused:
        trigger_of(**parts)
    assert refused.value.field == field
    assert remedy in refused.value.remedy


def test_bare_counts_are_not_compared() -> None:
    counts = [Reading.count(MINUTE, 5), Reading.count(MINUTE, 1)]
    judged = judge(trigger_of(**STABLE), fresh(), counts, START)
    assert judged.verdict is Verdict.SOURCE_ERROR
    assert "cannot be compared" in judged.sentence


def test_the_stable_release_is_looked_at_over_the_window_of_the_trigger() -> None:
    trigger = trigger_of()
    assert control_window(trigger, fresh(-20), START) == window(trigger, fresh(-20), START)
    adding_up = trigger_of(method=AnyEvent())
    assert control_window(adding_up, fresh(-20), START) == Window(at(-adding_up.window_s), START)
