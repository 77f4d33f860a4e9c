"""The built-in source: what product code itself reported about its answers.

A team without any metrics stack has automatic rollback through this.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Self

from controller.errors import NotFound
from controller.sources.access import Access
from controller.sources.source import BadQuery, BadSetting, Shape, Source, shape_of
from controller.store.database import Database, DatabaseUnavailable
from controller.store.outcomes import MEASURES, NEEDS_LIMIT, tally
from controller.store.projects import get_environment, get_project
from triggers import Reading, Status, Window


class Outcomes(Source):
    """Counts reported outcomes.

    A query names a measure, and for some of them the limit above which an answer is bad.
    """

    kind: ClassVar[str] = "outcomes"
    shapes: ClassVar[tuple[Shape, ...]] = (Shape.MEASURE,)
    # A report is stamped before its transaction is committed; only after that long can it be counted for certain.
    lag_s: ClassVar[float] = 0.5

    def __init__(self, database: Database) -> None:
        """``database`` is where outcomes are kept."""
        self._database = database

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], access: Access) -> Self:
        """Make the source; it has nothing to set."""
        if settings:
            raise BadSetting(next(iter(settings)), "the outcomes source has no settings", "leave it out")
        return cls(access.database)

    def check_query(self, query: Mapping[str, str]) -> None:
        """See `Source.check_query`."""
        shape_of(query, self.shapes)
        measure = query["measure"]
        if measure not in MEASURES:
            raise BadQuery("measure", f"{measure!r} is not counted", f"use one of {', '.join(MEASURES)}")
        if measure in NEEDS_LIMIT:
            _limit(query)
        elif "limit" in query:
            raise BadQuery("limit", f"{measure} is counted without a limit", "leave it out")

    def read(
        self,
        query: Mapping[str, str],
        variables: Mapping[str, str],
        window: Window,
        deadline_s: float,  # noqa: ARG002 - the database has one of its own
    ) -> Reading:
        """See `Source.read`. The deadline is the database's own."""
        try:
            self.check_query(query)
            reading = self._count(query, variables, window)
        except (BadQuery, DatabaseUnavailable, NotFound) as error:
            reading = Reading.missing(Status.ERROR, window, str(error))
        return replace(reading, asked=dict(query))

    def _count(self, query: Mapping[str, str], variables: Mapping[str, str], window: Window) -> Reading:
        with self._database.read() as tx:
            environment = get_environment(
                tx, get_project(tx, variables["project"]).id, variables["environment"]
            )
            counted = tally(
                tx,
                environment.id,
                variables["feature"],
                query["measure"],
                window.start,
                window.end,
                release=variables.get("release"),
                limit=_limit(query) if "limit" in query else None,
            )
        if not counted.total:
            return Reading.missing(Status.NO_DATA, window, "no outcome that tells was reported in the window")
        return replace(Reading.ratio(window, counted.bad, counted.total), newest_sample_at=counted.newest_at)


def _limit(query: Mapping[str, str]) -> float:
    try:
        limit = float(query.get("limit", ""))
    except ValueError:
        limit = math.nan
    if not (math.isfinite(limit) and limit >= 0):
        raise BadQuery(
            "limit", f"{query.get('limit')!r} is not a number from 0 up", "give the highest good value"
        )
    return limit
