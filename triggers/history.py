"""Recorded answers of a source, from which questions about any window can be answered again."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import accumulate, pairwise
from math import floor

from triggers.reading import Reading, Status, Window


@dataclass(frozen=True, slots=True)
class Plant:
    """A degradation put into a history to see when it is noticed: from ``at`` on, so many more are bad.

    ``share`` of the answers that were good are bad, or a count or value is so many times more by ``times``.
    """

    at: datetime
    share: float = 0.0
    times: float = 1.0


@dataclass(frozen=True, slots=True)
class History:
    """Readings of one source, sorted by the ends of their windows.

    Where the windows do not overlap, bad, total and count are added up over whichever window is asked about, and so are
    values if they are ``amounts``, such as money. Otherwise a question is answered by the newest reading in its window.
    """

    readings: tuple[Reading, ...]
    amounts: bool = False
    overlaps: bool = field(init=False)
    _told: tuple[Reading, ...] = field(init=False, repr=False)
    _ends: tuple[datetime, ...] = field(init=False, repr=False)
    _sums: tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Sum up once, so that a window of any length costs the same."""
        told = tuple(reading for reading in self.readings if reading.status is Status.OK)
        pairs = pairwise(self.readings)
        sums = (_sums(each.bad for each in told), _sums(each.total for each in told))
        found = {
            "overlaps": any(after.window.start < before.window.end for before, after in pairs),
            "_told": told,
            "_ends": tuple(reading.window.end for reading in told),
            "_sums": (*sums, _sums(each.value for each in told)),
        }
        for name, value in found.items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, readings: Iterable[Reading], *, amounts: bool = False) -> History:
        """Readings in any order."""
        return cls(tuple(sorted(readings, key=lambda reading: reading.window.end)), amounts)

    @property
    def begins(self) -> datetime | None:
        """The start of the first window; None if there is none."""
        return self.readings[0].window.start if self.readings else None

    @property
    def ends(self) -> datetime | None:
        """The end of the last window; None if there is none."""
        return self.readings[-1].window.end if self.readings else None

    @property
    def tells(self) -> bool:
        """Whether there is anything in it at all."""
        return bool(self._told)

    def answer(self, window: Window) -> Reading:
        """What the source would have said about a window."""
        first, last = bisect_right(self._ends, window.start), bisect_right(self._ends, window.end)
        if first >= last:
            return Reading.missing(Status.NO_DATA, window, "the history holds nothing for this window")
        newest = self._told[last - 1]
        if self.overlaps or (newest.value is not None and not self.amounts):
            return replace(newest, window=window)
        bads, totals, values = self._sums
        if newest.value is not None:
            return Reading.gauge(window, values[last] - values[first])
        total = None if newest.total is None else int(totals[last] - totals[first])
        return Reading(status=Status.OK, window=window, bad=int(bads[last] - bads[first]), total=total)

    def planted(self, plant: Plant) -> History:
        """The same history with a degradation in it. Parts of an answer are carried over to the next window."""
        carried, worse = 0.0, list[Reading]()
        for reading in self.readings:
            if reading.window.start < plant.at or reading.status is not Status.OK:
                worse.append(reading)
                continue
            more, carried = _more(reading, plant, carried)
            worse.append(more)
        return History(tuple(worse), self.amounts)


def _more(reading: Reading, plant: Plant, carried: float) -> tuple[Reading, float]:
    if reading.value is not None:
        return replace(reading, value=reading.value * plant.times), carried
    bad, total = reading.bad or 0, reading.total
    wanted = carried + bad * (plant.times - 1)
    if total is not None:
        wanted += (total - bad) * plant.share
    more = floor(wanted + 1e-9)
    worse = bad + more if total is None else min(total, bad + more)
    return replace(reading, bad=worse), wanted - more


def _sums(numbers: Iterable[float | None]) -> tuple[float, ...]:
    return tuple(accumulate((number or 0 for number in numbers), initial=0))


def tiles(ends: Sequence[datetime], start: datetime) -> list[Window]:
    """Windows that touch, ending then."""
    return [Window(before, after) for before, after in pairwise([start, *ends])]
