from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.importers import IMPORTERS, BadReport, ReportFile, read_report
from stages import EvalReport, Metric, MetricKind
from tests.report_samples import sample


def record(name: str = "match") -> list[dict[str, Any]]:
    """The lines of a record: the specification, the final report if there is one, and the events."""
    return [json.loads(line) for line in sample(f"openai_evals/{name}.jsonl").data.splitlines()]


def read(lines: list[Any]) -> EvalReport:
    return read_report("".join(json.dumps(line) + "\n" for line in lines).encode(), tool="openai_evals")


def refused(lines: list[Any]) -> str:
    with pytest.raises(BadReport) as caught:
        read(lines)
    return caught.value.problems[0].field


def event(number: int, kind: str, sample_number: int, **data: Any) -> dict[str, Any]:
    run_id = record()[0]["spec"]["run_id"]
    sample_id = f"claims.golden.{sample_number}"
    return {"run_id": run_id, "event_id": number, "sample_id": sample_id, "type": kind, "data": data}


def test_answers_that_were_compared_are_counted() -> None:
    (accuracy,) = read(record()).metrics
    assert accuracy == Metric(name="accuracy", kind=MetricKind.PASS_RATE, value=0.5, n=6, passed=3, failed=3)


def test_the_run_is_described() -> None:
    report = read(record())
    assert report.run_id == "261121161423XQXITURW"
    assert report.started_at == datetime(2026, 11, 21, 16, 14, 23, 14611, tzinfo=UTC)
    assert report.subject == {"model": "dummy", "eval": "claims.golden.v1"}
    assert (report.dataset.name, report.dataset.version, report.dataset.size) == ("claims", "golden", 6)


def test_the_final_report_may_stand_anywhere_behind_the_specification() -> None:
    spec, final, *events = record()
    assert read([spec, *events, final]) == read([spec, *events[:3], final, *events[3:]]) == read(record())


def test_a_score_that_every_answer_was_given_is_a_mean() -> None:
    _, f1 = read(record("fuzzy")).metrics
    assert (f1.name, f1.kind, f1.n) == ("f1_score", MetricKind.MEAN, 6)
    assert f1.value == pytest.approx(0.3444444)


def test_numbers_without_cases_are_left_out_and_noted() -> None:
    assert any(note.startswith("boostrap_std had to be left out") for note in read(record()).notes)


def test_a_score_that_is_nan_is_unscored() -> None:
    lines = record("fuzzy")
    lines[3]["data"]["f1_score"] = None
    lines[1]["final_report"]["f1_score"] = None
    f1 = read(lines).metric("f1_score")
    assert f1 is not None
    assert (f1.n, f1.unscored) == (6, 1)


@pytest.mark.parametrize("score", ["high", True, 1.5, -0.5, [1]])
def test_a_score_that_is_none_from_0_to_1_is_left_out(score: Any) -> None:
    lines = record("fuzzy")
    lines[3]["data"]["f1_score"] = score
    assert read(lines).metric("f1_score") is None


def test_a_score_that_only_some_answers_were_given_is_left_out() -> None:
    lines = record("fuzzy")
    del lines[3]["data"]["f1_score"]
    assert read(lines).metric("f1_score") is None


def test_an_accuracy_of_scores_alone_is_a_mean() -> None:
    spec, final, *events = record("fuzzy")
    scored = [event for event in events if event["type"] == "metrics"]
    for number, one in enumerate(scored):
        one["event_id"] = number
    accuracy = read([spec, final, *scored]).metric("accuracy")
    assert accuracy is not None
    assert (accuracy.kind, accuracy.value, accuracy.n) == (MetricKind.MEAN, 0.5, 6)


def test_a_sample_that_broke_is_errored() -> None:
    accuracy = read([*record(), event(6, "error", 6, type="Timeout"), event(7, "error", 0)]).metric(
        "accuracy"
    )
    assert accuracy is not None
    assert (accuracy.n, accuracy.errored) == (7, 1)


def test_several_answers_to_one_sample_are_noted() -> None:
    spec, _, *events = record()
    more = [event(6 + at, "match", at, correct=at % 2 == 0) for at in range(6)]
    report = read([spec, *events, *more])
    assert report.metrics[0].n == 12
    assert any(note.startswith("12 answers to 6 samples") for note in report.notes)


def test_a_run_without_a_final_report_is_partial() -> None:
    report = read(record("partial"))
    assert report.partial == "the run did not reach its final report; 2 samples have no event"
    assert (report.metrics[0].passed, report.metrics[0].n) == (1, 3)


def test_a_file_that_lost_its_last_lines_shows_it_by_the_samples_without_an_event() -> None:
    assert read(record()[:4]).partial == "3 samples have no event"


def test_a_run_that_was_limited_may_skip_samples() -> None:
    lines = record()[:4]
    lines[0]["spec"]["run_config"]["max_samples"] = 2
    assert read(lines).partial == ""


def test_a_run_whose_samples_have_no_numbers_is_taken_at_its_word() -> None:
    lines = record()
    for one in lines[2:]:
        one["sample_id"] = f"case-{one['event_id']}"
    assert read(lines).partial == ""


def test_a_line_that_broke_off_makes_the_run_partial() -> None:
    report = read_report(sample("openai_evals/partial.jsonl").data + b'{"run_id": "26')
    assert "the file breaks off in its last line" in report.partial


def test_a_file_of_one_line_that_broke_off_is_refused() -> None:
    with pytest.raises(BadReport, match="breaks off"):
        read_report(b'{"spec": {"completion_fns"', tool="openai_evals")


@pytest.mark.parametrize("accuracy", [0.51, 0, 1])
def test_an_accuracy_that_the_answers_do_not_bear_out_is_refused(accuracy: float) -> None:
    lines = record()
    lines[1]["final_report"]["accuracy"] = accuracy
    assert refused(lines) == "line 2.final_report.accuracy"


def test_a_mean_that_the_scores_do_not_bear_out_is_refused() -> None:
    lines = record("fuzzy")
    lines[1]["final_report"]["f1_score"] = 0.9
    assert refused(lines) == "line 2.final_report.f1_score"


def test_records_that_are_not_one_whole_run_are_refused() -> None:
    spec, final, *events = record()
    assert refused([spec, final, *events[1:]]) == "line 3.event_id"
    assert refused([spec, final, *events, final]) == "line 9"
    assert refused([spec, final | {"run_id": "another"}, *events]) == "line 2.run_id"
    assert refused([spec, final, *events[:5], events[5] | {"run_id": "another"}]) == "line 8.run_id"
    assert refused([*events, final]) == "line 1.spec"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"data": {"correct": "yes"}}, "line 3.data.correct"),
        ({"data": {}}, "line 3.data.correct"),
        ({"data": []}, "line 3.data"),
        ({"type": None}, "line 3.type"),
        ({"sample_id": 3}, "line 3.sample_id"),
        ({"event_id": "0"}, "line 3.event_id"),
    ],
)
def test_an_event_that_cannot_be_used_is_refused(change: dict[str, Any], place: str) -> None:
    lines = record()
    lines[2] |= change
    assert refused(lines) == place


def test_a_final_report_of_very_many_numbers_is_refused() -> None:
    lines = record()
    lines[1]["final_report"] = {str(at): at for at in range(501)}
    assert refused(lines) == "line 2.final_report"


def test_a_file_that_begins_otherwise_is_not_recognised() -> None:
    for data in (b'{"spec": []}\n', b'{"final_report": {}}\n', b'{"spec": {"run_id": "x"}}\n', b"spec\n"):
        assert not IMPORTERS["openai_evals"].recognises(ReportFile(data))
