"""What a metric source answered.

A reading is either numbers that can be trusted or a plain statement of why there are none. "Could not tell"
is its own outcome: no NaN, no infinity and no made-up zero can be put into a reading.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum


class Status(StrEnum):
    """How far a reading can be trusted."""

    OK = "ok"
    NO_DATA = "no_data"
    """The source answered, and it holds nothing for this question. It is not zero."""
    PARTIAL = "partial"
    """The source said that a part of its data did not take part in the answer."""
    INVALID = "invalid"
    """The source answered with something that is not one finite number of the kind asked for."""
    ERROR = "error"
    """The source did not answer: refused, failed, or ran out of time."""


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open span of time in UTC: ``start`` is in it, ``end`` is not."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long the window is; never negative, also when a clock was set back."""
        return max(self.end - self.start, timedelta(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One answer of a source for one window.

    ``bad`` of ``total`` is the preferred shape. A bare count has ``bad`` only; a gauge has ``value``, with
    ``samples`` where the source can tell how many observations are behind it. ``asked`` holds the queries
    as they were sent. Sources use `ratio`, `count`, `gauge` and `missing`, which turn what cannot be used
    into a status; the constructor raises ValueError for it.
    """

    status: Status
    window: Window
    bad: int | None = None
    total: int | None = None
    value: float | None = None
    samples: int | None = None
    newest_sample_at: datetime | None = None
    message: str = ""
    warnings: tuple[str, ...] = ()
    asked: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse numbers that nobody can have measured, and an ok reading without any."""
        if problem := self._problem():
            raise ValueError(problem)

    @property
    def is_usable(self) -> bool:
        """Whether there are numbers in it, if only of a part of the data."""
        return self.status in (Status.OK, Status.PARTIAL) and (self.bad is not None or self.value is not None)

    def _problem(self) -> str:
        for name, number in (("bad", self.bad), ("total", self.total), ("samples", self.samples)):
            if number is not None and (not isinstance(number, int) or number < 0):
                return f"{name} is not a whole number from 0: {number}"
        if self.value is not None and not is_finite(self.value):
            return f"value is {self.value}"
        if self.total is not None and (self.bad is None or self.bad > self.total):
            return f"bad is {self.bad} and total {self.total}"
        nothing = self.bad is None and self.value is None
        return "an ok reading needs a number" if nothing and self.status is Status.OK else ""

    @classmethod
    def ratio(cls, window: Window, bad: float, total: float) -> Reading:
        """``bad`` of ``total`` things; both are rounded, because some sources interpolate counters.

        For the same reason ``bad`` may be above ``total`` by a fraction of one thing: then all of them were bad.
        """
        if problem := _not_a_count("bad", bad) or _not_a_count("total", total):
            return cls.missing(Status.INVALID, window, problem)
        whole_bad, whole_total = round(bad), round(total)
        if whole_bad > whole_total and bad - total < 1:
            whole_bad = whole_total
        if whole_bad > whole_total:
            return cls.missing(Status.INVALID, window, f"bad is {whole_bad} and total only {whole_total}")
        return cls(status=Status.OK, window=window, bad=whole_bad, total=whole_total)

    @classmethod
    def count(cls, window: Window, bad: float) -> Reading:
        """A number of bad things where nobody counts the good ones."""
        if problem := _not_a_count("count", bad):
            return cls.missing(Status.INVALID, window, problem)
        return cls(status=Status.OK, window=window, bad=round(bad))

    @classmethod
    def gauge(cls, window: Window, value: float, samples: float | None = None) -> Reading:
        """A measured value; ``samples``: how many observations it stands for, None if unknown."""
        if not is_finite(value):
            return cls.missing(Status.INVALID, window, f"value is {value}")
        if samples is None:
            return cls(status=Status.OK, window=window, value=value)
        if problem := _not_a_count("samples", samples):
            return cls.missing(Status.INVALID, window, problem)
        return cls(status=Status.OK, window=window, value=value, samples=round(samples))

    @classmethod
    def missing(cls, status: Status, window: Window, message: str) -> Reading:
        """A reading without numbers, and why."""
        return cls(status=status, window=window, message=message)

    def warned(self, warnings: tuple[str, ...]) -> Reading:
        """The same reading with the source's warnings; a warning makes a good reading a partial one."""
        if not warnings:
            return self
        status = Status.PARTIAL if self.status is Status.OK else self.status
        return replace(self, status=status, warnings=warnings, message=self.message or warnings[0])


def is_finite(number: float) -> bool:
    """Whether a number can be computed with: not NaN, not infinite, no whole number beyond every float."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def _not_a_count(name: str, number: float) -> str:
    if not is_finite(number):
        return f"{name} is {number}"
    if number < 0:
        return f"{name} is negative: {number}"
    return ""
