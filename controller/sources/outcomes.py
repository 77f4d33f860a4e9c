"""The built-in source: what product code itself reported about its answers.

A team without any metrics stack has automatic rollback through this.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any, ClassVar, Self

from controller.errors import NotFound
from controller.sources.access import Access
from controller.sources.own_store import own_store_works
from controller.sources.source import BadQuery, BadSetting, Question, Shape, Source, Tried, shape_of
from controller.store.database import Database, DatabaseUnavailable, Transaction
from controller.store.outcomes import (
    MEASURES,
    NEEDS_LIMIT,
    SPEND,
    Count,
    Tally,
    cost_was_told_at,
    tallies,
    tallies_over_time,
)
from controller.store.projects import get_environment, get_project
from triggers import Reading, Status, Window

_REMEMBERED = timedelta(days=31)
"""Once costs were told, a time without answers is known to have cost nothing, for so long."""


class Outcomes(Source):
    """Counts reported outcomes.

    A query names a measure, and for some of them the limit above which an answer is bad.
    """

    kind: ClassVar[str] = "outcomes"
    shapes: ClassVar[tuple[Shape, ...]] = (Shape.MEASURE,)
    # A report is stamped before its transaction is committed; only after that long can it be counted for certain.
    lag_s: ClassVar[float] = 0.5
    at_once: ClassVar[int] = 500
    longest_history: ClassVar[int] = 50_000

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

    def test(self, deadline_s: float) -> Tried:  # noqa: ARG002 - the database has one of its own
        """See `Source.test`."""
        return own_store_works(self._database)

    def read(
        self, query: Mapping[str, str], variables: Mapping[str, str], window: Window, deadline_s: float
    ) -> Reading:
        """See `Source.read`. The deadline is the database's own."""
        (reading,) = self.read_many([Question(query, variables, window)], deadline_s)
        return reading

    def read_many(
        self,
        questions: Sequence[Question],
        deadline_s: float,  # noqa: ARG002 - the database has one of its own
    ) -> list[Reading]:
        """See `Source.read_many`. What is asked of one environment about one window is counted together."""
        readings: dict[int, Reading] = {}
        together: dict[tuple[str, str, Window], dict[int, Count]] = {}
        for place, question in enumerate(questions):
            try:
                self.check_query(question.query)
                where = (question.variables["project"], question.variables["environment"], question.window)
                together.setdefault(where, {})[place] = _count(question)
            except BadQuery as bad:
                readings[place] = _missing(Status.ERROR, question, str(bad))
            except KeyError as missing:
                readings[place] = _missing(
                    Status.ERROR, question, f"the variable {missing} has no value here"
                )
        for where, counts in together.items():
            asked = {place: questions[place] for place in counts}
            readings |= self._counted(where, counts, asked)
        return [readings[place] for place in range(len(questions))]

    def history(
        self,
        query: Mapping[str, str],
        variables: Mapping[str, str],
        windows: Sequence[Window],
        deadline_s: float,
    ) -> list[Reading]:
        """See `Source.history`. Windows that touch are counted in one statement, others one by one."""
        questions = [Question(query, variables, window) for window in windows]
        if any(after.start != before.end for before, after in pairwise(windows)):
            return self.read_many(questions, deadline_s)
        try:
            self.check_query(query)
            with self._database.read() as tx:
                project = get_project(tx, variables["project"])
                environment = get_environment(tx, project.id, variables["environment"])
                start, step = windows[0].start, windows[0].length
                count = _count(questions[0])
                found = tallies_over_time(tx, environment.id, count, start, step, len(windows))
                nothing = _silent(tx, environment.id, count, windows[-1])
        except (BadQuery, DatabaseUnavailable, NotFound, KeyError) as error:
            return [_missing(Status.ERROR, each, str(error)) for each in questions]
        return [_reading(each, found.get(place, nothing)) for place, each in enumerate(questions)]

    def _counted(
        self,
        where: tuple[str, str, Window],
        counts: Mapping[int, Count],
        asked: Mapping[int, Question],
    ) -> dict[int, Reading]:
        project, key, window = where
        try:
            with self._database.read() as tx:
                environment = get_environment(tx, get_project(tx, project).id, key)
                found = tallies(tx, environment.id, window.start, window.end, counts.values())
                for count in {count for count in counts.values() if not found[count].total}:
                    found[count] = _silent(tx, environment.id, count, window)
        except (DatabaseUnavailable, NotFound) as error:
            return {place: _missing(Status.ERROR, each, str(error)) for place, each in asked.items()}
        return {place: _reading(each, found[counts[place]]) for place, each in asked.items()}


def _count(question: Question) -> Count:
    query, variables = question.query, question.variables
    limit = _limit(query) if "limit" in query else None
    return Count(variables["feature"], query["measure"], variables.get("release"), limit)


def _silent(tx: Transaction, environment_id: int, count: Count, window: Window) -> Tally:
    """What is known of a window without answers: of money, when an answer last said what it cost."""
    if count.measure != SPEND:
        return Tally(0, 0, None)
    since = window.end - _REMEMBERED
    told_at = cost_was_told_at(tx, environment_id, count.feature, count.release, since, window.end)
    return Tally(0, 0, told_at)


def _reading(question: Question, counted: Tally) -> Reading:
    if question.query["measure"] == SPEND and counted.newest_at is not None:
        # Where costs are told, no answer cost nothing. How old the newest is tells a product that fell silent.
        spent = Reading.gauge(question.window, counted.spent, counted.total)
        return replace(spent, newest_sample_at=counted.newest_at, asked=dict(question.query))
    if not counted.total:
        return _missing(Status.NO_DATA, question, "no outcome that tells was reported in the window")
    reading = Reading.ratio(question.window, counted.bad, counted.total)
    return replace(reading, newest_sample_at=counted.newest_at, asked=dict(question.query))


def _missing(status: Status, question: Question, message: str) -> Reading:
    return replace(Reading.missing(status, question.window, message), asked=dict(question.query))


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
