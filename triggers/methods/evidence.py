"""Trip when the answers since the release began speak clearly enough for a rate above the limit."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from triggers.methods.likelihood import HIGHEST_LIMIT, NANO, evidence, nats, needed, upper_bound
from triggers.methods.method import Method, per_cent, require
from triggers.reading import Reading
from triggers.verdict import Judgement, Verdict

_LEAST_LIMIT = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing(Method):
    """What the methods have in common that weigh bad of total answers against a limit.

    ``limit`` is the highest share that is acceptable. With a baseline it is the more generous one of that and
    ``tolerance`` times the upper 95 % bound of the baseline's share, taken once, as soon as the baseline has
    ``baseline_min`` answers, and kept for the epoch: a limit that moved while it is tested against would be no
    limit. Nothing is judged before there are ``min_samples`` answers.
    Memory: the limit in billionths, and what a subclass adds; empty before the first answers.
    """

    contiguous: ClassVar[bool] = True
    comparable: ClassVar[bool] = True
    shares_alarms: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("bad",)
    shown: ClassVar[tuple[str, str]] = ("evidence", "needed")

    limit: float
    min_samples: int = 1
    tolerance: float = 1.0
    baseline_min: int = 100

    def judge(
        self,
        memory: tuple[int, ...],
        *subject: Reading,
        baseline: Reading | None = None,
        sharing: int = 1,
    ) -> Judgement:
        """Weigh the answers of the reading together with those before."""
        (reading,) = subject
        if reading.bad is None or reading.total is None:
            words = f"the source gave no bad of total, which {self.name} needs"
            return Judgement(verdict=Verdict.SOURCE_ERROR, memory=memory, sentence=words)
        limit, why = self._limit(memory, baseline)
        if not why and not reading.total:
            why = "there are no answers to weigh"
        if why:
            return Judgement(verdict=Verdict.INSUFFICIENT, memory=memory, sentence=why)
        return self._weighed(memory or (limit,), reading.bad, reading.total, sharing)

    def wants_baseline(self, memory: tuple[int, ...]) -> bool:
        """Until the limit is set."""
        return not memory

    def check(self) -> None:
        """The limit leaves room for something worse."""
        between = f"{_LEAST_LIMIT:g} to below {HIGHEST_LIMIT:g}"
        remedy = f"give {between}; where most answers are bad anyway, count the good ones as bad"
        require(
            _LEAST_LIMIT <= self.limit < HIGHEST_LIMIT, "limit", f"{self.limit:g} is not in {between}", remedy
        )
        for name in ("min_samples", "baseline_min"):
            number = getattr(self, name)
            require(number >= 1, name, f"{number} is less than 1", "give 1 or more")
        more = "give 0 or more; 1.2 allows a fifth more than the baseline"
        require(self.tolerance >= 0, "tolerance", f"{self.tolerance:g} is less than 0", more)

    @abstractmethod
    def _weighed(self, memory: tuple[int, ...], bad: int, total: int, sharing: int) -> Judgement:
        """Judge at least one more answer; ``memory`` holds at least the limit."""

    def _limit(self, memory: tuple[int, ...], baseline: Reading | None) -> tuple[int, str]:
        """The limit in billionths, or why there is none yet."""
        if memory:
            return memory[0], ""
        if baseline is None:
            return round(self.limit * NANO), ""
        if baseline.bad is None or baseline.total is None or baseline.total < self.baseline_min:
            return (
                0,
                f"the baseline has {baseline.total or 0} answers; {self.baseline_min} are needed to compare",
            )
        allowed = max(self.limit, min(1.0, self.tolerance * upper_bound(baseline.bad, baseline.total)))
        if allowed >= HIGHEST_LIMIT:
            return 0, f"the baseline allows {per_cent(allowed)}; nothing could be told to be worse"
        return round(allowed * NANO), ""

    def _judgement(
        self, memory: tuple[int, ...], log: int, enough: int, words: str, numbers: dict[str, float]
    ) -> Judgement:
        found, wanted = nats((log, enough))
        limit = memory[0] / NANO
        return Judgement(
            verdict=Verdict.BREACH if log >= enough else Verdict.OK,
            memory=memory,
            sentence=f"{words}; the limit is {per_cent(limit)}; evidence {found:.1f} of {wanted:.1f} needed",
            numbers={**numbers, "limit": limit, "evidence": found, "needed": wanted},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence(Weighing):
    """Breach when the mixture likelihood ratio of the answers since the epoch began reaches ``sharing / alpha``.

    Valid at every look, so it may be asked as often as one likes: a feature whose true rate is at the limit or below
    is ever stopped with a probability of at most ``alpha``, all triggers of the feature that weigh taken together. See
    `triggers.methods.likelihood.evidence` for the formula.
    Memory: the limit in billionths, bad answers, all answers.
    """

    name: ClassVar[str] = "evidence"

    alpha: float = 0.01

    def check(self) -> None:
        """The chance of a false alarm is one."""
        Weighing.check(self)
        inside = 1e-9 <= self.alpha <= 0.5  # noqa: PLR2004 - a coin says no less
        require(
            inside,
            "alpha",
            f"{self.alpha:g} is not in 1e-9 to 0.5",
            "give the chance of a false alarm, as 0.01",
        )

    def _weighed(self, memory: tuple[int, ...], bad: int, total: int, sharing: int) -> Judgement:
        limit, seen_bad, seen = memory if len(memory) > 1 else (*memory, 0, 0)
        seen_bad, seen = seen_bad + bad, seen + total
        words = f"{seen_bad} of {seen} answers are bad ({per_cent(seen_bad / seen)})"
        if seen < self.min_samples:
            few = f"{words}; at least {self.min_samples} are needed to judge"
            before = memory if len(memory) > 1 else ()
            return Judgement(verdict=Verdict.INSUFFICIENT, memory=before, sentence=few)
        numbers = {"bad": seen_bad, "total": seen, "alpha": self.alpha / sharing, "shared_by": sharing}
        return self._judgement(
            (limit, seen_bad, seen),
            evidence(limit, seen_bad, seen),
            needed(sharing / self.alpha),
            words,
            numbers,
        )
