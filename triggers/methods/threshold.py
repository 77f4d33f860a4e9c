"""Trip when a rate or a value is beyond a limit, often enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from triggers.methods.method import Method, require
from triggers.reading import Reading
from triggers.verdict import Judgement, Verdict

_LONGEST = 1000
"""How many readings a trigger remembers at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold(Method):
    """Breach when ``m`` of the last ``k`` readings are beyond ``limit``; one at the limit is not beyond it.

    ``limit`` is a share from 0 to 1 where the source gives bad of total, otherwise it has the unit of the
    value. Readings behind which stand fewer than ``min_samples`` things do not count at all: neither good
    nor bad. A bare count of bad things has no samples, so ``min_samples`` does not apply to it. Set
    ``below`` to 1 to turn the comparison round, for values that are bad when they are low.
    Memory: 1 or 0 for each of the last ``k`` readings that counted, the newest last.
    """

    name: ClassVar[str] = "threshold"

    limit: float
    min_samples: int = 1
    m: int = 1
    k: int = 1
    below: int = 0

    def judge(self, memory: tuple[int, ...], reading: Reading) -> Judgement:
        """Compare one reading and count how many of the last ``k`` were beyond the limit."""
        measured, samples, words = _measure(reading)
        if measured is None:
            return self._insufficient(memory, words)
        if samples is not None and samples < self.min_samples:
            return self._insufficient(memory, f"{words}; at least {self.min_samples} are needed to judge")
        beyond = measured < self.limit if self.below else measured > self.limit
        recent = (*memory, int(beyond))[-self.k :]
        return Judgement(
            verdict=Verdict.BREACH if sum(recent) >= self.m else Verdict.OK,
            memory=recent,
            sentence=f"{words}; the limit is {self._limit_in_words(reading)}{self._tally(recent)}",
            numbers=self._numbers(measured, samples, recent),
        )

    def check(self) -> None:
        """At least one sample is asked for, and m of k can be reached."""
        require(self.min_samples >= 1, "min_samples", f"{self.min_samples} is less than 1", "give 1 or more")
        span = f"1 to {_LONGEST}"
        require(1 <= self.k <= _LONGEST, "k", f"{self.k} is not in {span}", f"give {span}")
        require(1 <= self.m <= self.k, "m", f"{self.m} is not in 1 to k", f"give 1 to {self.k}")
        low = "give 1 if low is bad, else 0"
        require(self.below in (0, 1), "below", f"{self.below} is neither 0 nor 1", low)

    def _insufficient(self, memory: tuple[int, ...], sentence: str) -> Judgement:
        return Judgement(verdict=Verdict.INSUFFICIENT, memory=memory, sentence=sentence)

    def _numbers(self, measured: float, samples: int | None, recent: tuple[int, ...]) -> dict[str, float]:
        numbers = {"measured": measured, "limit": self.limit, "beyond": sum(recent)}
        return numbers if samples is None else {**numbers, "samples": samples}

    def _limit_in_words(self, reading: Reading) -> str:
        return f"{self.limit:g}" if reading.total is None else _per_cent(self.limit)

    def _tally(self, recent: tuple[int, ...]) -> str:
        if self.k == 1:
            return ""
        return (
            f"; beyond it in {sum(recent)} of the last {len(recent)} readings, {self.m} of {self.k} is enough"
        )


def _measure(reading: Reading) -> tuple[float | None, int | None, str]:
    """The number to compare, how many things stand behind it if that can be told, and both in words."""
    if reading.value is not None:
        return _measure_gauge(reading.value, reading.samples)
    if reading.bad is None or reading.total == 0:
        return None, 0, "there is nothing to measure"
    if reading.total is None:
        return float(reading.bad), None, f"{reading.bad} counted"
    rate = reading.bad / reading.total
    return rate, reading.total, f"{reading.bad} of {reading.total} are bad ({_per_cent(rate)})"


def _per_cent(share: float) -> str:
    return f"{share * 100:.3g}%"


def _measure_gauge(value: float, samples: int | None) -> tuple[float, int, str]:
    # A source that cannot count its samples vouches for one observation: the value itself.
    if samples is None:
        return value, 1, f"{value:g}, samples not counted"
    return value, samples, f"{value:g} from {samples} sample{'' if samples == 1 else 's'}"
