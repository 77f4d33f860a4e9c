"""A report's numbers agree with one another, and what was not judged counts against it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stages import EvalReport, Metric, MetricKind
from stages.bounds import lower_mean, lower_share, upper_mean, upper_share

counts = st.integers(0, 60)


def rate(passed: int, failed: int, errored: int = 0, unscored: int = 0) -> Metric:
    judged = passed + failed
    return Metric(
        name="pass_rate",
        kind=MetricKind.PASS_RATE,
        value=passed / judged if judged else None,
        n=judged + errored + unscored,
        passed=passed,
        failed=failed,
        errored=errored,
        unscored=unscored,
    )


def mean(value: float | None, n: int, errored: int = 0, unscored: int = 0) -> Metric:
    return Metric(
        name="faithfulness", kind=MetricKind.MEAN, value=value, n=n, errored=errored, unscored=unscored
    )


@given(counts, counts, counts, counts)
def test_an_unjudged_case_never_helps_a_pass_rate(
    passed: int, failed: int, errored: int, unscored: int
) -> None:
    metric = rate(passed, failed, errored, unscored)
    assume(metric.judged)
    as_failed, as_passed = (
        rate(passed, failed + errored + unscored),
        rate(passed + errored + unscored, failed),
    )
    assert (
        metric.supports_at_least()
        == as_failed.supports_at_least()
        <= rate(passed, failed).supports_at_least()
    )
    assert metric.allows_at_most() == as_passed.allows_at_most()
    assert metric.supports_at_least() <= passed / metric.judged
    assert metric.allows_at_most() >= as_failed.allows_at_most()


@given(st.floats(0, 1), st.integers(1, 200), st.integers(0, 20))
def test_an_unjudged_case_never_helps_a_mean(value: float, judged: int, unjudged: int) -> None:
    metric = mean(value, judged + unjudged, errored=unjudged)
    assert metric.supports_at_least() <= mean(value, judged).supports_at_least() + 1e-9
    assert metric.supports_at_least() <= value <= metric.allows_at_most() + 1e-9


def test_the_bounds_are_those_of_the_sample() -> None:
    assert rate(95, 5).supports_at_least() == lower_share(95, 100)
    assert rate(5, 95).allows_at_most(0.9) == upper_share(5, 100, 0.9)
    assert mean(0.9, 50).supports_at_least(0.99) == lower_mean(0.9, 50, 0.99)
    assert mean(0.1, 50).allows_at_most() == upper_mean(0.1, 50)


def test_a_count_is_what_it_is() -> None:
    found = Metric(name="leaks", kind=MetricKind.COUNT, value=3, n=0)
    assert (found.supports_at_least(), found.allows_at_most()) == (3, 3)


@pytest.mark.parametrize("kind", MetricKind)
def test_a_metric_without_a_value_supports_nothing(kind: MetricKind) -> None:
    nothing = Metric(name="m", kind=kind, value=None, n=4, errored=4)
    assert (nothing.supports_at_least(), nothing.allows_at_most()) == (0.0, 1.0)


def test_the_share_of_unjudged_cases_counts_errors_and_missing_scores() -> None:
    assert rate(90, 5, 3, 2).unjudged_share == 0.05
    assert rate(0, 0).unjudged_share == 1.0
    assert (rate(90, 5, 3, 2).judged, rate(1, 0).unjudged_share) == (95, 0.0)


@pytest.mark.parametrize(
    ("numbers", "problem"),
    [
        ({"n": -1}, "a count is below 0"),
        ({"passed": 9}, "passed, failed, errored and unscored make 9, not 10"),
        ({"errored": 8, "unscored": 8}, "more cases errored or unscored than the 10 there were"),
        ({"value": None}, "a value needs judged cases, and judged cases make a value"),
        (
            {"passed": 0, "errored": 10},
            "a value needs judged cases, and judged cases make a value",
        ),
        ({"value": 1.5}, "the value 1.5 is not between 0 and 1"),
    ],
)
def test_numbers_that_contradict_each_other_are_refused(numbers: dict[str, Any], problem: str) -> None:
    sound: dict[str, Any] = {
        "name": "m",
        "kind": MetricKind.PASS_RATE,
        "value": 1.0,
        "n": 10,
        "passed": 10,
        "failed": 0,
    }
    Metric(**sound)
    with pytest.raises(ValueError, match=r"^metric m: ") as caught:
        Metric(**sound | numbers)
    assert problem in str(caught.value)


@pytest.mark.parametrize("value", [None, -3.0, 12.0])
def test_a_count_may_be_any_number(value: float | None) -> None:
    assert Metric(name="leaks", kind=MetricKind.COUNT, value=value, n=0).value == value


def test_a_metric_is_found_by_its_name() -> None:
    report = EvalReport(tool="junit", metrics=(rate(1, 0), mean(1.0, 1)))
    assert report.metric("faithfulness") == mean(1.0, 1)
    assert report.metric("nothing") is None
