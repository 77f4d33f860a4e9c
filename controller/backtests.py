"""Try a trigger out on the past, before it may act: the same code over recorded history."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from controller.errors import InvalidInput, NotFound, Problem
from controller.histories import (
    check_baseline,
    check_replayable,
    from_csv,
    is_money,
    recorded,
    rows_of_windows,
)
from controller.rollouts import Clock, Where, locate
from controller.sources.access import Access
from controller.store.columns import Broken
from controller.store.database import Database, Transaction
from controller.store.readings import readings_between
from controller.store.rollouts import StoredRollout
from controller.store.triggers import StoredTrigger, triggers_of
from controller.subjects import variables_of
from controller.trigger_definitions import Definition, build_trigger, source_for
from controller.trigger_edits import among_others
from triggers import (
    MOST,
    Ask,
    Baseline,
    History,
    Plant,
    Reading,
    Replay,
    Side,
    Status,
    Trigger,
    Window,
    replay,
)

_DEADLINE_S = 60.0
_DEFAULT = timedelta(days=30)


class From(StrEnum):
    """Where the history comes from."""

    SOURCE = "source"
    """The source is asked about the past."""
    READINGS = "readings"
    """What the trigger has read already."""
    CSV = "csv"
    """A file that came with the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What to replay. ``settings``: one or two definitions; ``plant``: a degradation to be noticed.

    ``troubles``: when something was wrong indeed, so that firing was right.
    """

    settings: tuple[Definition, ...]
    history: From = From.SOURCE
    csv: str = ""
    start: datetime | None = None
    end: datetime | None = None
    plant: Plant | None = None
    troubles: tuple[Window, ...] = ()
    acknowledged_after_s: int = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtested:
    """What one of the settings would have done. ``planted`` is the same with the degradation in the history.

    ``failed``: how many windows of the history the source did not answer. ``why`` tells it of the first of them, or
    why there is nothing in any window at all.
    """

    definition: Definition
    trigger: Trigger
    replay: Replay
    failed: int
    why: str
    false_alarms_per_month: float
    noticed_after: timedelta | None = None
    planted: Replay | None = None


@dataclass(frozen=True, slots=True)
class _Told:
    """A history, of what is judged and of the stable release if that is compared with it."""

    subject: History
    baseline: History = field(default_factory=lambda: History(()))

    def answers(self, trigger: Trigger) -> Callable[[Ask], Reading]:
        """What answers the questions of a trigger."""
        stable = trigger.baseline is Baseline.STABLE

        def answer(ask: Ask) -> Reading:
            side = self.baseline if stable and ask.side is Side.BASELINE else self.subject
            return side.answer(ask.window)

        return answer

    def planted(self, plant: Plant) -> _Told:
        """The same, with a degradation in what is judged."""
        return _Told(self.subject.planted(plant), self.baseline)


class Backtests:
    """Replays triggers. Nothing is written."""

    def __init__(self, database: Database, access: Access, now: Clock) -> None:
        self._database = database
        self._access = access
        self._now = now

    def definition_of(self, where: Where, key: str) -> Definition:
        """A trigger as it stands, as somebody would write it down.

        Raises:
            NotFound: There is none, or none that can be read.
        """
        with self._database.read() as tx:
            stored = _find(tx, locate(tx, where).id, key)
        return Definition.of(stored)

    def run(self, where: Where, trial: Trial) -> list[Backtested]:
        """Replay each of the settings over the same span of time.

        Raises:
            InvalidInput: A definition or the history cannot be used; names the field.
        """
        triggers = [build_trigger(definition) for definition in trial.settings]
        with self._database.read() as tx:
            rollout = locate(tx, where)
        # Two settings are mostly asked about the same: then it is asked once.
        trial, known = replace(trial, end=trial.end or self._now()), _Known()
        return [
            self._tried(where, rollout, trial, definition, trigger, known)
            for definition, trigger in zip(trial.settings, triggers, strict=True)
        ]

    def _tried(
        self,
        where: Where,
        rollout: StoredRollout,
        trial: Trial,
        definition: Definition,
        trigger: Trigger,
        known: _Known,
    ) -> Backtested:
        span = self._span(trial, trigger)
        with self._database.read() as tx:
            trigger = among_others(tx, rollout.id, trigger)
        told = self._told(where, rollout, trial, definition, trigger, span, known)
        check_replayable(told.subject, trigger)
        if trial.history is not From.SOURCE:
            span = _inside(told.subject, trial, span)
        _check_length(trigger, span)
        patience = trial.acknowledged_after_s
        plain = replay(trigger, told.answers(trigger), span.start, span.end, patience)
        planted = noticed = None
        if trial.plant:
            _check_planted(trial.plant, span)
            worse = told.planted(trial.plant).answers(trigger)
            planted = replay(trigger, worse, span.start, span.end, patience)
            noticed = planted.noticed_after(trial.plant.at)
        failed = [each for each in told.subject.readings if each.status not in (Status.OK, Status.NO_DATA)]
        silent = [] if told.subject.tells else told.subject.readings
        return Backtested(
            definition=definition,
            trigger=trigger,
            replay=plain,
            failed=len(failed),
            why=next((each.message for each in (*failed, *silent)), ""),
            false_alarms_per_month=plain.false_alarms_per_month(trial.troubles),
            noticed_after=noticed,
            planted=planted,
        )

    def _span(self, trial: Trial, trigger: Trigger) -> Window:
        end = trial.end or self._now()
        start = trial.start or end - _DEFAULT
        if start >= end:
            raise InvalidInput(Problem("from", "is not before the end", "give an earlier time"))
        if trial.history is From.SOURCE:
            _check_length(trigger, Window(start, end))
        return Window(start, end)

    def _told(
        self,
        where: Where,
        rollout: StoredRollout,
        trial: Trial,
        definition: Definition,
        trigger: Trigger,
        span: Window,
        known: _Known,
    ) -> _Told:
        if trial.history is From.CSV:
            check_baseline(trigger, "a CSV file")
            same = (trigger.interval_s, is_money(trigger))
            return _Told(known.once(same, lambda: from_csv(trial.csv, trigger)))
        if trial.history is From.READINGS:
            check_baseline(trigger, "what was read")
            with self._database.read() as tx:
                stored = _find(tx, rollout.id, definition.key)
                rows = readings_between(tx, stored.id, span.start, span.end, MOST)
            return _Told(recorded(rows, trigger))
        return self._asked(where, rollout, definition, trigger, span, known)

    def _asked(
        self,
        where: Where,
        rollout: StoredRollout,
        definition: Definition,
        trigger: Trigger,
        span: Window,
        known: _Known,
    ) -> _Told:
        with self._database.read() as tx:
            _, source = source_for(tx, rollout.project_id, definition, self._access)
        asked = list(rows_of_windows(trigger, definition.query, span, source))
        if len(asked[0]) > source.longest_history:
            message = (
                f"{len(asked[0])} windows are more than {source.longest_history}, "
                "which this source can be asked"
            )
            raise InvalidInput(Problem("from", message, "give a shorter time, or a longer interval_s"))

        def ask(side: Side) -> History:
            variables = variables_of(where.project, rollout.rollout, trigger, side)
            question = (definition.source, *map(_items, (definition.query, variables)))
            amounts = is_money(trigger)

            def told(windows: list[Window]) -> History:
                readings = source.history(definition.query, variables, windows, _DEADLINE_S)
                _check_answered(readings)
                return History.of(readings, amounts=amounts)

            # The first row of windows that holds anything, or else the first.
            found = (
                known.once((question, amounts, windows[:2], len(windows)), partial(told, windows))
                for windows in asked
            )
            first = next(found)
            return first if first.tells else next((each for each in found if each.tells), first)

        if trigger.baseline is Baseline.STABLE:
            return _Told(ask(Side.SUBJECT), ask(Side.BASELINE))
        return _Told(ask(Side.SUBJECT))


class _Known:
    """Histories that were asked for already."""

    def __init__(self) -> None:
        self._found: list[tuple[object, History]] = []

    def once(self, what: object, make: Callable[[], History]) -> History:
        """The history that goes by this name; made if there is none yet."""
        for name, history in self._found:
            if name == what:
                return history
        self._found.append((what, make()))
        return self._found[-1][1]


def _items(texts: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted(texts.items())


def _find(tx: Transaction, rollout_id: int, key: str) -> StoredTrigger:
    for item in triggers_of(tx, rollout_id):
        if not isinstance(item, Broken) and item.trigger.key == key:
            return item
    raise NotFound("trigger", key)


def _inside(history: History, trial: Trial, span: Window) -> Window:
    """The span that the history is about, within what was asked for."""
    if history.begins is None or history.ends is None:
        raise InvalidInput(
            Problem("history", "nothing was read in this time", "give another"), code="bad_history"
        )
    start = max(history.begins, span.start) if trial.start else history.begins
    end = min(history.ends, span.end) if trial.end else history.ends
    if start >= end:
        raise InvalidInput(Problem("from", "the history holds nothing of this time", "give another"))
    return Window(start, end)


def _check_planted(plant: Plant, span: Window) -> None:
    if not span.start <= plant.at < span.end:
        between = f"{span.start.isoformat()} and {span.end.isoformat()}"
        raise InvalidInput(Problem("plant.at", "is outside of the history", f"give a time between {between}"))


def _check_length(trigger: Trigger, span: Window) -> None:
    count = span.length // timedelta(seconds=trigger.interval_s)
    if count > MOST:
        message = f"{count} evaluations are more than {MOST}"
        raise InvalidInput(Problem("from", message, "give a shorter time, or a longer interval_s"))


def _check_answered(readings: Sequence[Reading]) -> None:
    """A source that answered nothing at all is an error, and not a month of silence."""
    failed = [each for each in readings if each.status not in (Status.OK, Status.NO_DATA)]
    if failed and not any(each.status is Status.OK for each in readings):
        problem = Problem(
            "source", f"{failed[0].status}: {failed[0].message}", "mend the query or the source"
        )
        raise InvalidInput(problem, code="bad_history")
