"""What every metric source is: it answers one query for one window, and says so plainly when it cannot."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Self

from controller.errors import BadConfiguration, BadSetting
from controller.sealing import SecretPlace
from triggers import Reading, Status, Window

if TYPE_CHECKING:
    from controller.sources.access import Access

__all__ = [
    "VALUE_MEASURES",
    "BadConfiguration",
    "BadQuery",
    "BadSetting",
    "Question",
    "SecretPlace",
    "Shape",
    "Source",
    "Timing",
    "Tried",
    "shape_of",
]


VALUE_MEASURES = frozenset({"spend", "review_load"})
"""The measures of our own sources that give a value; all others give bad and total."""


class BadQuery(BadConfiguration):
    """A query of a trigger cannot be used; ``field`` is the part of the query."""


class Shape(Enum):
    """The kinds of answer a query can ask for, by the parts that it must and that it may have."""

    RATIO = (("bad", "total"), ("newest",))
    COUNT = (("count",), ("newest",))
    VALUE = (("value",), ("samples", "newest"))
    MEASURE = (("measure",), ("limit",))
    SCORE = (("score",), ("bad", "aggregation"))
    AGGREGATE = (("measure", "aggregation"), ())
    STATEMENT = (("sql",), ())
    ALERT = (("alert",), ("labels",))

    def __init__(self, required: tuple[str, ...], optional: tuple[str, ...]) -> None:
        """The two halves of a member's value get names."""
        self.required = required
        self.optional = optional

    def __str__(self) -> str:
        """As a user would write it, with what may be left out in brackets."""
        return " + ".join((*self.required, *(f"[{part}]" for part in self.optional)))


@dataclass(frozen=True, slots=True)
class Question:
    """One query for one window, with the values of the variables in it: what one reading answers."""

    query: Mapping[str, str]
    variables: Mapping[str, str]
    window: Window


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of trying a source: whether it works, and what was seen or what stands against it."""

    works: bool
    message: str


@dataclass(frozen=True, slots=True)
class Timing:
    """How late the numbers of a source are, and how old its newest sample may be; 0: of any age."""

    lag_s: float
    max_staleness_s: int = 0


class Source(ABC):
    """A place that metrics are read from.

    ``kind`` is its name in settings; ``shapes`` are the shapes of query that it can answer. ``lag_s``: what is younger
    than this many seconds may still be on its way in, so windows end that long ago. ``at_once``: how many questions it
    is worth asking together, 1 where each takes a request of its own. ``longest_history``: how many windows of the
    past it can be asked about in reasonable time. ``reads_samples``: it looks now and then, and what happens is the
    difference between two looks, so a window without two of them holds nothing. ``clock`` counts the seconds of
    deadlines.
    """

    kind: ClassVar[str]
    shapes: ClassVar[tuple[Shape, ...]]
    lag_s: ClassVar[float] = 0.0
    at_once: ClassVar[int] = 1
    longest_history: ClassVar[int] = 3000
    reads_samples: ClassVar[bool] = False
    clock: Callable[[], float] = staticmethod(time.monotonic)

    @classmethod
    def timing(cls, settings: Mapping[str, Any]) -> Timing:
        """What ``lag_s`` and ``max_staleness_s`` in the settings make of the kind's own timing."""
        lag_s = settings.get("lag_s", cls.lag_s)
        bound = settings.get("max_staleness_s", 0)
        return Timing(
            float(lag_s) if isinstance(lag_s, (int, float)) else cls.lag_s,
            int(bound) if isinstance(bound, (int, float)) else 0,
        )

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: Mapping[str, Any], access: Access) -> Self:
        """Make a source from what a user entered. Nothing is sent yet.

        Raises:
            BadSetting: A setting is missing, unknown or of the wrong kind.
        """

    @classmethod
    def secrets_in(cls, settings: Mapping[str, Any]) -> Sequence[SecretPlace]:  # noqa: ARG003 - most have none
        """Where a text stands in these settings that is a secret, or refers to one.

        Raises:
            BadSetting: It cannot be told where it would be sent.
        """
        return ()

    def check_leads(self) -> None:  # noqa: B027 - most have none
        """Find out where the addresses in the settings lead now, when they are saved and when they are tested.

        Raises:
            BadSetting: One leads to where nothing may be sent.
        """

    @abstractmethod
    def check_query(self, query: Mapping[str, str]) -> None:
        """Find out, when a trigger is saved, whether this source can be asked this.

        Raises:
            BadQuery: A part is missing or unknown, or its text cannot be used.
        """

    def follows_window(self, query: Mapping[str, str]) -> bool:  # noqa: ARG002 - of most queries it is so
        """Whether the answer is about the window that is asked for, rather than about a span that the query names."""
        return True

    @abstractmethod
    def test(self, deadline_s: float) -> Tried:
        """Find out, by asking something that costs little, whether the source answers and accepts the credentials."""

    @abstractmethod
    def read(
        self, query: Mapping[str, str], variables: Mapping[str, str], window: Window, deadline_s: float
    ) -> Reading:
        """Ask, and give the answer within ``deadline_s`` seconds.

        Whatever the world does (no answer, half an answer, nonsense, a query that no longer fits) becomes the
        status of the reading; nothing is raised for it.
        """

    def read_many(self, questions: Sequence[Question], deadline_s: float) -> list[Reading]:
        """Ask several questions, and give their readings in the same order within ``deadline_s`` seconds in all.

        As `read`, it raises nothing. A kind that can put many questions into one request overrides this; here they
        are asked one after another, and those that time did not suffice for become errors.
        """
        until = self.clock() + deadline_s
        return [self._read_until(question, until) for question in questions]

    def history(
        self,
        query: Mapping[str, str],
        variables: Mapping[str, str],
        windows: Sequence[Window],
        deadline_s: float,
    ) -> list[Reading]:
        """Ask one query about many windows of the past, equally long and equally far apart, in their order.

        As `read_many`, it raises nothing; a kind that has a better way than one question for each overrides this.
        """
        return self.read_many([Question(query, variables, window) for window in windows], deadline_s)

    def _read_until(self, question: Question, until: float) -> Reading:
        left_s = until - self.clock()
        if left_s <= 0:
            return Reading.missing(
                Status.ERROR, question.window, "the questions before this one took all the time"
            )
        return self.read(question.query, question.variables, question.window, left_s)


def shape_of(query: Mapping[str, str], shapes: tuple[Shape, ...]) -> Shape:
    """The one of ``shapes`` that the parts of a query make up.

    Raises:
        BadQuery: They make up none, or a part is not a text with something in it.
    """
    for part, text in query.items():
        if not isinstance(text, str) or not text.strip():
            raise BadQuery(str(part), "is empty", "enter the query for it, or leave this part out")
    for shape in shapes:
        if set(shape.required) <= set(query) <= {*shape.required, *shape.optional}:
            return shape
    return _no_shape(query, shapes)


def _no_shape(query: Mapping[str, str], shapes: tuple[Shape, ...]) -> Shape:
    """Say what is wrong in terms of the part that is nearest to being right."""
    remedy = "use one of these: " + ", ".join(map(str, shapes))
    known = {part for shape in shapes for part in (*shape.required, *shape.optional)}
    if unknown := sorted(set(query) - known):
        raise BadQuery(unknown[0], "is not a part of a query", remedy)
    begun = [shape for shape in shapes if set(query) & {*shape.required, *shape.optional}]
    if len(begun) != 1:
        raise BadQuery("query", "its parts do not belong together" if query else "is missing", remedy)
    missing = [part for part in begun[0].required if part not in query]
    raise BadQuery(missing[0], "is missing", remedy)
