"""What the evidence proves: the chance of a false alarm, and how soon something bad is noticed, computed exactly."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.triggers.cases import MINUTE, START, at, fresh, trigger_of
from tests.triggers.chances import median_answers, tripped
from triggers import BadParameter, Baseline, Reading, Scope, Verdict, asks, parse_method, step
from triggers.methods import Evidence
from triggers.methods.likelihood import NANO, evidence, mixture, upper_bound, weights

FIVE = Evidence(limit=0.05)
COUNTS = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted)


@pytest.mark.parametrize("every", [1, 5, 50])
@pytest.mark.parametrize("alpha", [0.01, 0.1])
def test_a_rate_at_the_limit_is_stopped_no_more_often_than_promised_however_often_one_looks(
    alpha: float, every: int
) -> None:
    *_, (_, chance) = tripped(0.05, alpha, 0.05, 2000 // every, every)
    assert alpha / 10 < chance <= alpha


@pytest.mark.parametrize(("rate", "most"), [(0.02, 1e-5), (0.04, 0.0015)])
def test_a_healthy_rate_is_hardly_ever_stopped(rate: float, most: float) -> None:
    *_, (_, chance) = tripped(0.05, 0.01, rate, 400)
    assert chance <= most


@pytest.mark.parametrize(
    ("rate", "answers"), [(0.075, 935), (0.10, 270), (0.15, 75), (0.30, 20)], ids=lambda part: f"{part:g}"
)
def test_a_bad_rate_is_noticed_as_soon_as_the_documentation_says(rate: float, answers: int) -> None:
    assert median_answers(0.05, 0.01, rate, 5) == pytest.approx(answers, rel=0.12, abs=5)


@pytest.mark.parametrize(
    ("limit", "times", "answers"),
    [
        (0.02, 2, 626),
        (0.02, 3, 196),
        (0.02, 5, 62),
        (0.05, 2, 242),
        (0.05, 5, 26),
        (0.1, 2, 113),
        (0.2, 3, 14),
    ],
)
def test_it_takes_so_many_answers_to_notice_a_multiple_of_the_limit(
    limit: float, times: int, answers: int
) -> None:
    assert median_answers(limit, 0.01, limit * times) == pytest.approx(answers, rel=0.1, abs=3)


def test_simulated_features_at_the_limit_are_stopped_as_rarely_as_computed() -> None:
    """The real step over drawn answers, against the exact chance of the same looks."""
    draw, runs, stopped = random.Random(7), 150, 0
    trigger = trigger_of(Evidence(limit=0.2, alpha=0.2))
    for _ in range(runs):
        state = fresh(-60)
        for look in range(60):
            bad = sum(draw.random() < 0.2 for _ in range(10))
            taken = step(trigger, state, [Reading.ratio(MINUTE, bad, 10)], at(look))
            state = taken.state
            if taken.verdict is Verdict.BREACH:
                stopped += 1
                break
    *_, (_, chance) = tripped(0.2, 0.2, 0.2, 60, 10)
    assert stopped / runs == pytest.approx(chance, abs=3 * math.sqrt(chance * (1 - chance) / runs))
    assert chance <= 0.2


@given(st.lists(COUNTS, min_size=1, max_size=8))
def test_splitting_windows_changes_nothing(parts: list[list[int]]) -> None:
    memory: tuple[int, ...] = ()
    for bad, total in parts:
        memory = FIVE.judge(memory, Reading.ratio(MINUTE, bad, total)).memory
    bad, total = (sum(part[place] for part in parts) for place in (0, 1))
    at_once = FIVE.judge((), Reading.ratio(MINUTE, bad, total))
    assert at_once.memory == memory
    if total:
        assert memory == (50_000_000, bad, total)
        assert at_once.numbers["evidence"] == pytest.approx(evidence(50_000_000, bad, total) / NANO, abs=1e-6)


@given(st.integers(1, 799_999_999))
def test_no_answer_speaks_for_a_worse_rate_on_average_while_the_limit_holds(limit: int) -> None:
    p = limit / NANO
    for for_bad, for_good in weights(limit):
        assert p * math.exp(for_bad / NANO) + (1 - p) * math.exp(for_good / NANO) <= 1 + 1e-12


def test_the_mean_of_ratios_is_taken_without_overflow() -> None:
    assert mixture([0, 0]) == 0
    assert mixture([5000 * NANO, -5000 * NANO]) == pytest.approx((5000 - math.log(2)) * NANO, abs=2)


def test_the_sentence_says_how_much_and_how_much_is_needed() -> None:
    judged = FIVE.judge((), Reading.ratio(MINUTE, 20, 140))
    assert judged.verdict is Verdict.BREACH
    assert judged.sentence == (
        "20 of 140 answers are bad (14.3%); the limit is 5%; evidence 7.1 of 4.6 needed"
    )
    assert judged.numbers["needed"] == pytest.approx(math.log(100), abs=1e-5)


def test_triggers_of_a_feature_divide_the_chance_of_a_false_alarm() -> None:
    few = Reading.ratio(MINUTE, 16, 140)
    alone, among = FIVE.judge((), few), FIVE.judge((), few, sharing=4)
    assert (alone.numbers["alpha"], among.numbers["alpha"]) == (0.01, 0.0025)
    assert among.numbers["needed"] == pytest.approx(math.log(400), abs=1e-5)
    assert alone.memory == among.memory
    taken = step(trigger_of(FIVE, sharing=4), fresh(), [few], START)
    assert taken.numbers["shared_by"] == 4


def test_before_enough_answers_nothing_is_judged_and_nothing_lost() -> None:
    method = Evidence(limit=0.05, min_samples=10)
    first = method.judge((), Reading.ratio(MINUTE, 5, 5))
    assert (first.verdict, first.memory) == (Verdict.INSUFFICIENT, ())
    assert first.sentence == "5 of 5 answers are bad (100%); at least 10 are needed to judge"
    assert method.judge((), Reading.ratio(MINUTE, 5, 10)).verdict is Verdict.BREACH
    nothing = method.judge((50_000_000, 1, 20), Reading.ratio(MINUTE, 0, 0))
    assert (nothing.verdict, nothing.memory) == (Verdict.INSUFFICIENT, (50_000_000, 1, 20))


@pytest.mark.parametrize("reading", [Reading.count(MINUTE, 3), Reading.gauge(MINUTE, 0.3)])
def test_only_bad_of_total_is_weighed(reading: Reading) -> None:
    assert FIVE.judge((), reading).verdict is Verdict.SOURCE_ERROR


def test_a_baseline_sets_the_limit_once() -> None:
    trigger = trigger_of(FIVE, scope=Scope.CANDIDATE, baseline=Baseline.STABLE)
    answers, before = Reading.ratio(MINUTE, 12, 140), Reading.ratio(MINUTE, 10, 100)
    assert len(asks(trigger, fresh(), START)) == 2
    taken = step(trigger, fresh(), [answers, before], START)
    limit = upper_bound(10, 100)
    assert (taken.verdict, taken.numbers["limit"]) == (Verdict.OK, pytest.approx(limit, abs=1e-9))
    assert len(asks(trigger, taken.state, at(60))) == 1
    again = step(trigger, taken.state, [answers], at(60))
    assert again.state.memory == (round(limit * NANO), 24, 280)


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (Reading.ratio(MINUTE, 1, 99), "the baseline has 99 answers; 100 are needed to compare"),
        (Reading.gauge(MINUTE, 0.1), "the baseline has 0 answers; 100 are needed to compare"),
        (Reading.ratio(MINUTE, 90, 100), "the baseline allows 93.9%; nothing could be told to be worse"),
    ],
)
def test_a_baseline_that_says_too_little_sets_no_limit(before: Reading, words: str) -> None:
    judged = FIVE.judge((), Reading.ratio(MINUTE, 12, 140), baseline=before)
    assert (judged.verdict, judged.memory, judged.sentence) == (Verdict.INSUFFICIENT, (), words)


def test_the_bound_of_a_baseline_is_near_the_exact_one() -> None:
    """Clopper and Pearson give 2.95 %, 16.37 % and 5.78 %."""
    assert upper_bound(0, 100) == pytest.approx(0.0295, abs=0.004)
    assert upper_bound(10, 100) == pytest.approx(0.1637, abs=0.004)
    assert upper_bound(50, 1000) == pytest.approx(0.0629, abs=0.001)


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": 0.8}, "limit"),
        ({"limit": 0.0}, "limit"),
        ({"alpha": 0.0}, "alpha"),
        ({"alpha": 0.6}, "alpha"),
        ({"min_samples": 0}, "min_samples"),
        ({"baseline_min": 0}, "baseline_min"),
        ({"tolerance": -0.1}, "tolerance"),
    ],
)
def test_what_cannot_be_weighed_is_refused(params: dict[str, float], field: str) -> None:
    with pytest.raises(BadParameter) as refused:
        parse_method("evidence", {"limit": 0.05, **params})
    assert refused.value.field == f"params.{field}"
    assert refused.value.remedy.startswith("give ")


def test_a_limit_just_below_the_highest_still_has_something_worse() -> None:
    assert all(for_bad > 0 > for_good for for_bad, for_good in weights(round(0.7999 * NANO)))
    assert replace(FIVE, limit=0.7999).judge((), Reading.ratio(MINUTE, 60, 60)).verdict is Verdict.BREACH
