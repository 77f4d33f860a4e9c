"""How likely a method that weighs answers is to trip, computed exactly instead of drawn."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from triggers.methods.likelihood import NANO, evidence, needed


def least_bad(limit: float, alpha: float, answers: int, at_least: int = 0) -> int:
    """How many of the answers have to be bad for the evidence to be enough; one more than all if no number is."""
    enough = needed(1 / alpha)
    for bad in count(at_least):
        if bad > answers or evidence(round(limit * NANO), bad, answers) >= enough:
            return bad
    raise AssertionError("there is an end to the answers")


def tripped(
    limit: float, alpha: float, rate: float, looks: int, every: int = 5
) -> Iterator[tuple[int, float]]:
    """The number of answers at each look, and the probability that the trigger has tripped by then.

    The distribution of the number of bad answers is carried from answer to answer; whoever reaches what is enough at
    a look has tripped and is gone.
    """
    alive, gone, least = [1.0], 0.0, 0
    for look in range(1, looks + 1):
        for _ in range(every):
            stayed = [chance * (1 - rate) for chance in alive]
            alive = [*stayed, 0.0]
            for bad, chance in enumerate(stayed):
                alive[bad + 1] += chance / (1 - rate) * rate
        least = least_bad(limit, alpha, look * every, least)
        gone += sum(alive[least:])
        alive = alive[:least] or [0.0]
        yield look * every, gone


def median_answers(limit: float, alpha: float, rate: float, every: int = 1) -> int:
    """After how many answers half of the triggers have tripped."""
    return next(n for n, chance in tripped(limit, alpha, rate, 10**6, every) if chance >= 0.5)
