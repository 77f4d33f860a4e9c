"""What it takes for each method to be in breach: of so many answers, how many have to be bad."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, singledispatch
from itertools import count

from triggers.methods import AnyEvent, Budget, BurnRate, Evidence, EvidenceCusum, Method, Threshold
from triggers.methods.burn_rate import pairs_of
from triggers.methods.evidence import Weighing
from triggers.methods.likelihood import NANO, evidence, needed

RARE = 0.01
"""The share of bad answers that is asked about where the limit is none at all, and twice the limit says nothing."""

_COARSE = 5
"""Where it takes very many answers, readings are looked at so many times less often; that adds little to the mean."""
_HAIR = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What it takes for a method to be in breach, when a ``share`` of all answers is bad.

    ``words`` say that share. Of a number of answers, at least ``min_samples``, ``least`` gives how many have to be bad;
    ``row`` is how many such readings in a row it takes.
    ``typical``: about how many answers it takes, for a method that adds windows up. ``window_s``: the window that is
    looked at, where that is not the trigger's.
    """

    share: float
    words: str
    least: Callable[[int], int]
    min_samples: int = 1
    row: int = 1
    typical: float = 0.0
    window_s: int = 0


class Unforeseeable(Exception):
    """It cannot be told in advance when a trigger would fire; the text says why."""


@singledispatch
def bar_of(method: Method, sharing: int = 1) -> Bar:  # noqa: ARG001 - of use to some
    """What it takes for a method to be in breach, at twice its limit. Each method that can be foreseen registers here.

    ``sharing``: how many triggers divide their false alarms, where the method does.

    Raises:
        Unforeseeable: It cannot be told.
    """
    raise Unforeseeable(f"for the method {method.name} it cannot be told")


@bar_of.register
def _(method: AnyEvent, sharing: int = 1) -> Bar:  # noqa: ARG001 - it divides nothing
    typical = method.count / RARE
    return Bar(share=RARE, words=_one_in(RARE), least=lambda _answers: method.count, typical=typical)


@bar_of.register
def _(method: Threshold, sharing: int = 1) -> Bar:  # noqa: ARG001 - it divides nothing
    if method.below or method.limit < 0 or method.limit >= 1:
        raise Unforeseeable(f"the limit {method.limit:g} is not one on a share of answers")
    share = min(1.0, 2 * method.limit) or RARE
    return Bar(
        share=share,
        words=_twice(method.limit),
        least=lambda answers: _least_beyond(method.limit, answers),
        min_samples=method.min_samples,
        row=method.m,
    )


@bar_of.register
def _(method: Evidence, sharing: int = 1) -> Bar:
    return _weighed(method, needed(sharing / method.alpha))


@bar_of.register
def _(method: EvidenceCusum, sharing: int = 1) -> Bar:
    # From nothing seen on it is never slower than the evidence that keeps everything.
    return _weighed(method, needed(method.run_length * sharing))


@bar_of.register
def _(method: BurnRate, sharing: int = 1) -> Bar:  # noqa: ARG001 - it divides nothing
    # While nothing is older than the short window, both windows of a pair hold the same.
    pair = min(pairs_of(method), key=lambda pair: pair.factor)
    limit = pair.factor * method.limit
    return Bar(
        share=min(1.0, 2 * limit),
        words=f"twice {pair.factor:g} times the allowed {method.limit * 100:.3g}%",
        least=lambda answers: math.ceil(limit * answers - _HAIR),
        min_samples=method.min_samples,
        window_s=pair.short_s,
    )


@bar_of.register
def _(method: Budget, sharing: int = 1) -> Bar:  # noqa: ARG001 - it divides nothing
    raise Unforeseeable(f"{method.currency} are not counted in answers")


def _weighed(method: Weighing, enough: int) -> Bar:
    limit, share = round(method.limit * NANO), min(1.0, 2 * method.limit)

    def least(answers: int) -> int:
        """The more answers are bad, the more they speak for a worse rate."""
        speaks = partial(evidence, limit, total=answers)
        return bisect_left(range(answers + 1), enough, key=lambda bad: speaks(bad=bad))

    typical = 1
    while least(typical) > share * typical:
        typical *= 2
    return Bar(
        share=share,
        words=_twice(method.limit),
        least=least,
        min_samples=method.min_samples,
        typical=typical * _COARSE,
    )


def _least_beyond(limit: float, answers: int) -> int:
    """How many of the answers have to be bad to be beyond a limit, compared as `Threshold` does it."""
    return next(bad for bad in count(max(0, int(limit * answers) - 1)) if bad / answers > limit)


def _twice(limit: float) -> str:
    if not limit:
        return _one_in(RARE)
    return f"twice the limit ({2 * limit * 100:.3g}%)" if 2 * limit <= 1 else "nothing but bad answers"


def _one_in(share: float) -> str:
    return f"one bad answer in {round(1 / share)}"
