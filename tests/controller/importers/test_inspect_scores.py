from __future__ import annotations

from typing import Any

import pytest

from controller.importers import BadReport
from stages import Metric, MetricKind
from tests.controller.importers.test_inspect_ai import document, read, refused

PASS_RATE, MEAN = MetricKind.PASS_RATE, MetricKind.MEAN


def without_cases(log: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in log.items() if key != "reductions"}


def with_scores(*values: Any, accuracy: float | None, key: str = "accuracy") -> dict[str, Any]:
    """A log of four cases, of which those that are None are unscored."""
    log = document()
    entry = log["results"]["scores"][0]
    entry["scored_samples"] = sum(value is not None for value in values)
    entry["metrics"] = {key: {"name": key, "value": accuracy}}
    log["reductions"][0]["samples"] = [{"sample_id": at, "value": value} for at, value in enumerate(values)]
    return log


def metric_of(log: dict[str, Any]) -> Metric:
    return read(log).metrics[0]


def test_right_and_wrong_answers_are_counted_and_partial_credit_is_a_mean() -> None:
    assert read(document("many.eval")).metrics == (
        Metric(name="match/accuracy", kind=PASS_RATE, value=5 / 6, n=6, passed=5, failed=1),
        Metric(name="closeness/mean", kind=MEAN, value=0.5, n=6),
        Metric(name="graded/accuracy", kind=MEAN, value=3.5 / 6, n=6),
        Metric(name="unsure/accuracy", kind=PASS_RATE, value=1.0, n=6, passed=5, unscored=1),
        Metric(name="styled/polite/accuracy", kind=PASS_RATE, value=5 / 6, n=6, passed=5, failed=1),
        Metric(name="styled/polite/mean", kind=MEAN, value=5 / 6, n=6),
        Metric(name="styled/length/mean", kind=MEAN, value=0.5, n=6),
    )


def test_a_case_of_several_epochs_counts_once() -> None:
    report = read(document("epochs.eval"))
    assert [(metric.name, metric.kind, metric.n) for metric in report.metrics] == [
        ("match/accuracy/mean", MEAN, 6),
        ("match/accuracy/pass_at_2", MEAN, 6),
    ]
    assert "every case was asked 3 times and counts once" in report.notes


def test_epochs_that_were_not_reduced_are_left_out() -> None:
    log = document("epochs.eval")
    log["results"]["scores"][0].pop("reducer")
    report = read(log)
    assert [metric.name for metric in report.metrics] == ["match/accuracy/pass_at_2"]
    assert any(note.startswith("match/accuracy, ") for note in report.notes)


def test_a_case_whose_score_is_nan_is_unscored() -> None:
    found = metric_of(with_scores(1.0, None, 0.0, 1.0, accuracy=2 / 3))
    assert (found.passed, found.failed, found.unscored, found.n) == (2, 1, 1, 4)


def test_a_log_where_nothing_was_scored_has_a_metric_without_a_value() -> None:
    found = metric_of(with_scores(None, None, None, None, accuracy=None))
    assert (found.value, found.n, found.unscored) == (None, 4, 4)


def test_grades_are_scores_as_inspect_gives_them() -> None:
    found = metric_of(with_scores("C", "P", "I", "N", accuracy=1.5 / 4))
    assert (found.kind, found.value) == (MEAN, 0.375)


def test_without_the_cases_an_accuracy_of_whole_cases_is_a_pass_rate() -> None:
    log = without_cases(document("many.eval"))
    assert [(metric.name, metric.kind, metric.passed) for metric in read(log).metrics] == [
        ("match/accuracy", PASS_RATE, 5),
        ("graded/accuracy", MEAN, 0),
        ("unsure/accuracy", PASS_RATE, 5),
        ("styled/polite/accuracy", PASS_RATE, 5),
    ]


def test_grades_of_a_scorers_own_are_like_cases_that_are_not_told() -> None:
    found = metric_of(with_scores("good", "bad", "good", "good", accuracy=0.75))
    assert (found.kind, found.passed, found.failed) == (PASS_RATE, 3, 1)


def test_a_mean_whose_cases_are_not_told_may_be_on_any_scale_and_is_left_out() -> None:
    log = with_scores(0.25, 0.75, 0.25, 0.75, accuracy=0.5, key="mean")
    log["results"]["scores"].append(document()["results"]["scores"][0] | {"name": "other"})
    assert [metric.name for metric in read(log).metrics] == ["match/mean", "match/other/accuracy"]
    assert [metric.name for metric in read(without_cases(log)).metrics] == ["match/other/accuracy"]


def test_scores_on_another_scale_are_left_out() -> None:
    log = with_scores(1.0, 5.0, 3.0, 5.0, accuracy=3.5)
    with pytest.raises(BadReport, match="no metric"):
        read(log)


@pytest.mark.parametrize("accuracy", [0.74, 1.0, 0.0])
def test_an_accuracy_that_the_cases_do_not_bear_out_is_refused(accuracy: float) -> None:
    log = with_scores(1.0, 1.0, 0.0, 1.0, accuracy=accuracy)
    assert refused(log) == "results.scores[0].metrics.accuracy.value"


def test_releases_that_do_not_tell_how_many_were_scored_leave_it_to_the_cases() -> None:
    log = document()
    del log["results"]["scores"][0]["scored_samples"]
    assert metric_of(log).passed == 4
    assert refused(without_cases(log)) == "results.scores[0].scored_samples"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"total_samples": 3}, "results.completed_samples"),
        ({"total_samples": 3, "completed_samples": 3}, "results.scores[0]"),
        ({"total_samples": "4"}, "results.total_samples"),
        ({"completed_samples": 5}, "results.completed_samples"),
        ({"scores": {}}, "results.scores"),
        ({"scores": [{}] * 501}, "results.scores"),
        ({"scores": document()["results"]["scores"] * 2}, "results.scores[1]"),
    ],
)
def test_totals_that_contradict_each_other_are_refused(change: dict[str, Any], place: str) -> None:
    log = document()
    log["results"] |= change
    assert refused(log) == place


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"scored_samples": 3}, "results.scores[0].scored_samples"),
        ({"scored_samples": -1}, "results.scores[0].scored_samples"),
        ({"unscored_samples": 1}, "results.scores[0]"),
        ({"metrics": []}, "results.scores[0].metrics"),
        ({"metrics": {"accuracy": 1.0}}, "results.scores[0].metrics.accuracy"),
        ({"metrics": {"accuracy": {"value": "1"}}}, "results.scores[0].metrics.accuracy.value"),
    ],
)
def test_scores_that_contradict_each_other_are_refused(change: dict[str, Any], place: str) -> None:
    log = document()
    log["results"]["scores"][0] |= change
    assert refused(log) == place


def test_an_accuracy_without_a_value_needs_its_cases() -> None:
    log = document()
    log["results"]["scores"][0]["metrics"]["accuracy"]["value"] = None
    assert metric_of(log).passed == 4
    assert refused(without_cases(log)) == "results.scores[0].metrics.accuracy.value"


@pytest.mark.parametrize("epochs", [0, 3])
def test_samples_that_make_no_whole_epochs_are_refused(epochs: int) -> None:
    log = document()
    log["eval"]["config"]["epochs"] = epochs
    assert refused(log) == "results.total_samples"
