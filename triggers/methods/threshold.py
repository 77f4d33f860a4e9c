"""Trip when a rate or a value is beyond a limit, often enough."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import ClassVar

from triggers.methods.method import Method, per_cent, require
from triggers.reading import Reading
from triggers.verdict import Judgement, Verdict

_LONGEST = 1000
"""How many readings a trigger remembers at most."""
_FARTHEST = sys.float_info.max


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold(Method):
    """Breach when ``m`` of the last ``k`` readings are beyond ``limit``; one at the limit is not beyond it.

    ``limit`` is a share from 0 to 1 where the source gives bad of total, otherwise it has the unit of the
    value. Readings behind which stand fewer than ``min_samples`` things do not count at all: neither good
    nor bad. A bare count of bad things has no samples, so ``min_samples`` does not apply to it. Set
    ``below`` to 1 to turn the comparison round, for values that are bad when they are low.
    With a baseline, what is ``tolerance`` times the baseline's is fine as well: the limit is the more
    generous one of the two.
    Memory: 1 or 0 for each of the last ``k`` readings that counted, the newest last.
    """

    name: ClassVar[str] = "threshold"
    comparable: ClassVar[bool] = True
    shown: ClassVar[tuple[str, str]] = ("measured", "limit")

    limit: float
    min_samples: int = 1
    m: int = 1
    k: int = 1
    below: int = 0
    tolerance: float = 1.0

    def judge(
        self,
        memory: tuple[int, ...],
        *subject: Reading,
        baseline: Reading | None = None,
        sharing: int = 1,
    ) -> Judgement:
        """Compare one reading and count how many of the last ``k`` were beyond the limit."""
        del sharing
        measured = _measure(subject[0])
        before = None if baseline is None else _measure(baseline)
        if baseline is not None and measured.samples is None:
            words = f"{measured.words}; a bare count goes with the traffic and cannot be compared"
            return Judgement(verdict=Verdict.SOURCE_ERROR, memory=memory, sentence=words)
        if measured.number is None or (before and before.number is None):
            return _untold(memory, measured, before)
        if lacking := measured.lacking(self.min_samples):
            return _insufficient(memory, f"{measured.words}; {lacking} to judge")
        if before and (lacking := before.lacking(self.min_samples)):
            return _insufficient(memory, f"{measured.words}; baseline: {before.words}; {lacking} to compare")
        limit = self._limit(before)
        beyond = measured.number < limit if self.below else measured.number > limit
        recent = (*memory, int(beyond))[-self.k :]
        return Judgement(
            verdict=Verdict.BREACH if sum(recent) >= self.m else Verdict.OK,
            memory=recent,
            sentence=f"{measured.words}; {self._limit_in_words(limit, measured, before)}{self._tally(recent)}",
            numbers=_numbers(measured, before, limit, recent),
        )

    def check(self) -> None:
        """At least one sample is asked for, and m of k can be reached."""
        require(self.min_samples >= 1, "min_samples", f"{self.min_samples} is less than 1", "give 1 or more")
        span = f"1 to {_LONGEST}"
        require(1 <= self.k <= _LONGEST, "k", f"{self.k} is not in {span}", f"give {span}")
        require(1 <= self.m <= self.k, "m", f"{self.m} is not in 1 to k", f"give 1 to {self.k}")
        low = "give 1 if low is bad, else 0"
        require(self.below in (0, 1), "below", f"{self.below} is neither 0 nor 1", low)
        more = "give 0 or more; 1.2 allows a fifth more than the baseline"
        require(self.tolerance >= 0, "tolerance", f"{self.tolerance:g} is less than 0", more)

    def _limit(self, before: _Measured | None) -> float:
        """The limit, or what the baseline allows if that is more generous."""
        if before is None or before.number is None:
            return self.limit
        allowed = before.number * self.tolerance
        # Beyond every float is beyond every measured value.
        allowed = min(max(allowed, -_FARTHEST), _FARTHEST)
        return min(self.limit, allowed) if self.below else max(self.limit, allowed)

    def _limit_in_words(self, limit: float, measured: _Measured, before: _Measured | None) -> str:
        words = per_cent(limit) if measured.is_share else f"{limit:g}"
        if before is None:
            return f"the limit is {words}"
        return f"the limit is {words} beside the baseline ({before.words})"

    def _tally(self, recent: tuple[int, ...]) -> str:
        if self.k == 1:
            return ""
        return (
            f"; beyond it in {sum(recent)} of the last {len(recent)} readings, {self.m} of {self.k} is enough"
        )


@dataclass(frozen=True, slots=True)
class _Measured:
    """The number to compare, how many things stand behind it if that can be told, and both in words."""

    number: float | None
    samples: int | None
    words: str
    is_share: bool = False

    def lacking(self, min_samples: int) -> str:
        """What is missing for the number to count, or nothing."""
        if self.samples is None or self.samples >= min_samples:
            return ""
        return f"at least {min_samples} are needed"


def _untold(memory: tuple[int, ...], measured: _Measured, before: _Measured | None) -> Judgement:
    words = measured.words if measured.number is None or before is None else f"baseline: {before.words}"
    return _insufficient(memory, words)


def _insufficient(memory: tuple[int, ...], sentence: str) -> Judgement:
    return Judgement(verdict=Verdict.INSUFFICIENT, memory=memory, sentence=sentence)


def _numbers(
    measured: _Measured, before: _Measured | None, limit: float, recent: tuple[int, ...]
) -> dict[str, float]:
    found = {
        "measured": measured.number,
        "limit": limit,
        "beyond": sum(recent),
        "samples": measured.samples,
        "baseline": before.number if before else None,
    }
    return {name: number for name, number in found.items() if number is not None}


def _measure(reading: Reading) -> _Measured:
    if reading.value is not None:
        return _measure_gauge(reading.value, reading.samples)
    if reading.bad is None or reading.total == 0:
        return _Measured(None, 0, "there is nothing to measure")
    if reading.total is None:
        return _Measured(float(reading.bad), None, f"{reading.bad} counted")
    rate = reading.bad / reading.total
    words = f"{reading.bad} of {reading.total} are bad ({per_cent(rate)})"
    return _Measured(rate, reading.total, words, is_share=True)


def _measure_gauge(value: float, samples: int | None) -> _Measured:
    # A source that cannot count its samples vouches for one observation: the value itself.
    if samples is None:
        return _Measured(value, 1, f"{value:g}, samples not counted")
    return _Measured(value, samples, f"{value:g} from {samples} sample{'' if samples == 1 else 's'}")
