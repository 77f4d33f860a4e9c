from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.importers import IMPORTERS, BadReport, ReportFile, read_report
from stages import EvalReport, Metric, MetricKind
from tests.report_samples import sample

CSV = sample("ragas/claims.csv").data


def table(*scores: str, column: str = "faithfulness") -> bytes:
    rows = "".join(f"asked,said,{score}\n" for score in scores)
    return f"user_input,response,{column}\n{rows}".encode()


def lines(*rows: dict[str, Any]) -> bytes:
    return "".join(json.dumps({"user_input": "a", "response": "b"} | row) + "\n" for row in rows).encode()


def only(data: bytes) -> Metric:
    (found,) = read_report(data).metrics
    return found


def refused(data: bytes) -> str:
    with pytest.raises(BadReport) as caught:
        read_report(data, tool="ragas")
    return caught.value.problems[0].field


def recognised(data: bytes) -> bool:
    return IMPORTERS["ragas"].recognises(ReportFile(data))


def means(report: EvalReport) -> dict[str, float | None]:
    return {metric.name: metric.value for metric in report.metrics}


def test_a_column_of_scores_is_a_mean_over_the_rows() -> None:
    report = read_report(CSV)
    assert means(report) == pytest.approx(
        {
            "exact_match": 0.5,
            "non_llm_string_similarity": 0.676833976833977,
            "bleu_score": 0.23864349148018077,
            "rouge_score(mode=fmeasure)": 0.702020202020202,
            "steady": 0.9,
        }
    )
    assert {(metric.kind, metric.n) for metric in report.metrics} == {(MetricKind.MEAN, 6)}
    assert report.dataset.size == 6


def test_json_lines_and_an_index_say_the_same() -> None:
    assert means(read_report(sample("ragas/indexed.csv").data)) == means(read_report(CSV))
    assert means(read_report(sample("ragas/claims.jsonl").data)) == pytest.approx(means(read_report(CSV)))


def test_a_judge_that_failed_leaves_a_case_unscored() -> None:
    steady = read_report(CSV).metric("steady")
    assert steady is not None
    assert (steady.n, steady.judged, steady.unscored) == (6, 5, 1)


@pytest.mark.parametrize("missing", ["", "nan", "NaN", "None", "<NA>", "inf", "-Infinity"])
def test_what_is_no_number_is_unscored_and_never_zero(missing: str) -> None:
    found = only(table("0.5", missing))
    assert (found.value, found.n, found.unscored) == (0.5, 2, 1)


def test_a_judge_that_failed_everywhere_is_a_metric_without_a_value() -> None:
    for data in (table("", "nan"), lines({"faithfulness": None}, {"faithfulness": None})):
        found = only(data)
        assert (found.value, found.n, found.unscored) == (None, 2, 2)


def test_a_score_that_rounding_carried_past_1_is_1() -> None:
    assert only(table("1.0000000000000004", "-1e-16")).value == 0.5


@pytest.mark.parametrize("score", ["1.1", "-0.2", "85", "1e30"])
def test_scores_on_another_scale_are_left_out_and_noted(score: str) -> None:
    data = table(f"{score},0.5", "0.5,0.5", column="words,faithfulness")
    report = read_report(data)
    assert means(report) == {"faithfulness": 0.5}
    assert any(note.startswith("scores must be between 0 and 1") and "words" in note for note in report.notes)


@pytest.mark.parametrize("text", ["high", "1_0", "0x1", "true", "1e999", "٣", "0.5 of 1"])
def test_columns_with_text_are_left_out_and_noted(text: str) -> None:
    report = read_report(table("0.5,0.5", f"{text},0.5", column="verdict,faithfulness"))
    assert means(report) == {"faithfulness": 0.5}
    assert "columns of text were left out: verdict" in report.notes


def test_values_of_json_that_are_no_numbers_are_no_scores() -> None:
    rows = [
        {"verdict": True, "trace": [1], "faithfulness": 1},
        {"verdict": False, "trace": {}, "faithfulness": 0},
    ]
    report = read_report(lines(*rows))
    assert means(report) == {"faithfulness": 0.5}
    assert "columns of text were left out: verdict, trace" in report.notes


def test_many_columns_that_are_left_out_are_not_all_named() -> None:
    names = [f"text{at}" for at in range(12)]
    report = read_report(lines(dict.fromkeys(names, "x") | {"faithfulness": 1.0}))
    assert any(note.endswith("text9, …") for note in report.notes)


def test_columns_of_a_sample_are_no_metrics_even_where_they_hold_numbers() -> None:
    report = read_report(b"user_input,response,reference,exact_match\n1,1,1,1\n0,1,0,0\n")
    assert list(means(report)) == ["exact_match"]


def test_the_columns_of_old_releases_are_known() -> None:
    report = read_report(b"question,contexts,answer,ground_truth,faithfulness\na,['b'],c,d,0.5\n")
    assert means(report) == {"faithfulness": 0.5}


def test_tables_without_the_columns_of_ragas_are_neither_recognised_nor_read() -> None:
    for data in (
        b"case,metric,score\na,b,0.5\n",
        b"user_input,response,case,metric,score\na,b,c,d,0.5\n",
        b"user_input,score\na,0.5\n",
        b"response,faithfulness\na,0.5\n",
        b'{"response": "a", "faithfulness": 0.5}\n',
        b"[]\n",
    ):
        assert not recognised(data)
        assert refused(data) == "file"


def test_a_table_without_rows_is_refused() -> None:
    assert refused(b"user_input,response,faithfulness\n") == "file"


def test_a_row_with_other_columns_is_refused() -> None:
    assert refused(lines({"faithfulness": 1.0}, {"relevancy": 1.0})) == "line 2"
    assert refused(lines({"faithfulness": 1.0}) + b"[1]\n") == "line 2"


def test_a_table_that_broke_off_is_refused_and_json_lines_are_partial() -> None:
    assert refused(CSV.rstrip()) == "file"
    whole = sample("ragas/claims.jsonl").data
    assert read_report(whole[:-20]).dataset.size == 5
    for cut in (whole[:-20], whole.rstrip()):
        assert read_report(cut).partial == "the file breaks off in its last line"


@given(st.lists(st.floats(0, 1) | st.none(), min_size=1, max_size=30))
def test_csv_and_json_lines_of_the_same_scores_agree(scores: list[float | None]) -> None:
    written = table(*("" if score is None else repr(score) for score in scores))
    found = only(written)
    assert found == only(lines(*({"faithfulness": score} for score in scores)))
    assert found.unscored == scores.count(None)
    assert found.n == len(scores)
