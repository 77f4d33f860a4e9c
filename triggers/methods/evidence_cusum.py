"""Trip when recent answers speak clearly enough for a rate above the limit, however long all was well before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from triggers.methods.evidence import Weighing
from triggers.methods.likelihood import mixture, needed, ratios, weights
from triggers.methods.method import per_cent, require
from triggers.verdict import Judgement, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceCusum(Weighing):
    """Breach when the mean over worse rates q of exp(c_q) reaches ``run_length`` times ``sharing``.

    For each q, c_q = max(0, c_q) + the log-likelihood ratio of the new answers (Page 1954); a good past cannot be saved
    up. While the true rate is at the limit or below, an alarm comes after ``run_length`` evaluations or more on average
    (an e-detector: Shin, Ramdas and Rinaldo 2024), all triggers of the feature that weigh taken together. What is
    more than enough for an alarm is not kept, so that the end of a trouble is seen as fast as its begin.
    Memory: the limit in billionths; bad answers and all answers since no c_q was above 0; each c_q in nano-nats.
    """

    name: ClassVar[str] = "evidence_cusum"

    run_length: float = 10_000.0

    def check(self) -> None:
        """A false alarm is rarer than every second evaluation."""
        Weighing.check(self)
        inside = 2 <= self.run_length <= 1e12  # noqa: PLR2004 - no evaluator runs longer
        message = f"{self.run_length:g} is not in 2 to 1e12"
        require(inside, "run_length", message, "give the evaluations between two false alarms, as 10000")

    def _weighed(self, memory: tuple[int, ...], bad: int, total: int, sharing: int) -> Judgement:
        limit, run, sums = memory[0], memory[1:3] or (0, 0), memory[3:]
        before = sums or (0,) * len(weights(limit))
        if max(before) <= 0:
            run = (0, 0)
        seen_bad, seen = run[0] + bad, run[1] + total
        words = f"{seen_bad} of the last {seen} answers are bad ({per_cent(seen_bad / seen)})"
        if seen < self.min_samples:
            few = f"{words}; at least {self.min_samples} are needed to judge"
            return Judgement(verdict=Verdict.INSUFFICIENT, memory=memory if sums else (), sentence=few)
        enough = needed(self.run_length * sharing)
        # One alone is enough for an alarm when it is as many times above as there are.
        most = enough + needed(len(before))
        after = [
            min(most, max(0, c) + more) for c, more in zip(before, ratios(limit, bad, total), strict=True)
        ]
        numbers = {"bad": seen_bad, "total": seen, "run_length": self.run_length, "shared_by": sharing}
        remembered = (limit, seen_bad, seen, *after)
        return self._judgement(remembered, mixture(after), enough, words, numbers)
