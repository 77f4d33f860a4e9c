"""What every kind of source inherits."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self

from controller.sources import Question, Shape, Source, Tried
from controller.sources.access import Access
from triggers import Reading, Status, Window

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
WINDOW = Window(NOON - timedelta(minutes=5), NOON)


class Echo(Source):
    """Answers with the number in the query, and takes a second for it."""

    kind: ClassVar[str] = "echo"
    shapes: ClassVar[tuple[Shape, ...]] = (Shape.COUNT,)

    def __init__(self) -> None:
        self.elapsed_s = 0.0
        self.deadlines: list[float] = []
        self.clock = lambda: self.elapsed_s

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], access: Access) -> Self:
        return cls()

    def check_query(self, query: Mapping[str, str]) -> None:
        pass

    def test(self, deadline_s: float) -> Tried:
        return Tried(works=True, message="")

    def read(
        self, query: Mapping[str, str], variables: Mapping[str, str], window: Window, deadline_s: float
    ) -> Reading:
        self.elapsed_s += 1
        self.deadlines.append(deadline_s)
        return Reading.count(window, int(query["count"]))


def questions(*counts: int) -> list[Question]:
    return [Question({"count": str(count)}, {}, WINDOW) for count in counts]


def test_many_questions_are_answered_in_the_order_in_which_they_were_asked() -> None:
    readings = Echo().read_many(questions(3, 1, 2), deadline_s=10)
    assert [reading.bad for reading in readings] == [3, 1, 2]


def test_each_question_gets_the_time_that_those_before_it_left() -> None:
    echo = Echo()
    echo.read_many(questions(1, 2, 3), deadline_s=10)
    assert echo.deadlines == [10, 9, 8]


def test_a_question_that_no_time_is_left_for_is_an_error_and_is_not_asked() -> None:
    echo = Echo()
    readings = echo.read_many(questions(1, 2, 3), deadline_s=2)
    assert [reading.status for reading in readings] == [Status.OK, Status.OK, Status.ERROR]
    assert echo.deadlines == [2, 1]
    assert readings[2].window == WINDOW
    assert readings[2].message


def test_no_question_has_no_reading() -> None:
    assert Echo().read_many([], deadline_s=1) == []
