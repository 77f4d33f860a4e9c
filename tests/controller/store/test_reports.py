from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.store.reports import report_from_json, report_to_json
from stages import Dataset, EvalReport, Metric, MetricKind

words = st.text(max_size=8)
times = st.none() | st.datetimes(timezones=st.just(UTC))
counts = st.integers(0, 10**6)


@st.composite
def pass_rates(draw: st.DrawFn) -> Metric:
    passed, failed, errored, unscored = (draw(counts) for _ in range(4))
    value = passed / (passed + failed) if passed + failed else None
    return Metric(
        name=draw(words),
        kind=MetricKind.PASS_RATE,
        value=value,
        n=passed + failed + errored + unscored,
        passed=passed,
        failed=failed,
        errored=errored,
        unscored=unscored,
    )


means = st.builds(
    Metric, name=words, kind=st.just(MetricKind.MEAN), value=st.floats(0, 1), n=st.integers(1, 9)
)
found = st.builds(
    Metric, name=words, kind=st.just(MetricKind.COUNT), value=st.none() | st.floats(0, 1e9), n=counts
)
datasets = st.builds(
    Dataset,
    name=words,
    version=words,
    size=st.none() | counts,
    layers=st.dictionaries(words, counts, max_size=3),
)
reports = st.builds(
    EvalReport,
    tool=words,
    tool_version=words,
    run_id=words,
    started_at=times,
    finished_at=times,
    partial=words,
    subject=st.dictionaries(words, words, max_size=3),
    dataset=datasets,
    metrics=st.lists(pass_rates() | means | found, max_size=4).map(tuple),
    notes=st.lists(words, max_size=2).map(tuple),
)


@given(report=reports)
def test_a_report_is_read_as_it_was_written(report: EvalReport) -> None:
    assert report_from_json(json.loads(json.dumps(report_to_json(report), allow_nan=False))) == report


WRITTEN = report_to_json(
    EvalReport(
        tool="promptfoo",
        finished_at=datetime(2026, 11, 1, tzinfo=UTC),
        dataset=Dataset(size=3, layers={"edge": 1}),
        metrics=(Metric(name="pass_rate", kind=MetricKind.PASS_RATE, value=1.0, n=3, passed=3),),
    )
)


def changed(path: str, value: Any) -> dict[str, Any]:
    copy = json.loads(json.dumps(WRITTEN))
    *way, last = path.split(".")
    part = copy
    for step in way:
        part = part[int(step)] if isinstance(part, list) else part[step]
    part[last] = value
    return dict(copy)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("tool", 1),
        ("finished_at", "yesterday"),
        ("finished_at", 7),
        ("subject", {"model": 1}),
        ("dataset", None),
        ("dataset.size", True),
        ("dataset.layers", {"edge": "1"}),
        ("metrics.0.kind", "luck"),
        ("metrics.0.n", 4),
        ("metrics.0.passed", 3.0),
        ("metrics.0.passed", True),
        ("metrics.0.value", None),
        ("metrics.0.value", float("nan")),
        ("metrics.0.value", 1.5),
        ("notes", "text"),
    ],
)
def test_what_is_not_a_report_is_not_read_as_one(path: str, value: Any) -> None:
    assert report_from_json(WRITTEN).dataset.size == 3
    with pytest.raises((ValueError, TypeError, LookupError, AttributeError)):
        report_from_json(changed(path, value))
