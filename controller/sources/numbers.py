"""Sources whose queries name a number each: what they have in common around the asking itself."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from controller.sources.parts import Part, reading_of
from controller.sources.source import BadQuery, Question, Shape, Source, shape_of
from controller.sources.template import MissingValue
from controller.sources.wording import one_line
from triggers import Reading, Status, Window

NUMBERS = (Shape.RATIO, Shape.COUNT, Shape.VALUE)
"""The shapes whose parts are a number each."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it is asked: the parts that are numbers, and the others, all filled in."""

    numbers: Mapping[str, str]
    others: Mapping[str, str]


class Numbers(Source):
    """A source that is asked for ``bad`` and ``total``, a ``count``, or a ``value``; perhaps with ``others`` beside."""

    shapes: ClassVar[tuple[Shape, ...]] = NUMBERS
    others: ClassVar[tuple[str, ...]] = ()
    redact: Callable[[str], str] = str

    @abstractmethod
    def check_part(self, part: str, text: str) -> None:
        """Find out whether one part of a query can be used.

        Raises:
            BadQuery: It cannot.
        """

    @abstractmethod
    def fill(self, part: str, text: str, variables: Mapping[str, str], window: Window) -> str:
        """One part of a query with its variables filled in.

        Raises:
            BadQuery: The part cannot be used.
            MissingValue: A variable has no value, or one that cannot stand there.
        """

    @abstractmethod
    def answers(self, window: Window, asked: Sequence[Asked], until: float) -> Sequence[Mapping[str, Part]]:
        """What is answered to each question about one window, part by part, before ``until`` by the clock.

        It raises nothing: what went wrong is the status of the parts.
        """

    def check_query(self, query: Mapping[str, str]) -> None:
        """See `Source.check_query`."""
        shape_of(self._numbers(query), self.shapes)
        for part, text in query.items():
            self.check_part(part, text)

    def read(
        self, query: Mapping[str, str], variables: Mapping[str, str], window: Window, deadline_s: float
    ) -> Reading:
        """See `Source.read`."""
        (reading,) = self.read_many([Question(query, variables, window)], deadline_s)
        return reading

    def read_many(self, questions: Sequence[Question], deadline_s: float) -> list[Reading]:
        """See `Source.read_many`. Questions about the same window are asked together as far as the kind can."""
        until = self.clock() + deadline_s
        readings: dict[int, Reading] = {}
        together: dict[Window, dict[int, Asked]] = {}
        for place, question in enumerate(questions):
            try:
                together.setdefault(question.window, {})[place] = self._filled(question)
            except (BadQuery, MissingValue) as error:
                missing = Reading.missing(Status.ERROR, question.window, one_line(str(error)))
                readings[place] = replace(missing, asked=dict(question.query))
        for window, asked in together.items():
            for place, parts in zip(asked, self.answers(window, [*asked.values()], until), strict=True):
                readings[place] = self._reading(parts, window, asked[place])
        return [readings[place] for place in range(len(questions))]

    def _numbers(self, query: Mapping[str, str]) -> Mapping[str, str]:
        for part in self.others:
            if part in query and not str(query[part]).strip():
                raise BadQuery(part, "is empty", "enter it, or leave this part out")
        return {part: text for part, text in query.items() if part not in self.others}

    def _filled(self, question: Question) -> Asked:
        shape_of(self._numbers(question.query), self.shapes)
        filled = {
            part: self.fill(part, text, question.variables, question.window)
            for part, text in question.query.items()
        }
        others = {part: filled.pop(part) for part in self.others if part in filled}
        return Asked(filled, others)

    def _reading(self, parts: Mapping[str, Part], window: Window, asked: Asked) -> Reading:
        reading = reading_of(parts, window)
        warnings = tuple(map(self.redact, reading.warnings))
        message = one_line(self.redact(reading.message))
        return replace(reading, message=message, warnings=warnings, asked={**asked.numbers, **asked.others})


def the_same(part: Part, asked: Asked) -> Mapping[str, Part]:
    """One answer to all parts of a question, such as that there was none."""
    return dict.fromkeys(asked.numbers, part)
