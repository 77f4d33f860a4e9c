"""Bounds say what a sample supports, and never more."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.bounds import CONFIDENCE, lower_mean, lower_share, upper_mean, upper_share

samples = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
confidences = st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.999])
means = st.floats(0, 1)
sizes = st.integers(1, 5000)


def at_least(hits: int, n: int, share: float) -> float:
    """The probability of so many hits or more, added up from the binomial distribution."""
    return math.fsum(math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(hits, n + 1))


@pytest.mark.parametrize(
    ("hits", "n", "percent"),
    [(95, 100, 89.8), (98, 100, 93.8), (475, 500, 93.1), (100, 100, 97.0), (30, 30, 90.5), (37, 40, 81.7)],
)
def test_known_samples_support_less_than_they_show(hits: int, n: int, percent: float) -> None:
    assert round(100 * lower_share(hits, n), 1) == percent


@pytest.mark.parametrize(("clean", "limit"), [(59, 0.05), (149, 0.02), (299, 0.01), (2995, 0.001)])
def test_so_many_clean_cases_allow_just_less_than_the_limit_and_one_fewer_does_not(
    clean: int, limit: float
) -> None:
    assert upper_share(0, clean) <= limit < upper_share(0, clean - 1)


@given(samples, confidences)
def test_the_lower_bound_of_a_share_is_where_so_many_hits_become_as_unlikely_as_agreed(
    sample: tuple[int, int], confidence: float
) -> None:
    hits, n = sample
    bound = lower_share(hits, n, confidence)
    assert 0.0 <= bound <= hits / n
    if hits:
        assert at_least(hits, n, bound) == pytest.approx(1 - confidence, rel=1e-6)


@given(samples, confidences)
def test_the_bounds_of_a_share_lie_around_it_and_mirror_each_other(
    sample: tuple[int, int], confidence: float
) -> None:
    hits, n = sample
    assert lower_share(hits, n, confidence) <= hits / n <= upper_share(hits, n, confidence)
    assert upper_share(hits, n, confidence) == pytest.approx(1 - lower_share(n - hits, n, confidence))


@given(samples)
def test_more_hits_support_more_and_more_confidence_supports_less(sample: tuple[int, int]) -> None:
    hits, n = sample
    assert lower_share(hits, n, 0.99) <= lower_share(hits, n, 0.9)
    if hits < n:
        assert lower_share(hits, n) < lower_share(hits + 1, n)
        assert lower_share(hits, n + 1) <= lower_share(hits, n)


@given(means, sizes, confidences)
def test_the_bounds_of_a_mean_lie_around_it_and_mirror_each_other(
    mean: float, n: int, confidence: float
) -> None:
    low, high = lower_mean(mean, n, confidence), upper_mean(mean, n, confidence)
    assert 0.0 <= low <= mean <= high + 1e-9
    assert high <= 1.0
    assert high == pytest.approx(1 - lower_mean(1 - mean, n, confidence))


@given(means, sizes)
def test_a_larger_sample_of_the_same_mean_supports_more(mean: float, n: int) -> None:
    assert lower_mean(mean, n) <= lower_mean(mean, 2 * n) + 1e-9


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n))))
def test_scores_of_any_distribution_support_no_more_than_passes_and_failures_of_the_same_mean(
    sample: tuple[int, int],
) -> None:
    hits, n = sample
    assert lower_mean(hits / n, n) <= lower_share(hits, n) + 1e-9


def test_perfect_scores_do_not_support_perfection() -> None:
    assert lower_mean(1.0, 30) == pytest.approx(0.05 ** (1 / 30), abs=1e-9)
    assert upper_mean(0.0, 30) == pytest.approx(1 - 0.05 ** (1 / 30), abs=1e-9)


def test_an_empty_sample_supports_nothing_and_allows_everything() -> None:
    assert (lower_share(0, 0), upper_share(0, 0)) == (0.0, 1.0)
    assert (lower_mean(0.7, 0), upper_mean(0.7, 0)) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("hits", "n"), [(0, 1), (1, 1), (1, 10**6), (10**6, 10**6), (999_999, 10**6), (500_000, 10**6)]
)
def test_very_large_samples_have_bounds_too(hits: int, n: int) -> None:
    assert 0.0 <= lower_share(hits, n) <= hits / n <= upper_share(hits, n) <= 1.0


@pytest.mark.parametrize(
    ("bound", "sample", "message"),
    [
        (lower_share, (2, 1), "2 of 1 is not a share"),
        (lower_share, (-1, 1), "-1 of 1 is not a share"),
        (upper_share, (1, 0), "is not a share"),
        (lower_share, (0, 1, 1.0), "a confidence of 1.0 is not between 0 and 1"),
        (upper_share, (0, 1, 0.0), "a confidence of 0.0 is not between 0 and 1"),
        (lower_mean, (1.1, 5), "a mean of 1.1 is not between 0 and 1"),
        (lower_mean, (math.nan, 5), "is not between 0 and 1"),
        (upper_mean, (0.5, 5, 2.0), "a confidence of 2.0"),
        (lower_mean, (0.5, -5), "0 of -5 is not a share"),
    ],
)
def test_an_impossible_sample_is_refused(
    bound: Callable[..., float], sample: tuple[float, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        bound(*sample)


def test_the_usual_confidence_is_95_per_cent() -> None:
    assert CONFIDENCE == 0.95
