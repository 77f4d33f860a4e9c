"""The calendar as it is known now, brought up to date by whoever has a timer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from controller.model_calendar.listings import Ask
from controller.model_calendar.listings.listing import BadListing
from stages.models import Calendar, ModelEnd

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Health:
    """How a listing does.

    ``listed_at`` is when it last answered, None if it never did; ``ends`` how many ends it named then; ``error`` what
    was wrong at the last attempt, and is empty if nothing was.
    """

    listed_at: datetime | None = None
    ends: int = 0
    tried_at: datetime | None = None
    error: str = ""

    def age_s(self, now: datetime) -> float | None:
        """How old the listing is, or None if there is none."""
        return (now - self.listed_at).total_seconds() if self.listed_at else None


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known from one listing."""

    calendar: Calendar
    health: Health


class ModelCalendar:
    """The list kept by hand, with the last good answer of every listing over it.

    Readers get a finished calendar and never wait, whatever the network does. A listing that fails keeps what it last
    said. What listings said lives in this process only, so refresh when it starts.
    """

    def __init__(self, kept: Calendar, listings: Mapping[str, Ask], now: Callable[[], datetime]) -> None:
        """Nothing is asked yet; until then there is the list kept by hand."""
        self._kept = kept
        self._listings = dict(listings)
        self._now = now
        self._known = {name: _Known(Calendar(), Health()) for name in self._listings}
        self._current = kept
        self._refreshing = threading.Lock()

    def current(self) -> Calendar:
        """The calendar as it is known now."""
        return self._current

    def health(self) -> dict[str, Health]:
        """How each listing does."""
        return {name: known.health for name, known in self._known.items()}

    def refresh(self) -> None:
        """Ask every listing once; a failure is kept for `health`. While another refresh runs this does nothing."""
        if not self._refreshing.acquire(blocking=False):
            return
        try:
            known = {name: self._asked(name, ask) for name, ask in self._listings.items()}
            listed = Calendar(end for one in known.values() for end in one.calendar)
            self._known, self._current = known, self._kept.merged_with(listed)
        finally:
            self._refreshing.release()

    def _asked(self, name: str, ask: Ask) -> _Known:
        before, now = self._known[name], self._now()
        try:
            ends = ask()
        except BadListing as error:
            return self._failed(name, before, now, str(error))
        except Exception as error:
            # A listing that breaks in an unforeseen way must not keep the others from being asked. Its text may
            # hold anything, so it is not shown.
            return self._failed(name, before, now, f"failed: {type(error).__name__}")
        calendar = _past(before.calendar, now).merged_with(Calendar(ends))
        return _Known(calendar, Health(listed_at=now, ends=len(ends), tried_at=now))

    def _failed(self, name: str, before: _Known, now: datetime, error: str) -> _Known:
        log.warning("the listing of models of %s failed: %s", name, error)
        return _Known(before.calendar, replace(before.health, tried_at=now, error=error))


def _past(ends: Iterable[ModelEnd], now: datetime) -> Calendar:
    """The ends that have come: providers drop such models from their listings, but they are no less gone."""
    return Calendar(end for end in ends if end.ends_at <= now.date())
