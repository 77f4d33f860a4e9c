"""How strongly answers speak for a rate above a limit: likelihood ratios in whole numbers.

A ratio is kept as its natural logarithm in billionths (nano-nats), rounded down, so that adding up is exact, a restart
changes nothing, and rounding can only make a false alarm less likely.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache

RATIOS = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
"""How many times the limit the rates are that it is weighed against."""
NANO = 10**9
HIGHEST_LIMIT = 0.8
"""From here on no rate is left that would be worse than the limit by enough to tell."""

_WORST = 0.95
_Z_95 = 1.6448536269514722
"""The one-sided 95 % point of the normal distribution."""


@lru_cache(maxsize=4096)
def weights(limit: int) -> tuple[tuple[int, int], ...]:
    """What a bad and a good answer add to the logarithm of each ratio, in nano-nats.

    ``limit`` is a share in billionths. For each worse rate q: log(q / limit) and log((1 - q) / (1 - limit)).
    """
    p = limit / NANO
    worse = sorted({min(_WORST, p * ratio) for ratio in RATIOS if p * ratio < 1})
    return tuple((_floor(math.log(q / p)), _floor(math.log((1 - q) / (1 - p)))) for q in worse)


def ratios(limit: int, bad: int, total: int) -> list[int]:
    """The logarithm of the likelihood ratio of each worse rate to the limit, in nano-nats (Wald 1945)."""
    return [bad * for_bad + (total - bad) * for_good for for_bad, for_good in weights(limit)]


def mixture(logs: Sequence[int]) -> int:
    """The logarithm of the mean of ratios that are given as logarithms; all in nano-nats, rounded down."""
    largest = max(logs)
    return largest + _floor(math.log(sum(math.exp((log - largest) / NANO) for log in logs) / len(logs)))


def evidence(limit: int, bad: int, total: int) -> int:
    """The logarithm of the mixture likelihood ratio against a limit (in billionths), in nano-nats.

    While the true rate is at most the limit, every ratio has mean 1 or less, so their mixture is a non-negative
    supermartingale, and the probability that it ever reaches 1 / a is at most a (Ville 1939; Robbins 1970; the mixture
    over a grid of rates makes Wald's test robust to not knowing the bad one).
    """
    return mixture(ratios(limit, bad, total))


def needed(times: float) -> int:
    """The logarithm of how many times likelier it has to be, in nano-nats, rounded up."""
    return math.ceil(math.log(times) * NANO)


def upper_bound(bad: int, total: int) -> float:
    """The one-sided 95 % upper bound of a rate (the score interval, Wilson 1927)."""
    z2 = _Z_95**2
    centre = bad + z2 / 2
    spread = _Z_95 * math.sqrt(bad * (total - bad) / total + z2 / 4)
    return min(1.0, (centre + spread) / (total + z2))


def nats(logs: Iterable[int]) -> list[float]:
    """As they are shown: in nats, to a millionth."""
    return [round(log / NANO, 6) for log in logs]


def _floor(log: float) -> int:
    return math.floor(log * NANO)
