"""How soon the methods that weigh, burn and count money would notice, told in advance."""

from __future__ import annotations

import random
from statistics import mean
from typing import Any

import pytest

from tests.triggers.cases import MINUTE, trigger_of
from tests.triggers.chances import tripped
from triggers import Detection, Method, Reading, Verdict, detect
from triggers.methods import Budget, BurnRate, Evidence, EvidenceCusum

HOUR, DAY = 3600, 86_400


def told(method: Method, rate: float, planned_s: int = 0, **parts: Any) -> Detection:
    return detect(trigger_of(method, **{"window_s": HOUR, **parts}), rate, planned_s)


@pytest.mark.parametrize(("limit", "longest"), [(0.05, 3000), (0.2, 600)])
def test_evidence_takes_as_long_as_its_exact_mean(limit: float, longest: int) -> None:
    looks = tripped(limit, 0.01, 2 * limit, longest)
    exact = 5 * (1 + sum(1 - chance for _, chance in looks))
    found = told(Evidence(limit=limit), 300)
    assert found.answers == pytest.approx(exact, rel=0.06)
    assert found.expected_s == pytest.approx((found.answers or 0) * 12)


def test_the_probability_of_noticing_in_time_is_exact_too() -> None:
    *_, (_, exact) = tripped(0.2, 0.01, 0.4, 20)
    assert told(Evidence(limit=0.2), 300, planned_s=20 * 60).within == pytest.approx(exact, abs=0.02)


def test_triggers_that_share_take_longer() -> None:
    alone, among = (told(Evidence(limit=0.05), 100, sharing=count).answers for count in (1, 10))
    assert (alone or 0) < (among or 0) < 2 * (alone or 0)


def test_a_cusum_takes_no_longer_than_told() -> None:
    draw, method, seen = random.Random(2), EvidenceCusum(limit=0.2, run_length=1000), []
    for _ in range(60):
        memory, verdict, answers = (), Verdict.OK, 0
        while verdict is Verdict.OK:
            answers += 5
            judged = method.judge(
                memory, Reading.ratio(MINUTE, sum(draw.random() < 0.4 for _ in range(5)), 5)
            )
            memory, verdict = judged.memory, judged.verdict
        seen.append(answers)
    found = told(method, 300).answers or 0
    assert 0.5 * found < mean(seen) < 1.1 * found


def test_a_burn_rate_is_foreseen_by_its_slowest_pair() -> None:
    busy = told(BurnRate(limit=0.01), 600)
    assert busy.expected_s == pytest.approx(10 * 60, abs=60)
    assert busy.sentence.startswith("too-bad: twice 6 times the allowed 1% would be noticed after about 10")
    idle = told(BurnRate(limit=0.01), 20)
    assert idle.expected_s is None
    assert idle.sentence == (
        "too-bad: twice 6 times the allowed 1% would never be noticed: a window of 30 min would hold 10 answers; "
        "100 are needed"
    )


def test_when_money_runs_out_is_not_told_by_answers() -> None:
    assert told(Budget(amount=5, currency="EUR"), 600).sentence == (
        "too-bad: when it would fire cannot be told: EUR are not counted in answers"
    )


def test_a_tiny_limit_is_foreseen_in_time() -> None:
    found = told(Evidence(limit=0.001), 3600, interval_s=10)
    assert found.answers == pytest.approx(15_500, rel=0.05)
