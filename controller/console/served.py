"""What users of a cohort were served on a day, as the record of changes tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import request

from controller.api.auth import services
from controller.console import asked
from controller.console.blueprint import blueprint
from controller.console.frame import frame, page
from controller.console.served_states import Served, served
from controller.errors import InvalidInput, Problem
from controller.store.audit import made_before, moves_between, states_before
from controller.store.changes import RecordedChange
from controller.store.database import Transaction
from controller.store.features import feature_names
from controller.store.projects import Environment

_EASTERNMOST = timedelta(hours=14)
"""In the easternmost zone it is that much later than in UTC."""
MOST = 500
"""How many moves of a day are told."""


@dataclass(frozen=True, slots=True)
class Span:
    """What was served from one instant to another; ``change`` set it, None if nothing ever did."""

    since: datetime
    until: datetime
    served: Served
    change: RecordedChange | None


@dataclass(frozen=True, slots=True)
class Told:
    """A feature over the time that is asked for."""

    key: str
    name: str
    spans: tuple[Span, ...]

    @property
    def reached(self) -> bool:
        """Whether anybody who is asked for may have had it, or it cannot be told."""
        return any(span.served.reached is not False for span in self.spans)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """From when until when, and who. For one instant both are the same."""

    since: datetime
    until: datetime
    cohort: str

    @property
    def is_instant(self) -> bool:
        """Whether one instant is asked for, and not a day."""
        return self.since == self.until


@blueprint.get("/projects/<project>/audit/served")
def show_served(project: str) -> str | tuple[str, int]:
    """What was served then, and which change had set it."""
    now, told = services().now(), list[Told]()
    wanted: Asked | None = None
    problems: tuple[Problem, ...] = ()
    with services().database.read() as tx:
        here = frame(tx, project, asked.text("environment"))
        try:
            wanted = _asked(now)
            if wanted and here.environment:
                told = _told(tx, here.environment, wanted)
        except InvalidInput as wrong:
            problems = wrong.problems
    shown = page(
        "served.html",
        here,
        wanted=None if problems else wanted,
        had=[each for each in told if each.reached],
        others=[each for each in told if not each.reached],
        given=request.args,
        problems=problems,
        latest=f"{now + _EASTERNMOST:%Y-%m-%d}",
    )
    return (shown, 422) if problems else shown


def _asked(now: datetime) -> Asked | None:
    """What is asked for; None if there is no day.

    Raises:
        InvalidInput: The day or the time is none, or has not come yet.
    """
    day = asked.day("day")
    if day is None:
        return None
    at = asked.minute("time")
    if (at or day) > now:
        field = "day" if at is None else "time"
        raise InvalidInput(Problem(field, "has not come yet", "the record tells what was, not what will be"))
    until = at or min(now, asked.day_after("day") or now)
    return Asked(since=at or day, until=until, cohort=asked.text("cohort"))


def _told(tx: Transaction, environment: Environment, wanted: Asked) -> list[Told]:
    project_id, key = environment.project_id, environment.key
    # A move at the very instant counts: it was in the flags then.
    begun = wanted.since + timedelta(microseconds=1)
    before = {change.feature: change for change in states_before(tx, project_id, key, begun)}
    moves: list[RecordedChange] = []
    if not wanted.is_instant:
        moves = moves_between(tx, project_id, key, begun, wanted.until, MOST + 1)
    if len(moves) > MOST:
        detail = f"more than {MOST} moves were made on that day"
        raise InvalidInput(Problem("time", detail, "choose a time of that day as well"))
    there = made_before(tx, project_id, wanted.until + timedelta(microseconds=1))
    later = _by_feature(moves)
    keys = sorted({*before, *there, *later})
    names = feature_names(tx, project_id, keys)
    return [
        Told(each, names.get(each, each), tuple(_spans(wanted, before.get(each), later.get(each, []))))
        for each in keys
    ]


def _spans(wanted: Asked, before: RecordedChange | None, moves: list[RecordedChange]) -> Iterator[Span]:
    """One span for each state of a feature, in their order."""
    states: list[tuple[datetime, RecordedChange | None]] = [(wanted.since, before)]
    states += [(move.at, move) for move in moves]
    ends = [at for at, _ in states[1:]] + [wanted.until]
    for (since, change), until in zip(states, ends, strict=True):
        yield Span(since, until, served(change, wanted.cohort), change)


def _by_feature(moves: list[RecordedChange]) -> Mapping[str, list[RecordedChange]]:
    found: dict[str, list[RecordedChange]] = {}
    for move in moves:
        found.setdefault(move.feature, []).append(move)
    return found
