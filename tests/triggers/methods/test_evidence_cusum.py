"""A long good past is no credit, and false alarms are as rare as promised."""

from __future__ import annotations

import random
from statistics import mean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.triggers.cases import MINUTE
from triggers import BadParameter, Reading, Verdict, parse_method
from triggers.methods import Evidence, EvidenceCusum
from triggers.methods.likelihood import NANO

BATCH = 10


def answers(draw: random.Random, rate: float) -> Reading:
    return Reading.ratio(MINUTE, sum(draw.random() < rate for _ in range(BATCH)), BATCH)


def batches_until_alarm(
    method: EvidenceCusum, rate: float, draw: random.Random, memory: tuple[int, ...] = ()
) -> int:
    for batch in range(1, 100_000):
        judged = method.judge(memory, answers(draw, rate))
        if judged.verdict is Verdict.BREACH:
            return batch
        memory = judged.memory
    raise AssertionError("never")


@pytest.mark.parametrize(("rate", "expected"), [(0.10, 335), (0.15, 110), (0.30, 30)])
def test_after_a_long_good_past_a_jump_is_noticed_soon(rate: float, expected: int) -> None:
    draw, method, delays = random.Random(3), EvidenceCusum(limit=0.05, run_length=1000), []
    for _ in range(60):
        memory: tuple[int, ...] = ()
        for _ in range(20):
            # Two thousand good answers in big batches leave it where small ones do: at nothing.
            memory = method.judge(memory, Reading.ratio(MINUTE, 2, 100)).memory
        delays.append(BATCH * batches_until_alarm(method, rate, draw, memory))
    assert median(delays) == pytest.approx(expected, rel=0.3, abs=BATCH)


def test_evidence_since_the_begin_would_take_far_longer() -> None:
    memory, seen = (50_000_000, 40, 2000), 0
    method, draw = Evidence(limit=0.05), random.Random(5)
    while (judged := method.judge(memory, answers(draw, 0.15))).verdict is Verdict.OK:
        memory, seen = judged.memory, seen + BATCH
    assert seen > 500


def test_at_the_limit_itself_a_false_alarm_takes_as_many_evaluations_as_promised() -> None:
    draw, method = random.Random(11), EvidenceCusum(limit=0.2, run_length=50)
    runs = [batches_until_alarm(method, 0.2, draw) for _ in range(60)]
    assert mean(runs) >= 50


@given(st.lists(st.integers(0, 5), max_size=20))
def test_what_is_more_than_enough_is_not_kept(bad: list[int]) -> None:
    method, memory = EvidenceCusum(limit=0.05, run_length=100), ()
    for each in (5, 5, 5, 5, *bad):
        judged = method.judge(memory, Reading.ratio(MINUTE, each, 5))
        memory = judged.memory
        assert judged.numbers["evidence"] <= judged.numbers["needed"] + 3
        assert all(type(part) is int for part in memory)


def test_the_end_of_a_trouble_is_seen_soon() -> None:
    method, memory = EvidenceCusum(limit=0.05, run_length=1000), ()
    for _ in range(500):
        memory = method.judge(memory, Reading.ratio(MINUTE, 10, 10)).memory
    judged = method.judge(memory, Reading.ratio(MINUTE, 0, 60))
    assert judged.verdict is Verdict.OK


def test_the_sentence_counts_since_nothing_spoke_against_it() -> None:
    method = EvidenceCusum(limit=0.05)
    quiet = method.judge((), Reading.ratio(MINUTE, 0, 500))
    assert max(quiet.memory[3:]) < 0
    judged = method.judge(quiet.memory, Reading.ratio(MINUTE, 4, 20))
    assert judged.sentence.startswith("4 of the last 20 answers are bad (20%); the limit is 5%; evidence ")
    more = method.judge(judged.memory, Reading.ratio(MINUTE, 4, 20))
    assert more.sentence.startswith("8 of the last 40 answers are bad")
    assert more.memory[0] == round(0.05 * NANO)


def test_before_enough_answers_nothing_is_judged() -> None:
    method = EvidenceCusum(limit=0.05, min_samples=10)
    first = method.judge((), Reading.ratio(MINUTE, 5, 5))
    assert (first.verdict, first.memory) == (Verdict.INSUFFICIENT, ())
    memory = method.judge((), Reading.ratio(MINUTE, 0, 100)).memory
    few = method.judge(memory, Reading.ratio(MINUTE, 5, 5))
    assert (few.verdict, few.memory) == (Verdict.INSUFFICIENT, memory)


def test_triggers_of_a_feature_make_false_alarms_rarer_together() -> None:
    judged = EvidenceCusum(limit=0.05).judge((), Reading.ratio(MINUTE, 1, 10), sharing=3)
    alone = EvidenceCusum(limit=0.05, run_length=30_000).judge((), Reading.ratio(MINUTE, 1, 10))
    assert judged.numbers["needed"] == alone.numbers["needed"]


def test_alarms_all_the_time_are_refused() -> None:
    with pytest.raises(BadParameter, match=r"params\.run_length: 1 is not in 2 to 1e12; give "):
        parse_method("evidence_cusum", {"limit": 0.05, "run_length": 1})
