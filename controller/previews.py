"""Read a source once, as a trigger would, before the trigger is there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from controller.rollouts import Clock, Where, locate
from controller.sources import Question
from controller.sources.access import Access
from controller.store.database import Database
from controller.subjects import variables_of
from controller.trigger_definitions import Definition, build_trigger, source_for
from triggers import Ask, Reading, State, asks


@dataclass(frozen=True, slots=True)
class Seen:
    """What was asked, and what the source answered."""

    ask: Ask
    reading: Reading


@dataclass(frozen=True, slots=True)
class Previews:
    """One read now. Nothing is written, and nothing is judged."""

    database: Database
    access: Access
    now: Clock
    deadline_s: float

    def read(self, where: Where, definition: Definition) -> tuple[Seen, ...]:
        """What the source answers to each question of a definition: the windows that are judged, then the baseline.

        Raises:
            InvalidInput: A part of the definition cannot be used.
        """
        trigger = build_trigger(definition)
        with self.database.read() as tx:
            rollout = locate(tx, where)
            stored, source = source_for(tx, rollout.project_id, definition, self.access)
        until = self.now() - timedelta(seconds=source.timing(stored.settings).lag_s)
        asked = asks(trigger, State(), until)
        questions = [
            Question(
                definition.query, variables_of(where.project, rollout.rollout, trigger, ask.side), ask.window
            )
            for ask in asked
        ]
        return tuple(map(Seen, asked, source.read_many(questions, self.deadline_s)))
