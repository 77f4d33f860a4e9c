"""How long a trigger would take, told in advance and held against simulated traffic."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from itertools import count
from statistics import mean
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.triggers.cases import START, at
from triggers import Action, Method, Phase, Reading, Rung, State, Trigger, enter_epoch, step, window
from triggers.detection import _binomial, detect
from triggers.methods import AnyEvent, Threshold
from triggers.verdict import Judgement, Verdict

HOUR, DAY = 3600, 86_400


def trigger_of(method: Method, **times: int) -> Trigger:
    return Trigger(
        key="errors",
        method=method,
        ladder=(Rung(Action.REVIEW),),
        **{"window_s": HOUR, "interval_s": 60} | times,
    )


def arrivals(rate: float, rng: random.Random, *, even: bool) -> Iterator[float]:
    """When answers arrive, in seconds after the start: evenly, or at random at the same rate."""
    time = 0.0
    while True:
        time += HOUR / rate if even else rng.expovariate(rate / HOUR)
        yield time


def simulated(trigger: Trigger, rate: float, share: float, rng: random.Random, *, even: bool = True) -> float:
    """When the trigger itself fires on answers of which a share is bad, in seconds after the start."""
    state, seen, coming = (
        enter_epoch(State(epoch_at=START), "r-1", START),
        deque[tuple[float, bool]](),
        arrivals(rate, rng, even=even),
    )
    following = next(coming)
    for seconds in count(trigger.interval_s, trigger.interval_s):
        while following <= seconds:
            seen.append((following, rng.random() < share))
            following = next(coming)
        span = window(trigger, state, at(seconds))
        while seen and seen[0][0] <= (span.start - START).total_seconds():
            seen.popleft()
        reading = Reading.ratio(span, sum(bad for _, bad in seen), len(seen))
        state = step(trigger, state, [reading], at(seconds)).state
        if state.phase is Phase.FIRING:
            return seconds
    raise AssertionError("it counts without end")


NAMES = ("method", "times", "rate", "share", "longest")
CASES: list[Any] = [
    pytest.param(
        Threshold(limit=0.1, min_samples=20), {"window_s": DAY, "interval_s": 300}, 24, 0.2, 1.0, id="grows"
    ),
    pytest.param(
        Threshold(limit=0.1, min_samples=5), {"window_s": 600, "interval_s": 600}, 60, 0.2, 1.0, id="apart"
    ),
    pytest.param(
        Threshold(limit=0.1, min_samples=5, m=2, k=2),
        {"window_s": 600, "interval_s": 600},
        90,
        0.2,
        1.0,
        id="in-a-row",
    ),
    pytest.param(
        Threshold(limit=0.2, min_samples=5), {"window_s": 600, "hold_s": 120}, 120, 0.4, 1.25, id="held"
    ),
    pytest.param(Threshold(limit=0.1, min_samples=5), {"window_s": 600}, 60, 0.2, 1.3, id="overlap"),
    pytest.param(
        Threshold(limit=0.1, min_samples=5, m=2, k=4),
        {"window_s": 600, "interval_s": 600},
        90,
        0.2,
        1.8,
        id="m-of-k",
    ),
    pytest.param(AnyEvent(count=2), {}, 120, 0.01, 1.0, id="any-event"),
    pytest.param(Threshold(limit=0.0), {}, 60, 0.01, 1.7, id="nothing-allowed"),
]


@pytest.mark.parametrize(NAMES, CASES)
def test_the_forecast_is_what_simulated_traffic_shows(
    method: Method, times: dict[str, int], rate: float, share: float, longest: float
) -> None:
    """The mean of 400 runs lies within 10 % of the forecast, or below it by as much as the model says too much."""
    trigger, rng = trigger_of(method, **times), random.Random(7)
    seen = mean(simulated(trigger, rate, share, rng) for _ in range(400))
    told = detect(trigger, rate).expected_s
    assert told is not None
    assert 0.9 <= told / seen <= longest * 1.1


@pytest.mark.parametrize(NAMES, [CASES[0], CASES[6]])
def test_answers_that_come_in_bursts_change_little(
    method: Method, times: dict[str, int], rate: float, share: float, longest: float
) -> None:
    trigger, rng = trigger_of(method, **times), random.Random(11)
    seen = mean(simulated(trigger, rate, share, rng, even=False) for _ in range(400))
    told = detect(trigger, rate).expected_s
    assert told == pytest.approx(seen, rel=0.15)


@pytest.mark.parametrize(NAMES, [CASES[0], CASES[1], CASES[2], CASES[6]])
def test_the_probability_is_what_simulated_traffic_shows(
    method: Method, times: dict[str, int], rate: float, share: float, longest: float
) -> None:
    trigger, rng = trigger_of(method, **times), random.Random(13)
    told = detect(trigger, rate).expected_s
    assert told is not None
    planned = int(told)
    within = detect(trigger, rate, planned).within
    seen = mean(simulated(trigger, rate, share, rng) <= planned for _ in range(400))
    assert within == pytest.approx(seen, abs=0.08)


def test_the_sentence_says_answers_time_and_traffic() -> None:
    found = detect(trigger_of(Threshold(limit=0.1, min_samples=50), window_s=DAY), 24)
    assert found.sentence == (
        "errors: twice the limit (20%) would be noticed after about 51 answers, 2.1 h at 24 answers an hour"
    )
    assert found.within is None
    assert found.answers == pytest.approx(50, abs=1)


def test_only_answers_that_are_judged_are_noticed() -> None:
    trigger = trigger_of(Threshold(limit=0.1, min_samples=20), window_s=DAY, interval_s=300)
    all_told, a_tenth = detect(trigger, 24), detect(trigger, 240, judged=0.1)
    assert (a_tenth.expected_s, a_tenth.answers) == (all_told.expected_s, 10 * (all_told.answers or 0))
    assert a_tenth.sentence.endswith("at 240 answers an hour, of which 10% tell")
    none = detect(trigger, 240, DAY, judged=0.0)
    assert (none.expected_s, none.within) == (None, 0.0)
    assert none.sentence.endswith(
        "would never be noticed: of none of the answers it is told whether they are bad"
    )
    few = detect(trigger, 240, judged=0.001).sentence
    assert few.endswith(
        "would never be noticed: a window of 24 h would hold 5 answers that tell; 20 are needed"
    )


def test_a_window_that_never_holds_enough_never_notices() -> None:
    found = detect(trigger_of(Threshold(limit=0.1, min_samples=50), window_s=300), 48, DAY)
    assert (found.expected_s, found.answers, found.within) == (None, None, 0.0)
    assert found.sentence == (
        "errors: twice the limit (20%) would never be noticed: a window of 5 min would hold 4 answers; 50 are needed"
    )


def test_what_would_take_longer_than_a_year_is_never() -> None:
    steady = Threshold(limit=0.3, min_samples=5, m=130, k=130)
    found = detect(trigger_of(steady, window_s=300, interval_s=300), 60, 300 * DAY)
    assert found.sentence.endswith(
        "would never be noticed: it would take longer than a year; a window of 5 min would hold 5 answers"
    )
    assert found.within is not None
    assert 0 < found.within < 0.2
    rare = detect(trigger_of(AnyEvent(), interval_s=HOUR), 0.001)
    assert rare.expected_s is None
    assert "longer than a year" in rare.sentence


def test_without_answers_nothing_is_noticed() -> None:
    found = detect(trigger_of(Threshold(limit=0.1)), 0, DAY)
    assert found.expected_s is None
    assert found.within == 0.0
    assert found.sentence.endswith("no answers are expected")


@pytest.mark.parametrize(
    "method", [Threshold(limit=800), Threshold(limit=1.0), Threshold(limit=-1), Threshold(limit=0.1, below=1)]
)
def test_a_limit_that_is_none_on_a_share_says_so(method: Method) -> None:
    found = detect(trigger_of(method), 60, DAY)
    assert (found.expected_s, found.within) == (None, None)
    assert "is not one on a share of answers" in found.sentence


def test_a_method_that_nobody_can_foresee_says_so() -> None:
    class Odd(Method):
        name: ClassVar[str] = "odd"

        def judge(self, memory: tuple[int, ...], reading: Reading) -> Judgement:
            return Judgement(verdict=Verdict.OK, memory=memory, sentence="")

        def check(self) -> None:
            pass

    found = detect(trigger_of(Odd()), 60)
    assert found.sentence == "errors: when it would fire cannot be told: for the method odd it cannot be told"


def test_a_count_without_end_says_so() -> None:
    found = detect(trigger_of(AnyEvent(count=10**9)), 1e6)
    assert found.expected_s is None
    assert found.sentence.endswith("it counts too many answers")


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (0.0, "one bad answer in 100"),
        (0.005, "twice the limit (1%)"),
        (0.5, "twice the limit (100%)"),
        (0.75, "nothing but bad answers"),
    ],
)
def test_what_is_noticed_is_said(limit: float, words: str) -> None:
    assert words in detect(trigger_of(Threshold(limit=limit, min_samples=3)), 600).sentence


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (3.6e6, "1 s at 3,600,000 answers an hour"),
        (3600, "10 s at 3,600 answers an hour"),
        (360, "100 s"),
        (36, "17 min"),
        (1, "10 h at 1 answer an hour"),
        (0.1, "4.2 days at 0.1 answers an hour"),
    ],
)
def test_times_are_told_in_the_unit_that_suits_them(rate: float, words: str) -> None:
    trigger = trigger_of(Threshold(limit=0.9, min_samples=10), window_s=30 * DAY, interval_s=1)
    assert words.replace("100 s", "2 min") in detect(trigger, rate).sentence


def test_all_the_traffic_in_the_world_is_foreseen_as_quickly() -> None:
    found = detect(trigger_of(Threshold(limit=0.05, min_samples=20)), 1e12, DAY)
    assert found.expected_s == pytest.approx(60)
    assert found.within == pytest.approx(1)


def test_a_row_that_takes_more_work_than_it_is_worth_is_told_from_separate_windows() -> None:
    trigger = trigger_of(Threshold(limit=0.05, min_samples=1000, m=900, k=1000), window_s=30 * DAY)
    found = detect(trigger, 1e5, 60 * DAY)
    assert found.within is not None


@given(
    limit=st.floats(0.01, 0.4),
    min_samples=st.integers(1, 60),
    rate=st.floats(0.5, 500),
    window_s=st.sampled_from([300, HOUR, DAY]),
    planned=st.integers(1, 10 * DAY),
    row=st.integers(1, 4),
)
@settings(max_examples=60, deadline=None)
def test_more_time_never_makes_it_less_likely(
    limit: float, min_samples: int, rate: float, window_s: int, planned: int, row: int
) -> None:
    trigger = trigger_of(
        Threshold(limit=limit, min_samples=min_samples, m=row, k=row), window_s=window_s, interval_s=300
    )
    sooner, later = detect(trigger, rate, planned), detect(trigger, rate, planned * 2)
    assert sooner.within is not None
    assert later.within is not None
    assert -1e-6 <= sooner.within <= later.within + 1e-6 <= 1 + 2e-6
    if sooner.expected_s is not None:
        assert sooner.expected_s >= trigger.interval_s
        # Markov's inequality: by ten times its mean time it has happened nine times out of ten.
        by_then = detect(trigger, rate, int(10 * sooner.expected_s) + 1).within
        assert by_then is not None
        assert by_then >= 0.9 - 1e-6


@given(st.integers(0, 400), st.floats(0.001, 1.0))
@settings(max_examples=60, deadline=None)
def test_the_distribution_has_the_mean_and_the_variance_of_a_binomial_one(n: int, share: float) -> None:
    found = _binomial(n, share)
    average = sum(bad * chance for bad, chance in found.items())
    assert sum(found.values()) == pytest.approx(1)
    assert average == pytest.approx(n * share, abs=1e-6)
    spread = sum((bad - average) ** 2 * chance for bad, chance in found.items())
    assert spread == pytest.approx(n * share * (1 - share), abs=1e-6)
