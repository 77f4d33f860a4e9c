"""For how long somebody has silenced a trigger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Mute:
    """That a trigger did nothing between two instants, because ``by`` said so."""

    start: datetime
    end: datetime
    by: str

    def within(self, start: datetime, end: datetime) -> timedelta:
        """How much of it lies between two instants."""
        return max(timedelta(0), min(self.end, end) - max(self.start, start))


def mutes(said: Iterable[tuple[datetime, datetime | None, str]]) -> list[Mute]:
    """What was said about muting one trigger, oldest first, as the spans in which it was muted.

    Each says when, until when (None: no longer), and who. Whatever is said next ends what was said before.
    """
    found: list[Mute] = []
    for at, until, by in said:
        if found and found[-1].end > at:
            found[-1] = Mute(found[-1].start, at, found[-1].by)
        if until is not None:
            found.append(Mute(at, until, by))
    return found
