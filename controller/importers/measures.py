"""Numbers of a foreign file become metrics, or a BadReport that names the place where they contradict each other."""

from __future__ import annotations

import math
from collections.abc import Sequence

from controller.importers.bad_report import BadReport
from controller.importers.wording import clean
from stages import Metric, MetricKind


def pass_rate(
    name: str, place: str, *, passed: int, failed: int, errored: int = 0, unscored: int = 0
) -> Metric:
    """The share of the judged cases that passed.

    Raises:
        BadReport: A number is below 0.
    """
    judged = passed + failed
    return _metric(
        place,
        name=name,
        kind=MetricKind.PASS_RATE,
        value=passed / judged if judged else None,
        n=judged + errored + unscored,
        passed=passed,
        failed=failed,
        errored=errored,
        unscored=unscored,
    )


def mean(
    name: str, place: str, *, value: float | None, n: int, errored: int = 0, unscored: int = 0
) -> Metric:
    """A mean of the judged cases' scores that the tool computed; ``n`` counts all cases.

    Raises:
        BadReport: The mean is not between 0 and 1, or there is one although no case was judged.
    """
    return _metric(
        place, name=name, kind=MetricKind.MEAN, value=value, n=n, errored=errored, unscored=unscored
    )


def mean_of(name: str, place: str, scores: Sequence[float], *, errored: int = 0, unscored: int = 0) -> Metric:
    """The mean of the judged cases' scores.

    Raises:
        BadReport: A score is not between 0 and 1.
    """
    if not all(0.0 <= score <= 1.0 for score in scores):
        raise BadReport(place, "has a score that is not between 0 and 1", SCALE)
    value = min(1.0, math.fsum(scores) / len(scores)) if scores else None
    return mean(
        name, place, value=value, n=len(scores) + errored + unscored, errored=errored, unscored=unscored
    )


def count(name: str, place: str, *, found: float, n: int = 0) -> Metric:
    """How often something was found in ``n`` cases.

    Raises:
        BadReport: A number is below 0.
    """
    if found < 0:
        raise BadReport(place, "is below 0")
    return _metric(place, name=name, kind=MetricKind.COUNT, value=float(found), n=n)


SCALE = "scores must be between 0 and 1; divide them by their greatest possible value"
"""The remedy for scores on another scale."""


def _metric(
    place: str,
    *,
    name: str,
    kind: MetricKind,
    value: float | None,
    n: int,
    passed: int = 0,
    failed: int = 0,
    errored: int = 0,
    unscored: int = 0,
) -> Metric:
    try:
        return Metric(
            name=clean(name),
            kind=kind,
            value=value,
            n=n,
            passed=passed,
            failed=failed,
            errored=errored,
            unscored=unscored,
        )
    except ValueError as error:
        raise BadReport(place, str(error).partition(": ")[2]) from None
