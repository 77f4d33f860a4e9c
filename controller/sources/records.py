"""The built-in source about Headgate's own records: models that are about to end, evidence that has expired."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from controller.errors import Conflict, NotFound
from controller.model_calendar import ModelCalendar
from controller.sources.access import Access, Needs
from controller.sources.own_store import own_store_works
from controller.sources.source import BadQuery, BadSetting, Shape, Source, Tried, shape_of
from controller.store.database import Database, DatabaseUnavailable, Transaction
from controller.store.evidence import evidence_of
from controller.store.features import feature_by_id
from controller.store.measurements import progress_of
from controller.store.outcomes import count_answers
from controller.store.projects import get_environment, get_project
from controller.store.releases import get_release
from controller.store.rollouts import StoredRollout, get_rollout
from stages import DAY, Missed, Requirement, answers_a_day, expiry, models_of, retiring
from triggers import Reading, Status, Window

_DATED = ("models_retiring", "evidence_expired")
"""Measures that look some days ahead."""
_MEASURES = (*_DATED, "review_load", "business_metric_behind")
_LONGEST_DAYS = 3650


class Records(Source):
    """Counts what is about to go wrong by itself.

    ``models_retiring``: of the models of the releases that users get, fallbacks included, those that end within
    ``limit`` days. ``evidence_expired``: of the requirements that something was handed in for, those whose newest
    evidence has expired, or does so within ``limit`` days; what the stage only reminds of does not count.
    ``review_load``: how many answers a day are held for review, in parts of what the feature's reviewers can look at.
    ``business_metric_behind``: 1 of 1 if the business metric, as it was measured last, is no better than its baseline.
    """

    kind: ClassVar[str] = "records"
    shapes: ClassVar[tuple[Shape, ...]] = (Shape.MEASURE,)

    def __init__(self, database: Database, calendar: ModelCalendar, needs: Needs) -> None:
        """``calendar`` tells when models end, ``needs`` how long evidence lives."""
        self._database = database
        self._calendar = calendar
        self._needs = needs

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], access: Access) -> Self:
        """Make the source; it has nothing to set."""
        if settings:
            raise BadSetting(next(iter(settings)), "the records source has no settings", "leave it out")
        return cls(access.database, access.calendar, access.needs)

    def check_query(self, query: Mapping[str, str]) -> None:
        """See `Source.check_query`."""
        shape_of(query, self.shapes)
        if query["measure"] not in _MEASURES:
            remedy = f"use one of {', '.join(_MEASURES)}"
            raise BadQuery("measure", f"{query['measure']!r} is not counted", remedy)
        if "limit" in query and query["measure"] not in _DATED:
            raise BadQuery("limit", f"{query['measure']} looks at now", "leave it out")
        _days(query)

    def follows_window(self, query: Mapping[str, str]) -> bool:  # noqa: ARG002 - the same for all
        """See `Source.follows_window`: of the window only its end matters."""
        return False

    def test(self, deadline_s: float) -> Tried:  # noqa: ARG002 - the database has one of its own
        """See `Source.test`."""
        return own_store_works(self._database)

    def read(
        self,
        query: Mapping[str, str],
        variables: Mapping[str, str],
        window: Window,
        deadline_s: float,  # noqa: ARG002 - the database has one of its own
    ) -> Reading:
        """See `Source.read`. Of the window only its end matters: it is the moment that is asked about."""
        try:
            self.check_query(query)
            with self._database.read() as tx:
                reading = self._count(tx, query, variables, window)
        except (BadQuery, Conflict, DatabaseUnavailable, NotFound) as error:
            reading = Reading.missing(Status.ERROR, window, str(error))
        return replace(reading, asked=dict(query))

    def _count(
        self, tx: Transaction, query: Mapping[str, str], variables: Mapping[str, str], window: Window
    ) -> Reading:
        project = get_project(tx, variables["project"])
        environment = get_environment(tx, project.id, variables["environment"])
        stored = get_rollout(tx, environment.id, variables["feature"])
        if query["measure"] == "review_load":
            return _review_load(tx, stored, window)
        if query["measure"] == "business_metric_behind":
            return _behind(tx, stored, window)
        soon = window.end + timedelta(days=_days(query))
        counted = self._retiring if query["measure"] == "models_retiring" else self._expired
        bad, total, nothing = counted(tx, stored, window, soon)
        return (
            Reading.ratio(window, bad, total) if total else Reading.missing(Status.NO_DATA, window, nothing)
        )

    def _retiring(
        self, tx: Transaction, stored: StoredRollout, window: Window, soon: datetime
    ) -> tuple[int, int, str]:
        releases = [get_release(tx, stored.feature_id, id) for id in stored.rollout.serves]
        models = [model for release in releases for model in models_of(release.bundle)]
        ending = retiring(models, self._calendar.current(), window.end.date(), soon.date())
        return sum(1 for _ in ending), len(models), "no release is served"

    def _expired(
        self, tx: Transaction, stored: StoredRollout, _window: Window, soon: datetime
    ) -> tuple[int, int, str]:
        needs = self._needs(tx, stored)
        newest = {
            item.requirement: expiry(needs.get(item.requirement), item.judged)
            for item in evidence_of(tx, stored.feature_id)
            if not _only_reminds(needs.get(item.requirement))
        }
        gone = [end for end in newest.values() if end is not None and end <= soon]
        return len(gone), len(newest), "no evidence was handed in"


def _only_reminds(need: Requirement | None) -> bool:
    return need is not None and need.missed is Missed.REMIND


def _review_load(tx: Transaction, stored: StoredRollout, window: Window) -> Reading:
    capacity = feature_by_id(tx, stored.feature_id).review_capacity_per_day
    if not capacity:
        why = "the feature does not say how many answers its reviewers can look at"
        return Reading.missing(Status.NO_DATA, window, why)
    since = max(window.end - DAY, stored.rollout.stage_since)
    held = count_answers(tx, stored.environment_id, stored.rollout.feature, since, mode="review")
    return Reading.gauge(window, answers_a_day(held, since, window.end) / capacity)


def _behind(tx: Transaction, stored: StoredRollout, window: Window) -> Reading:
    standing = progress_of(tx, feature_by_id(tx, stored.feature_id))
    if standing is None or standing.baseline is None:
        why = "the business metric has no baseline, no target, or was never measured"
        return Reading.missing(Status.NO_DATA, window, why)
    if standing.is_old(window.end):
        return Reading.missing(
            Status.NO_DATA, window, f"measured last on {standing.at:%Y-%m-%d}, too long ago"
        )
    return Reading.ratio(window, 0 if standing.is_improvement else 1, 1)


def _days(query: Mapping[str, str]) -> float:
    try:
        days = float(query.get("limit", "0"))
    except ValueError:
        days = math.nan
    if not 0 <= days <= _LONGEST_DAYS:
        remedy = f"give a number of days from 0 to {_LONGEST_DAYS}"
        raise BadQuery("limit", f"{query.get('limit')!r} is no number of days", remedy)
    return days
