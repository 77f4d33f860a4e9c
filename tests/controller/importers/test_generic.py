from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.importers import BadReport, read_report
from stages import EvalReport, Metric, MetricKind

SCHEMA = json.loads((files("controller.importers") / "generic.schema.json").read_text())
CHECKER = jsonschema.Draft202012Validator(SCHEMA)
SMALL: dict[str, Any] = {
    "format": "headgate-evaluation/1",
    "metrics": [{"name": "pass_rate", "kind": "pass_rate", "passed": 59, "failed": 1}],
}


def read(content: Any) -> EvalReport:
    return read_report(json.dumps(content).encode(), tool="generic")


def table(*rows: str, header: str = "case,layer,metric,passed,score,error") -> EvalReport:
    return read_report("\n".join((header, *rows, "")).encode(), tool="generic")


def refused(content: Any) -> str:
    with pytest.raises(BadReport) as caught:
        read(content)
    return caught.value.problems[0].field


def refused_table(*rows: str, header: str = "case,layer,metric,passed,score,error") -> str:
    with pytest.raises(BadReport) as caught:
        table(*rows, header=header)
    return caught.value.problems[0].field


def test_every_kind_of_metric_is_read() -> None:
    metrics = [
        {"name": "supported", "kind": "pass_rate", "passed": 7, "failed": 1, "errored": 1, "unscored": 1},
        {"name": "faithfulness", "kind": "mean", "value": 0.5, "n": 10, "errored": 1, "unscored": 1},
        {"name": "leaks", "kind": "count", "value": 2, "n": 10},
        {"name": "unjudged", "kind": "mean", "n": 3, "errored": 3},
    ]
    assert read(SMALL | {"metrics": metrics}).metrics == (
        Metric(
            name="supported",
            kind=MetricKind.PASS_RATE,
            value=0.875,
            n=10,
            passed=7,
            failed=1,
            errored=1,
            unscored=1,
        ),
        Metric(name="faithfulness", kind=MetricKind.MEAN, value=0.5, n=10, errored=1, unscored=1),
        Metric(name="leaks", kind=MetricKind.COUNT, value=2.0, n=10),
        Metric(name="unjudged", kind=MetricKind.MEAN, value=None, n=3, errored=3),
    )


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"format": "headgate-evaluation/2"}, "format"),
        ({"pass_rate": 1.0}, "pass_rate"),
        ({"metrics": []}, "file"),
        ({"metrics": {}}, "metrics"),
        ({"metrics": [{"name": "a", "kind": "share"}]}, "metrics[0].kind"),
        ({"metrics": [{"name": "a", "kind": "pass_rate", "passed": 1}]}, "metrics[0].failed"),
        ({"metrics": [{"name": "a", "kind": "pass_rate", "passed": 0, "failed": 0}]}, "file"),
        ({"metrics": [{"name": "a", "kind": "pass_rate", "passed": True, "failed": 0}]}, "metrics[0].passed"),
        ({"metrics": [{"name": "a", "kind": "pass_rate", "passed": 1, "failed": 0, "n": 1}]}, "metrics[0].n"),
        ({"metrics": [{"name": " ", "kind": "pass_rate", "passed": 1, "failed": 0}]}, "metrics[0].name"),
        ({"metrics": [{"name": "a", "kind": "mean", "value": 1.2, "n": 1}]}, "metrics[0]"),
        ({"metrics": [{"name": "a", "kind": "mean", "value": 0.5, "n": 1, "errored": 2}]}, "metrics[0]"),
        ({"metrics": [{"name": "a", "kind": "mean", "value": 0.5, "n": 2, "errored": 2}]}, "metrics[0]"),
        ({"metrics": [{"name": "a", "kind": "mean", "value": "0.5", "n": 2}]}, "metrics[0].value"),
        ({"metrics": [{"name": "a", "kind": "count", "value": 0.5}]}, "metrics[0].value"),
        ({"metrics": SMALL["metrics"] * 2}, "file"),
        ({"started_at": "2026-11-20 02:00"}, "started_at"),
        ({"dataset": {"cases": 3}}, "dataset.cases"),
        ({"dataset": {"size": 3, "layers": {"edge": 4}}}, "dataset.layers"),
        ({"subject": {"model": 3}}, "subject.model"),
        ({"subject": {"": "x"}}, "subject."),
        ({"notes": "one"}, "notes"),
    ],
)
def test_what_is_not_of_the_format_is_refused(change: dict[str, Any], place: str) -> None:
    assert refused(SMALL | change) == place


def test_a_reason_makes_a_report_partial() -> None:
    assert read(SMALL | {"partial": "the budget was spent"}).partial == "the budget was spent"


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


COUNTS = st.integers(0, 50) | st.sampled_from([None, -1, 2.5, "3", True])
METRICS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["a", "b", "", 3]),
        "kind": st.sampled_from(["pass_rate", "mean", "count", "share"]),
    },
    optional={
        **dict.fromkeys(("passed", "failed", "errored", "unscored", "n"), COUNTS),
        "value": st.sampled_from([None, 0, 1, 0.5, 7, -1, "x"]),
    },
)
DATASETS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["g", None, 1]),
        "size": COUNTS,
        "layers": st.dictionaries(st.text(), COUNTS),
    },
)
REPORTS = st.fixed_dictionaries(
    {"format": st.sampled_from(["headgate-evaluation/1", "other"]), "metrics": st.lists(METRICS, max_size=2)},
    optional={
        "dataset": DATASETS | st.none(),
        "subject": st.dictionaries(st.text(max_size=3), st.text() | st.none(), max_size=2) | st.none(),
        "notes": st.lists(st.text() | st.integers(), max_size=2) | st.none(),
        "extra": st.none(),
    },
)


@given(REPORTS)
def test_whatever_is_read_is_valid_by_the_schema(content: dict[str, Any]) -> None:
    try:
        read(content)
    except BadReport:
        return
    CHECKER.validate(content)


@given(st.integers(1, 50), st.integers(0, 50), st.integers(0, 50), st.floats(0, 1))
def test_whatever_is_valid_and_adds_up_is_read(
    judged: int, errored: int, unscored: int, value: float
) -> None:
    metrics = [
        {
            "name": "a",
            "kind": "pass_rate",
            "passed": judged,
            "failed": 0,
            "errored": errored,
            "unscored": unscored,
        },
        {"name": "b", "kind": "mean", "n": judged + errored + unscored, "value": value}
        | {"errored": errored, "unscored": unscored},
    ]
    content = SMALL | {"metrics": metrics}
    CHECKER.validate(content)
    assert [metric.n for metric in read(content).metrics] == [judged + errored + unscored] * 2


def test_rows_become_metrics() -> None:
    report = table(
        "a,edge,grounded,true,,",
        "a,edge,faithfulness,,0.5,",
        "b,safety,grounded,FALSE,,",
        "b,safety,faithfulness,,1,",
        "c,,grounded,,,timeout",
        "c,,faithfulness,,,",
    )
    assert report.metrics == (
        Metric(name="grounded", kind=MetricKind.PASS_RATE, value=0.5, n=3, passed=1, failed=1, errored=1),
        Metric(name="faithfulness", kind=MetricKind.MEAN, value=0.75, n=3, unscored=1),
    )
    assert report.dataset.size == 3
    assert report.dataset.layers == {"edge": 1, "safety": 1}


def test_a_metric_of_which_nothing_was_judged_takes_its_kind_from_the_column() -> None:
    assert table("a,m,,no answer", header="case,metric,score,error").metrics[0].kind is MetricKind.MEAN
    assert table("a,m,,no answer", header="case,metric,passed,error").metrics[0].kind is MetricKind.PASS_RATE


@pytest.mark.parametrize("number", ["0", "1", "0.5", ".5", "1.0", "3e-05", "9.1e-7"])
def test_scores_may_be_written_in_these_ways(number: str) -> None:
    assert table(f"a,,m,,{number},").metrics[0].value == float(number)


@pytest.mark.parametrize("number", ["nan", "inf", "-0.1", "1.1", "1e3", "0x1", "٣", "0_1", "50%", "0,5"])
def test_scores_may_not_be_written_in_these_ways(number: str) -> None:
    assert refused_table(f'a,,m,,"{number}",') == "row 1.score"


@pytest.mark.parametrize(
    ("rows", "place"),
    [
        (("a,,m,yes,,",), "row 1.passed"),
        (("a,,m,true,0.5,",), "row 1"),
        (("a,,m,true,,broke",), "row 1"),
        (("a,,,true,,",), "row 1.metric"),
        ((",,m,true,,",), "row 1.case"),
        (("a,,m,true,,", "a,,m,false,,"), "row 2"),
        (("a,edge,m,true,,", "a,safety,n,false,,"), "layer"),
        (("a,,m,true,,", "b,,m,,0.5,"), "m"),
        (("a,,m,true,",), "file"),
        ((), "file"),
    ],
)
def test_rows_that_cannot_be_used_are_refused(rows: tuple[str, ...], place: str) -> None:
    assert refused_table(*rows) == place


def test_an_unknown_column_is_refused() -> None:
    assert refused_table("a,m,true,x", header="case,metric,passed,weight") == "weight"


def test_a_table_that_breaks_off_in_a_line_is_refused() -> None:
    with pytest.raises(BadReport, match="breaks off"):
        read_report(b"case,metric,score\na,m,0.95\nb,m,0.9", tool="generic")
