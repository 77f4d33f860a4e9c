from __future__ import annotations

import json
from typing import Any

import pytest

from controller.importers import BadReport, read_report
from stages import EvalReport, Metric, MetricKind
from tests.report_samples import sample


def document(name: str) -> dict[str, Any]:
    return json.loads(sample(f"promptfoo/{name}").data)


def read(content: dict[str, Any]) -> EvalReport:
    return read_report(json.dumps(content).encode(), tool="promptfoo")


def refused(content: dict[str, Any]) -> BadReport:
    with pytest.raises(BadReport) as caught:
        read(content)
    return caught.value


@pytest.mark.parametrize("name", ["v2.json", "v3.json"])
def test_both_versions_of_one_run_say_the_same(name: str) -> None:
    report = read(document(name))
    assert report.metric("pass_rate") == Metric(
        name="pass_rate", kind=MetricKind.PASS_RATE, value=0.8, n=6, passed=4, failed=1, errored=1
    )
    assert report.metric("grounded") == Metric(
        name="grounded", kind=MetricKind.MEAN, value=0.8, n=6, errored=1
    )
    assert report.dataset.layers == {"happy_path": 3, "safety": 1, "edge": 1, "operational": 1}
    assert report.subject == {"provider": "claims-large", "prompt": "answer-v2"}


def test_the_run_is_named_and_dated() -> None:
    report = read(document("v3.json"))
    assert report.tool_version == "0.121.20"
    assert report.run_id.startswith("eval-")
    assert report.started_at is not None
    assert report.finished_at is not None
    assert report.started_at < report.finished_at


def test_several_prompts_and_providers_get_metrics_of_their_own_and_no_overall_one() -> None:
    report = read(document("matrix.json"))
    rates = {metric.name: metric.value for metric in report.metrics if metric.kind is MetricKind.PASS_RATE}
    assert rates == {
        "pass_rate[claims-large | answer-v2]": 1.0,
        "pass_rate[claims-large | terse-v1]": 1.0,
        "pass_rate[claims-small | answer-v2]": 0.5,
        "pass_rate[claims-small | terse-v1]": 0.5,
    }
    assert report.subject == {}
    assert any(note.startswith("4 combinations") for note in report.notes)


def test_two_of_one_name_are_numbered() -> None:
    content = document("matrix.json")
    for prompt in content["results"]["prompts"]:
        prompt |= {"provider": "claims", "label": "answer-v2"}
    names = [metric.name for metric in read(content).metrics if metric.kind is MetricKind.PASS_RATE]
    assert names[0] == "pass_rate[claims | answer-v2]"
    assert names[3] == "pass_rate[claims | answer-v2 | 4]"


def test_a_filtered_run_is_partial() -> None:
    report = read(document("partial.json"))
    assert report.partial == "3 of 6 tests were run"
    assert report.dataset.size == 6


def test_tests_for_some_prompts_only_do_not_make_a_run_partial() -> None:
    content = document("partial.json")
    content["config"]["tests"][0]["providers"] = ["claims-large"]
    assert not read(content).partial


def test_plugins_of_a_red_team_have_pass_rates() -> None:
    report = read(document("redteam.json"))
    rates = {metric.name: metric.value for metric in report.metrics if metric.name.startswith("redteam:")}
    assert rates == {"redteam:hallucination": 0.5, "redteam:pii": 1.0}


def test_a_prompt_without_a_label_of_its_own_is_named_by_its_id() -> None:
    content = document("v3.json")
    prompt = content["results"]["prompts"][0]
    prompt["label"] = f"prompts.txt: {prompt['raw']}"
    assert read(content).subject["prompt"].startswith(prompt["id"][:40])


def test_scores_on_another_scale_are_left_out_with_a_note() -> None:
    content = document("v3.json")
    for row in content["results"]["results"][:5]:
        row["namedScores"]["brief"] *= 10
    content["results"]["prompts"][0]["metrics"]["namedScores"]["brief"] *= 10
    report = read(content)
    assert report.metric("brief") is None
    assert report.metric("grounded") is not None
    assert any("brief" in note and "between 0 and 1" in note for note in report.notes)


def test_a_score_that_is_null_is_unscored() -> None:
    content = document("v3.json")
    content["results"]["results"][0]["namedScores"]["grounded"] = None
    metric = read(content).metric("grounded")
    assert metric is not None
    assert (metric.n, metric.errored, metric.unscored) == (6, 1, 1)


def test_derived_metrics_are_left_out_with_a_note() -> None:
    content = document("v3.json")
    content["results"]["prompts"][0]["metrics"]["namedScores"]["f1"] = 0.7
    report = read(content)
    assert report.metric("f1") is None
    assert any(note.startswith("1 derived") for note in report.notes)


def test_a_case_that_broke_counts_only_against_the_scores_that_its_test_wanted() -> None:
    content = document("v3.json")
    broken = next(row for row in content["results"]["results"] if row["failureReason"] == 2)
    broken["testCase"]["assert"] = [{"type": "assert-set", "assert": [{"type": "equals", "metric": "brief"}]}]
    report = read(content)
    errored = {metric.name: metric.errored for metric in report.metrics}
    assert errored == {"pass_rate": 1, "grounded": 0, "brief": 1}


def test_layers_may_come_from_variables() -> None:
    content = document("v3.json")
    for row in content["results"]["results"]:
        del row["metadata"]["layer"], row["testCase"]["metadata"]
        row["vars"]["layer"] = "edge"
    assert read(content).dataset.layers == {"edge": 6}


@pytest.mark.parametrize(
    ("way", "place"),
    [
        (("stats", "successes"), "results.stats.successes"),
        (("stats", "failures"), "results.stats.failures"),
        (("stats", "errors"), "results.stats.errors"),
        (("prompts", 0, "metrics", "testPassCount"), "results.prompts[0].metrics.testPassCount"),
        (
            ("prompts", 0, "metrics", "namedScores", "grounded"),
            "results.prompts[0].metrics.namedScores.grounded",
        ),
    ],
)
def test_totals_that_the_results_do_not_show_are_refused(way: tuple[Any, ...], place: str) -> None:
    content = document("v3.json")
    holder = content["results"]
    for step in way[:-1]:
        holder = holder[step]
    holder[way[-1]] += 1
    assert refused(content).problems[0].field == place


@pytest.mark.parametrize("wrong", [True, "4", -1, 4.0, None, 10**12])
def test_a_total_that_is_no_count_is_refused(wrong: object) -> None:
    content = document("v3.json")
    content["results"]["stats"]["successes"] = wrong
    assert refused(content).problems[0].field == "results.stats.successes"


def test_missing_results_are_refused() -> None:
    content = document("v3.json")
    content["results"]["results"].pop()
    assert "that the results show" in str(refused(content))


def test_a_result_of_no_prompt_is_refused() -> None:
    content = document("matrix.json")
    content["results"]["results"][3]["promptIdx"] = 4
    assert refused(content).problems[0].field == "results.results[3]"


def test_an_unknown_version_is_refused() -> None:
    content = document("v3.json")
    content["results"]["version"] = 4
    assert refused(content).problems[0].field == "results.version"


def test_more_named_scores_than_anybody_reads_are_refused() -> None:
    content = document("v3.json")
    content["results"]["results"][0]["namedScores"] = {f"score {at}": 1 for at in range(501)}
    assert "500" in str(refused(content))


def repeated(content: dict[str, Any], times: int) -> dict[str, Any]:
    """The run with each question asked several times, as ``--repeat`` does."""
    results = content["results"]
    results["results"] = [row for row in results["results"] for _ in range(times)]
    results["stats"] = {
        key: value * times if key in ("successes", "failures", "errors") else value
        for key, value in results["stats"].items()
    }
    for prompt in results["prompts"]:
        metrics = prompt["metrics"]
        for key in ("testPassCount", "testFailCount", "testErrorCount"):
            metrics[key] *= times
        for key in ("namedScores", "namedScoresCount", "namedScoreWeights"):
            metrics[key] = {name: value * times for name, value in metrics.get(key, {}).items()}
    return content


@pytest.mark.parametrize("told", [True, False])
def test_a_question_that_is_asked_again_is_no_further_case(told: bool) -> None:
    once = read(document("v3.json"))
    content = repeated(document("v3.json"), 3)
    if told:
        content["runtimeOptions"]["repeat"] = 3
    again = read(content)
    assert again.dataset == once.dataset
    assert again.metrics == once.metrics
    assert "12 answers to a question that was asked before count with the first" in again.notes


def test_a_question_has_passed_when_each_of_its_answers_did() -> None:
    content = repeated(document("v3.json"), 2)
    first = content["results"]["results"][0]
    content["results"]["results"][0] = {**first, "success": False, "failureReason": 1}
    content["results"]["stats"]["successes"] -= 1
    content["results"]["stats"]["failures"] += 1
    metrics = content["results"]["prompts"][0]["metrics"]
    metrics["testPassCount"] -= 1
    metrics["testFailCount"] += 1
    (rate,) = (metric for metric in read(content).metrics if metric.name == "pass_rate")
    assert (rate.n, rate.passed) == (6, 3)


def test_repeats_do_not_hide_that_the_run_was_partial() -> None:
    assert read(repeated(document("partial.json"), 2)).partial == "3 of 6 tests were run"


def test_questions_whose_variables_were_left_out_are_one_only_where_they_were_repeated() -> None:
    content = document("v3.json")
    for row in content["results"]["results"]:
        row["testCase"] = {"vars": {}}
    assert read(content).dataset.size == 6
    content["config"]["evaluateOptions"] = {"repeat": 2}
    passed = read(content).metric("pass_rate")
    assert passed is not None
    assert passed.n == 1
