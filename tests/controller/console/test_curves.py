from __future__ import annotations

from typing import Any

import pytest

from controller.console.curves import FARTHEST, compared, drawing_of, nearness, together_on
from tests.controller.console.conftest import BEGAN, LIVE_AT
from triggers import METHODS, Reading, Status, Window, parse_method

WINDOW = Window(BEGAN, LIVE_AT)
PARAMS: dict[str, dict[str, Any]] = {
    "any_event": {},
    "threshold": {"limit": 0.05},
    "evidence": {"limit": 0.05},
    "evidence_cusum": {"limit": 0.05},
    "burn_rate": {"limit": 0.01},
    "budget": {"amount": 500},
}


def judged(name: str) -> dict[str, float]:
    """The numbers of a judgement of each method, by the method itself."""
    method = parse_method(name, PARAMS[name])
    counted = Reading(status=Status.OK, window=WINDOW, bad=12, total=140, samples=140)
    money = Reading(status=Status.OK, window=WINDOW, value=60.0, samples=1)
    windows = len(method.spans(3600, LIVE_AT))
    return dict(method.judge((), *[money if name == "budget" else counted] * windows).numbers)


@pytest.mark.parametrize(
    ("name", "curves"),
    [
        ("any_event", {"counted": 12, "enough": 1}),
        ("threshold", {"measured": 0.085714, "limit": 0.05}),
        ("evidence", {"evidence": 0.63613, "needed": 4.6052}),
        ("evidence_cusum", {"evidence": 0.63613, "needed": 9.2103}),
        ("burn_rate", {"long window": 8.5714, "short window": 8.5714, "too fast": 6.0}),
        ("budget", {"spent": 60, "warns": 400, "shuts down": 500}),
    ],
)
def test_every_method_draws_what_it_compares_with_its_limit(name: str, curves: dict[str, float]) -> None:
    drawing = drawing_of(parse_method(name, PARAMS[name]), is_share=True)
    drawn = {each["label"]: each["values"][0] for each in drawing.drawn([judged(name)])}
    assert {label: drawn[label] for label in curves} == pytest.approx(curves, rel=1e-3)


def test_no_method_is_without_a_drawing() -> None:
    assert set(PARAMS) == set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_the_limit_is_drawn_before_anything_was_judged(name: str) -> None:
    method = parse_method(name, PARAMS[name])
    roles = {each["role"] for each in drawing_of(method, is_share=True).drawn([{}, {}])}
    assert roles <= {"limit", "warning"}
    assert "limit" in roles
    assert [each["label"] for each in compared(method, is_share=True).drawn([{}])] == ["limit"]


def test_what_told_nothing_is_a_gap_and_no_zero() -> None:
    drawing = drawing_of(parse_method("threshold", PARAMS["threshold"]), is_share=True)
    measured = drawing.drawn([{"measured": 0.1, "limit": 0.05}, {}])[0]
    assert measured["values"] == [0.1, None]


def test_a_limit_goes_on_where_nothing_could_be_judged() -> None:
    drawing = drawing_of(parse_method("threshold", PARAMS["threshold"]), is_share=True)
    limit = drawing.drawn([{}, {"measured": 0.1, "limit": 0.06}, {}, {"measured": 0.1, "limit": 0.07}])[1]
    assert limit["values"] == [0.06, 0.06, 0.06, 0.07]


@pytest.mark.parametrize(
    ("statistic", "line", "below", "told"),
    [
        (0.1, 0.05, False, 2.0),
        (0.1, 0.05, True, 0.5),
        (9.0, 1.0, False, FARTHEST),
        (1.0, 0.0, False, FARTHEST),
        (0.0, 0.0, False, 0.0),
        (None, 0.05, False, None),
    ],
)
def test_two_methods_are_beside_each_other_as_shares_of_their_limits(
    statistic: float | None, line: float | None, below: bool, told: float | None
) -> None:
    assert nearness(statistic, line, below=below) == told


def test_courses_at_different_times_share_an_axis_with_gaps() -> None:
    times, curves = together_on([("one", {1: 0.5, 3: 1.0}), ("other", {2: 0.25})])
    assert times == [1, 2, 3]
    assert [each["values"] for each in curves] == [[0.5, None, 1.0], [None, 0.25, None], [1.0, 1.0, 1.0]]
