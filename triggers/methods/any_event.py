"""Trip as soon as something happened at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from triggers.methods.method import Method, require
from triggers.reading import Reading
from triggers.verdict import Judgement, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyEvent(Method):
    """Breach when at least ``count`` bad things happened since the last acknowledgement.

    No statistics: meant for what must never happen, such as exposure of sensitive data.
    Memory: the number so far.
    """

    name: ClassVar[str] = "any_event"
    contiguous: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("bad", "count")
    shown: ClassVar[tuple[str, str]] = ("seen", "limit")

    count: int = 1

    def judge(
        self,
        memory: tuple[int, ...],
        *subject: Reading,
        baseline: Reading | None = None,
        sharing: int = 1,
    ) -> Judgement:
        """Add the reading's bad things to those seen before."""
        del baseline, sharing
        (reading,) = subject
        if reading.bad is None:
            sentence = "the source gave a value where any_event needs a count of bad things"
            return Judgement(verdict=Verdict.SOURCE_ERROR, memory=memory, sentence=sentence)
        seen = sum(memory) + reading.bad
        return Judgement(
            verdict=Verdict.BREACH if seen >= self.count else Verdict.OK,
            memory=(seen,),
            sentence=f"{seen} since the last acknowledgement; {self.count} is enough",
            numbers={"seen": seen, "limit": self.count},
        )

    def check(self) -> None:
        """At least one event is needed to trip."""
        require(self.count >= 1, "count", f"{self.count} is less than 1", "give 1 or more")
