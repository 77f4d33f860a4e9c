"""A report meets a requirement by the bound of its cases, and by nothing less."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import (
    Answer,
    Artifact,
    Dataset,
    EvalReport,
    Gate,
    Metric,
    MetricKind,
    Missed,
    Part,
    Requirement,
    Standing,
    Threshold,
    check,
)
from stages.bounds import lower_share

GOLDEN = Requirement(
    key="golden",
    gate=Gate.EVALUATION,
    title="Golden set passed",
    artifact=Artifact.EVAL_REPORT,
    proves=frozenset({Part.PROMPT, Part.MODEL, Part.RETRIEVAL}),
    threshold=Threshold(metric="pass_rate", at_least=0.9),
    min_samples=50,
    layers=("edge",),
    valid_s=30 * 86_400,
    missed=Missed.WAIVE,
)


def rate(passed: int, failed: int = 0, errored: int = 0, name: str = "pass_rate") -> Metric:
    judged = passed + failed
    return Metric(
        name=name,
        kind=MetricKind.PASS_RATE,
        value=passed / judged if judged else None,
        n=judged + errored,
        passed=passed,
        failed=failed,
        errored=errored,
    )


def report(*metrics: Metric, **rest: Any) -> EvalReport:
    dataset = Dataset(layers={"edge": 12, "happy_path": 0})
    return EvalReport(**{"tool": "junit", "dataset": dataset, "metrics": metrics} | rest)


def checked(of: EvalReport, **change: Any) -> Standing:
    return check(replace(GOLDEN, **change), of)


@pytest.mark.parametrize(
    ("of", "change", "answer", "message"),
    [
        (report(rate(100)), {}, Answer.MET, "pass_rate 100 of 100, 0.9705 by its 95% bound; at least 0.9"),
        (report(rate(95, 5)), {}, Answer.FAILED, "0.8977 by its 95% bound; at least 0.9 is asked"),
        (report(rate(49)), {}, Answer.INSUFFICIENT, "49 of at least 50 cases"),
        (report(rate(100), partial="it was stopped"), {}, Answer.INSUFFICIENT, "partial: it was stopped"),
        (
            report(rate(100)),
            {"layers": ("edge", "happy_path", "safety")},
            Answer.INSUFFICIENT,
            "happy_path, safety",
        ),
        (report(rate(100, name="f1")), {}, Answer.INSUFFICIENT, "no metric pass_rate; it has f1"),
        (report(), {}, Answer.INSUFFICIENT, "no metric pass_rate; it has none at all"),
        (
            report(rate(97, 0, 3)),
            {},
            Answer.INSUFFICIENT,
            "3 of 100 cases ended in an error or without a score",
        ),
        (report(rate(98, 0, 2)), {}, Answer.MET, "98 of 100, 0.9384"),
        (report(rate(0, 0, 60)), {}, Answer.INSUFFICIENT, "60 of 60 cases ended in an error"),
        (report(rate(60)), {"threshold": None}, Answer.MET, "60 cases"),
        (report(rate(49)), {"threshold": None}, Answer.INSUFFICIENT, "49 of at least 50"),
        (report(), {"threshold": None}, Answer.INSUFFICIENT, "0 of at least 50"),
        (report(), {"threshold": None, "min_samples": 0}, Answer.MET, "0 cases"),
        (report(rate(0)), {"min_samples": 0}, Answer.INSUFFICIENT, "0 of at least 1 cases"),
    ],
)
def test_a_report_meets_a_requirement_by_its_bound(
    of: EvalReport, change: dict[str, Any], answer: Answer, message: str
) -> None:
    found = checked(of, **change)
    assert (found.answer, found.by) == (answer, "")
    assert message in found.message


@pytest.mark.parametrize(
    "of",
    [
        report(rate(1, 38)),
        report(rate(10, 85, 5)),
        report(rate(10, 85), partial="it was stopped"),
        report(rate(10, 85), dataset=Dataset()),
    ],
)
def test_a_run_that_misses_whatever_is_missing_of_it_has_failed(of: EvalReport) -> None:
    found = checked(of)
    assert found.answer is Answer.FAILED
    assert found.bound is not None


def test_a_run_with_too_many_findings_has_failed_however_few_were_asked() -> None:
    limits = Threshold(metric="leaks", at_most=0.01)
    assert checked(report(rate(10, 10, name="leaks")), threshold=limits).answer is Answer.FAILED
    assert checked(report(rate(0, 10, name="leaks")), threshold=limits).answer is Answer.INSUFFICIENT


@pytest.mark.parametrize("limit", [{"at_least": 0.8}, {"at_most": 0.05}])
@pytest.mark.parametrize("found", [0, 1000])
def test_a_count_answers_no_question_for_a_share(limit: dict[str, float], found: int) -> None:
    metric = Metric(name="pass_rate", kind=MetricKind.COUNT, value=found, n=1000)
    standing = checked(report(metric), threshold=Threshold(metric="pass_rate", **limit))
    assert standing.answer is Answer.INSUFFICIENT
    assert standing.message == "pass_rate is a count; a share of the cases is asked"


@pytest.mark.parametrize(
    ("passed", "n", "answer"),
    [(0, 299, Answer.MET), (0, 298, Answer.FAILED), (1, 299, Answer.FAILED), (1, 473, Answer.MET)],
)
def test_at_most_one_per_cent_needs_299_clean_cases(passed: int, n: int, answer: Answer) -> None:
    leaks = report(rate(passed, n - passed, name="leaks"))
    found = checked(leaks, threshold=Threshold(metric="leaks", at_most=0.01))
    assert found.answer is answer
    assert "at most 0.01 is asked" in found.message


@pytest.mark.parametrize(("found", "answer"), [(0, Answer.MET), (2, Answer.MET), (3, Answer.FAILED)])
def test_a_count_is_compared_as_it_is(found: int, answer: Answer) -> None:
    metric = Metric(name="leaks", kind=MetricKind.COUNT, value=found, n=80)
    standing = checked(report(metric), threshold=Threshold(metric="leaks", at_most=2))
    assert standing.answer is answer
    assert f"leaks {found}, " in standing.message


def test_a_mean_is_compared_by_its_bound() -> None:
    metric = Metric(name="pass_rate", kind=MetricKind.MEAN, value=0.95, n=100)
    found = checked(report(metric))
    assert found.answer is Answer.FAILED
    assert "pass_rate 0.95 over 100, 0.8785 by its 95% bound" in found.message
    assert checked(report(replace(metric, n=2000))).answer is Answer.MET


@given(st.integers(0, 200), st.integers(0, 60), st.sampled_from([0.5, 0.8, 0.9, 0.95]))
def test_no_report_is_met_by_its_point_value(passed: int, failed: int, least: float) -> None:
    found = checked(report(rate(passed, failed)), threshold=Threshold(metric="pass_rate", at_least=least))
    enough = passed + failed >= 50 and lower_share(passed, passed + failed) >= least
    assert (found.answer is Answer.MET) == enough
    assert found.answer is Answer.INSUFFICIENT or found.bound is not None
