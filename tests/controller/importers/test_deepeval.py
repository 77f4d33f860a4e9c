from __future__ import annotations

import json
from typing import Any

import pytest

from controller.importers import BadReport, read_report
from stages import EvalReport, Metric, MetricKind
from tests.report_samples import sample

ERRORS = "test_run_20261121_154829.json"
CLEAN = "test_run_20261121_154833.json"


def document(name: str = ERRORS) -> dict[str, Any]:
    return json.loads(sample(f"deepeval/{name}").data)


def read(content: dict[str, Any]) -> EvalReport:
    return read_report(json.dumps(content).encode(), tool="deepeval")


def refused(content: dict[str, Any]) -> str:
    with pytest.raises(BadReport) as caught:
        read(content)
    return caught.value.problems[0].field


def test_cases_and_metrics_are_counted() -> None:
    report = read(document())
    assert report.metrics == (
        Metric(name="pass_rate", kind=MetricKind.PASS_RATE, value=0.75, n=5, passed=3, failed=1, errored=1),
        Metric(name="Grounded", kind=MetricKind.MEAN, value=0.75, n=5, errored=1),
        Metric(
            name="Grounded.pass_rate",
            kind=MetricKind.PASS_RATE,
            value=0.75,
            n=5,
            passed=3,
            failed=1,
            errored=1,
        ),
        Metric(name="Brief", kind=MetricKind.MEAN, value=2.401 / 4, n=5, errored=1),
        Metric(
            name="Brief.pass_rate", kind=MetricKind.PASS_RATE, value=0.5, n=5, passed=2, failed=2, errored=1
        ),
    )


def test_the_run_is_described() -> None:
    report = read(document(CLEAN) | {"datasetAlias": "claims-golden", "datasetVersion": "7"})
    assert report.run_id == "claims"
    assert report.subject == {"model": "claims-large", "judge": "rules-v1"}
    assert (report.dataset.name, report.dataset.version, report.dataset.size) == ("claims-golden", "7", 4)
    assert report.dataset.layers == {"happy_path": 2, "safety": 1, "edge": 1}


def test_a_prompt_is_named_with_its_version() -> None:
    content = document() | {
        "prompts": [{"alias": "answer", "version": "14", "text_template": "secret sauce"}]
    }
    assert read(content).subject["prompt"] == "answer@14"


def test_flaky_metrics_are_noted() -> None:
    assert any(note.startswith("Brief is marked as flaky") for note in read(document()).notes)


def test_a_case_that_a_flaky_metric_alone_broke_in_has_failed_by_the_others() -> None:
    content = document()
    del content["testCases"][4]["metricsData"][0]["error"]
    metric = read(content).metric("pass_rate")
    assert metric is not None
    assert (metric.failed, metric.errored) == (2, 0)


def test_a_case_without_a_verdict_is_unscored() -> None:
    content = document()
    del content["testCases"][0]["success"]
    content["testPassed"] -= 1
    metric = read(content).metric("pass_rate")
    assert metric is not None
    assert metric.unscored == 1


def test_conversations_are_cases_too() -> None:
    content = document()
    content["conversationalTestCases"] = [{"name": "chat", "success": False, "turns": []}]
    content["testFailed"] += 1
    metric = read(content).metric("pass_rate")
    assert metric is not None
    assert (metric.n, metric.failed) == (6, 2)


@pytest.mark.parametrize("total", ["testPassed", "testFailed"])
def test_a_run_without_totals_is_partial(total: str) -> None:
    content = document()
    del content[total]
    assert read(content).partial


@pytest.mark.parametrize("total", ["testPassed", "testFailed"])
def test_totals_that_the_cases_do_not_show_are_refused(total: str) -> None:
    content = document()
    content[total] += 1
    assert refused(content) == total


def test_scores_that_passes_and_fails_do_not_show_are_refused() -> None:
    content = document()
    content["metricsScores"][1]["passes"] += 1
    assert refused(content) == "metricsScores[1].scores"


def test_a_score_that_is_no_number_is_refused() -> None:
    content = document()
    content["metricsScores"][0]["scores"][2] = float("nan")
    assert refused(content) == "metricsScores[0].scores[2]"


def test_scores_on_another_scale_are_left_out_with_a_note() -> None:
    content = document()
    content["metricsScores"][0]["scores"][0] = 5
    report = read(content)
    assert report.metric("Grounded") is None
    assert report.metric("Grounded.pass_rate") is not None
    assert any("Grounded" in note for note in report.notes)
