"""Trip when the money of a calendar period is spent, or will be at this pace."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from triggers.methods.method import Method, per_cent, require
from triggers.reading import Reading
from triggers.verdict import Judgement, Severity, Verdict

_PERIODS = ("day", "week", "month")
_MICRO = 10**6
_MOST = 1e12
_LESS = 0.99
"""A sum may fall by so much without anybody wondering: sources interpolate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget(Method):
    """A critical breach when ``shutdown`` times ``amount`` is spent in the calendar period, a warning before.

    The warning comes when ``alert`` times the amount is spent, or when it is projected that by the end of the period
    what shuts down will be: spent so far, plus the pace of the last ``window_s`` seconds for the time that is left.
    ``project`` 0 leaves the projection out. Periods are ``day``, ``week`` (from Monday) and ``month``, in UTC. The
    source is asked for the sum since the period began, each time anew, and not since a release: money is spent whoever
    spent it. A sum that falls was not asked over the whole period, and is no reason to be calm.
    Memory: when the period began, in seconds since 1970, and the highest sum so far, in millionths.
    """

    name: ClassVar[str] = "budget"
    across_epochs: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("value",)
    shown: ClassVar[tuple[str, str]] = ("spent", "shutdown_at")

    amount: float
    period: str = "month"
    currency: str = "USD"
    alert: float = 0.8
    shutdown: float = 1.0
    project: int = 1

    def spans(self, window_s: int, now: datetime) -> tuple[timedelta, ...]:
        """The period so far, and what tells the pace."""
        so_far = now - began(self.period, now)
        return (so_far, timedelta(seconds=window_s)) if self.project else (so_far,)

    def judge(
        self,
        memory: tuple[int, ...],
        *subject: Reading,
        baseline: Reading | None = None,
        sharing: int = 1,
    ) -> Judgement:
        """Compare what is spent, and what will be."""
        del baseline, sharing
        sums = [reading.value for reading in subject]
        known = [value for value in sums if value is not None]
        if len(known) < len(sums) or min(known) < 0 or max(known) > _MOST:
            words = "the source gave no sum of money: ask for a value from 0 up"
            return Judgement(verdict=Verdict.SOURCE_ERROR, memory=memory, sentence=words)
        start = began(self.period, subject[0].window.start)
        highest = memory[1] if memory and memory[0] == int(start.timestamp()) else 0
        spent = max(highest, round(known[0] * _MICRO)) / _MICRO
        lost = known[0] < highest / _MICRO * _LESS
        return self._judged(start, spent, subject, memory, lost=lost)

    def check(self) -> None:
        """There is an amount, a period and an order of severities."""
        inside = f"{1 / _MICRO:g} to {_MOST:g}"
        require(
            1 / _MICRO <= self.amount <= _MOST,
            "amount",
            f"{self.amount:g} is not in {inside}",
            f"give {inside}",
        )
        periods = f"give one of {', '.join(_PERIODS)}"
        require(self.period in _PERIODS, "period", f"{self.period!r} is not a period", periods)
        code = re.fullmatch(r"[A-Z]{3}", self.currency) is not None
        require(code, "currency", f"{self.currency!r} is not a currency", "give its three letters, as EUR")
        ordered = 0 < self.alert <= self.shutdown <= 100  # noqa: PLR2004 - nobody means more
        message = f"alert {self.alert:g} and shutdown {self.shutdown:g} are not in order"
        require(
            ordered, "alert", message, "give shares of the amount: alert above 0, shutdown no lower than it"
        )
        require(
            self.project in (0, 1),
            "project",
            f"{self.project} is neither 0 nor 1",
            "give 1 to project, else 0",
        )

    def _judged(
        self,
        start: datetime,
        spent: float,
        subject: tuple[Reading, ...],
        memory: tuple[int, ...],
        *,
        lost: bool,
    ) -> Judgement:
        projected = self._projected(start, spent, subject)
        shutdown_at, alert_at = self.shutdown * self.amount, self.alert * self.amount
        critical = spent >= shutdown_at
        warning = critical or spent >= alert_at or projected >= shutdown_at
        words = self._words(spent, projected)
        if lost and not critical:
            words += "; the source now counts less than before, so it does not keep the whole period"
            return Judgement(verdict=Verdict.SOURCE_ERROR, memory=memory, sentence=words)
        return Judgement(
            verdict=Verdict.BREACH if warning else Verdict.OK,
            severity=Severity.CRITICAL if critical else Severity.WARNING,
            memory=(int(start.timestamp()), round(spent * _MICRO)),
            sentence=words,
            numbers={
                "spent": spent,
                "projected": projected,
                "amount": self.amount,
                "alert_at": alert_at,
                "shutdown_at": shutdown_at,
            },
        )

    def _projected(self, start: datetime, spent: float, subject: tuple[Reading, ...]) -> float:
        if len(subject) == 1 or not subject[1].window.length:
            return spent
        left = max(ends(self.period, start) - subject[0].window.end, timedelta(0))
        return spent + (subject[1].value or 0.0) * (left / subject[1].window.length)

    def _words(self, spent: float, projected: float) -> str:
        pace = f"; {projected:.2f} by its end at the present pace" if self.project else ""
        return (
            f"{spent:.2f} of {self.amount:.2f} {self.currency} spent this {self.period} "
            f"({per_cent(spent / self.amount)}){pace}; alert at {per_cent(self.alert)}, "
            f"shutdown at {per_cent(self.shutdown)}"
        )


def began(period: str, at: datetime) -> datetime:
    """When the calendar period began that an instant is in, in UTC."""
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return day
    return day - timedelta(days=day.weekday() if period == "week" else day.day - 1)


def ends(period: str, start: datetime) -> datetime:
    """When a calendar period ends that began then."""
    if period == "month":
        return (start + timedelta(days=32)).replace(day=1)
    return start + timedelta(days=7 if period == "week" else 1)
