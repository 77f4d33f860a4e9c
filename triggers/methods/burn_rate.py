"""Trip when the allowed share of bad answers is used up too fast, over a long and a short time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import ClassVar

from triggers.methods.method import BadParameter, Method, per_cent, require
from triggers.reading import Reading
from triggers.verdict import Judgement, Verdict

_PAIR = re.compile(r"\s*(\d{1,7})([smhd])/(\d{1,7})([smhd])\s+(\d{1,6}(?:\.\d{1,6})?)x\s*")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_MOST_PAIRS = 5
_LONGEST_S = 31 * 86_400


@dataclass(frozen=True, slots=True)
class Pair:
    """Burning ``factor`` times too fast over both of two spans, in seconds, is too much."""

    long_s: int
    short_s: int
    factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnRate(Method):
    """Breach when, for one of the pairs of windows, the burn rate is at least its factor in both.

    The burn rate is the share of bad answers divided by ``limit``, the share that is allowed (one minus the
    objective): at 1 the allowance lasts exactly as long as it should. The long window says that it matters, the short
    one that it still goes on (Beyer et al., The Site Reliability Workbook, chapter 5). A pair counts only with
    ``min_samples`` answers in its short window. ``pairs`` are written as ``1h/5m 14.4x, 6h/30m 6x``.
    It remembers nothing.
    """

    name: ClassVar[str] = "burn_rate"
    reads: ClassVar[tuple[str, ...]] = ("bad",)
    shown: ClassVar[tuple[str, str]] = ("burn", "factor")

    limit: float
    pairs: str = "1h/5m 14.4x, 6h/30m 6x"
    min_samples: int = 100

    def spans(self, window_s: int, now: datetime) -> tuple[timedelta, ...]:
        """Each window once, the shortest first."""
        del window_s, now
        return _lengths(self.pairs)

    def judge(
        self,
        memory: tuple[int, ...],
        *subject: Reading,
        baseline: Reading | None = None,
        sharing: int = 1,
    ) -> Judgement:
        """Compare each pair; the one that is nearest to its factor speaks for all."""
        del baseline, sharing
        if any(reading.total is None for reading in subject):
            words = "the source gave no bad of total, which burn_rate needs"
            return Judgement(verdict=Verdict.SOURCE_ERROR, memory=memory, sentence=words)
        by_span = dict(zip(_spans(self.pairs), subject, strict=True))
        told = [self._burning(pair, by_span) for pair in _parsed(self.pairs) if self._counts(pair, by_span)]
        if not told:
            most = max(by_span[pair.short_s].total or 0 for pair in _parsed(self.pairs))
            words = f"{most} answers in a short window; at least {self.min_samples} are needed to judge"
            return Judgement(verdict=Verdict.INSUFFICIENT, memory=memory, sentence=words)
        nearest = max(told, key=lambda burning: min(burning.long, burning.short) / burning.pair.factor)
        return self._judged(nearest, by_span[nearest.pair.long_s], by_span[nearest.pair.short_s])

    def check(self) -> None:
        """There are pairs, and a share that is allowed."""
        require(
            0 < self.limit <= 1, "limit", f"{self.limit:g} is not in 0 to 1", "give a share: 0.001 is 0.1 %"
        )
        require(self.min_samples >= 1, "min_samples", f"{self.min_samples} is less than 1", "give 1 or more")
        for pair in _parsed(self.pairs):
            span = f"{pair.long_s} s/{pair.short_s} s"
            ordered = 0 < pair.short_s < pair.long_s <= _LONGEST_S
            require(
                ordered,
                "pairs",
                f"{span} is not a long and a short window",
                "give pairs as 1h/5m 14.4x, up to 31d",
            )
            reached = 0 < pair.factor * self.limit <= 1
            more = f"{pair.factor:g} times {per_cent(self.limit)} is not reached by all answers being bad"
            require(reached, "pairs", more, "give a factor above 0, and a lower one or a lower limit")

    def _counts(self, pair: Pair, by_span: dict[int, Reading]) -> bool:
        return (by_span[pair.short_s].total or 0) >= self.min_samples and bool(by_span[pair.long_s].total)

    def _burning(self, pair: Pair, by_span: dict[int, Reading]) -> _Burning:
        return _Burning(pair, self._rate(by_span[pair.long_s]), self._rate(by_span[pair.short_s]))

    def _rate(self, reading: Reading) -> float:
        return round((reading.bad or 0) / (reading.total or 1) / self.limit, 9)

    def _judged(self, burning: _Burning, long: Reading, short: Reading) -> Judgement:
        pair, burn = burning.pair, min(burning.long, burning.short)
        return Judgement(
            verdict=Verdict.BREACH if burn >= pair.factor else Verdict.OK,
            memory=(),
            sentence=(
                f"{long.bad} of {long.total} answers are bad in {_in_words(pair.long_s)} and {short.bad} of "
                f"{short.total} in {_in_words(pair.short_s)}; {per_cent(self.limit)} may be, which burns at "
                f"{burning.long:.3g} and {burning.short:.3g} times that; {pair.factor:g} is too much"
            ),
            numbers={"burn": burn, "factor": pair.factor, "limit": self.limit}
            | {"bad": long.bad or 0, "total": long.total or 0}
            | {"bad_short": short.bad or 0, "total_short": short.total or 0},
        )


@dataclass(frozen=True, slots=True)
class _Burning:
    """How fast a pair burns over its long and its short window."""

    pair: Pair
    long: float
    short: float


@lru_cache(maxsize=1024)
def _parsed(pairs: str) -> tuple[Pair, ...]:
    remedy = "give pairs as 1h/5m 14.4x, 6h/30m 6x"
    found = tuple(_pair(part, remedy) for part in pairs.split(","))
    if len(found) > _MOST_PAIRS:
        raise BadParameter("params.pairs", f"{len(found)} are more than {_MOST_PAIRS}", "leave some out")
    return found


def _pair(part: str, remedy: str) -> Pair:
    match = _PAIR.fullmatch(part)
    if match is None:
        raise BadParameter("params.pairs", f"{part.strip()[:40]!r} is not a pair of windows", remedy)
    long, long_unit, short, short_unit, factor = match.groups()
    return Pair(int(long) * _SECONDS[long_unit], int(short) * _SECONDS[short_unit], float(factor))


@lru_cache(maxsize=1024)
def _lengths(pairs: str) -> tuple[timedelta, ...]:
    return tuple(timedelta(seconds=span) for span in _spans(pairs))


@lru_cache(maxsize=1024)
def _spans(pairs: str) -> tuple[int, ...]:
    return tuple(sorted({span for pair in _parsed(pairs) for span in (pair.long_s, pair.short_s)}))


def pairs_of(method: BurnRate) -> tuple[Pair, ...]:
    """The pairs of a method as numbers."""
    return _parsed(method.pairs)


def _in_words(seconds: int) -> str:
    unit = next(unit for unit in "dhms" if seconds % _SECONDS[unit] == 0)
    return f"{seconds // _SECONDS[unit]}{unit}"
