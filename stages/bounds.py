"""How much a sample supports: one-sided confidence bounds for shares and for means of scores.

A point value flatters small samples: 95 of 100 passed is 95 %, but supports only 89.8 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable

CONFIDENCE = 0.95
"""How sure a bound is unless somebody asks for another confidence."""

_CLOSE = 1e-12
_MOST_TERMS = 100_000


def lower_share(hits: int, n: int, confidence: float = CONFIDENCE) -> float:
    """The least share of hits that ``hits`` of ``n`` still support; 0.0 for an empty sample.

    The one-sided bound of Clopper and Pearson (Biometrika 26, 1934): the share p for which ``hits`` or more of ``n``
    have the probability 1 - ``confidence``.

    Raises:
        ValueError: There are more hits than cases, or fewer than none, or the confidence is not between 0 and 1.
    """
    _refuse_impossible(hits, n, confidence)
    if hits == 0:
        return 0.0
    return _root(lambda share: _tail(hits, n, share) - (1 - confidence))


def upper_share(hits: int, n: int, confidence: float = CONFIDENCE) -> float:
    """The greatest share of hits that ``hits`` of ``n`` still allow; 1.0 for an empty sample. See `lower_share`."""
    return 1.0 - lower_share(n - hits, n, confidence)


def lower_mean(mean: float, n: int, confidence: float = CONFIDENCE) -> float:
    """The least true mean that ``n`` scores between 0 and 1 with this mean support; 0.0 for an empty sample.

    The bound of Chernoff and Hoeffding (Hoeffding, JASA 58, 1963, theorem 1) in its relative-entropy form: the mean m
    for which n·kl(mean, m) = ln(1 / (1 - confidence)). It holds for whatever distribution the scores have, so a small
    sample of perfect scores does not support perfection: 30 of 30 support 0.905.

    Raises:
        ValueError: The mean is not between 0 and 1, or the confidence is not.
    """
    if not 0.0 <= mean <= 1.0:
        raise ValueError(f"a mean of {mean} is not between 0 and 1")
    _refuse_impossible(0, n, confidence)
    if n == 0 or mean == 0.0:
        return 0.0
    allowed = -math.log1p(-confidence) / n
    return _root(lambda low: allowed - _divergence(mean, low), highest=mean)


def upper_mean(mean: float, n: int, confidence: float = CONFIDENCE) -> float:
    """The greatest true mean that ``n`` scores between 0 and 1 with this mean allow. See `lower_mean`."""
    return 1.0 - lower_mean(1.0 - mean, n, confidence)


def _refuse_impossible(hits: int, n: int, confidence: float) -> None:
    if not 0 <= hits <= n:
        raise ValueError(f"{hits} of {n} is not a share")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"a confidence of {confidence} is not between 0 and 1")


def _root(rising: Callable[[float], float], highest: float = 1.0) -> float:
    """The lower end of the interval between 0 and ``highest`` in which a rising function passes 0."""
    low, high = 0.0, highest
    while high - low > _CLOSE:
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return low


def _divergence(mean: float, other: float) -> float:
    """The relative entropy of two coins, in nats."""
    return _entropy_part(mean, other) + _entropy_part(1.0 - mean, 1.0 - other)


def _entropy_part(share: float, other: float) -> float:
    if share == 0.0:
        return 0.0
    return math.inf if other <= 0.0 else share * math.log(share / other)


def _tail(hits: int, n: int, share: float) -> float:
    """The probability of ``hits`` or more of ``n``.

    It is the regularised incomplete beta function I_share(hits, n - hits + 1).
    """
    a, b = float(hits), float(n - hits + 1)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(share) + b * math.log1p(-share)
    )
    if share < (a + 1) / (a + b + 2):
        return front * _continued_fraction(a, b, share) / a
    return 1.0 - front * _continued_fraction(b, a, 1.0 - share) / b


def _continued_fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method."""
    tiny = 1e-300
    c, d = 1.0, 1.0 / _not_zero(1.0 - (a + b) * x / (a + 1), tiny)
    value, m = d, 0
    while m == 0 or (abs(c * d - 1.0) >= _CLOSE and m < _MOST_TERMS):
        m += 1
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / _not_zero(1.0 + term * d, tiny)
            c = _not_zero(1.0 + term / c, tiny)
            value *= c * d
    return value


def _not_zero(number: float, tiny: float) -> float:
    return number if abs(number) > tiny else tiny
