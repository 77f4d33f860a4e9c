from __future__ import annotations

from collections.abc import Callable

import pytest

from controller.importers import BadReport
from controller.importers.measures import count, mean, mean_of, pass_rate
from stages import Metric


def test_a_rate_of_nothing_judged_has_no_value() -> None:
    metric = pass_rate("a", "here", passed=0, failed=0, errored=2)
    assert (metric.value, metric.n) == (None, 2)


def test_scores_are_averaged() -> None:
    metric = mean_of("a", "here", [1.0, 0.5], unscored=1)
    assert (metric.value, metric.n) == (0.75, 3)


@pytest.mark.parametrize(
    "make",
    [
        lambda: pass_rate("a", "here", passed=-1, failed=0),
        lambda: mean_of("a", "here", [2.0]),
        lambda: mean_of("a", "here", [float("nan")]),
        lambda: mean("a", "here", value=float("nan"), n=1),
        lambda: mean("a", "here", value=0.5, n=0),
        lambda: mean("a", "here", value=None, n=1),
        lambda: count("a", "here", found=-1),
    ],
)
def test_numbers_that_contradict_each_other_are_refused_with_their_place(make: Callable[[], Metric]) -> None:
    with pytest.raises(BadReport) as caught:
        make()
    assert caught.value.problems[0].field == "here"
