from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.importers import IMPORTERS, BadReport, ReportFile, read_report
from controller.importers.archive import Archive
from stages import EvalReport, Metric, MetricKind
from tests.report_samples import sample


def document(name: str = "match.json") -> dict[str, Any]:
    """A whole log as one document: an archive's members are put together as Inspect's own JSON has them."""
    data = sample(f"inspect/{name}").data
    if name.endswith(".json"):
        return json.loads(data)
    archive = Archive(data)
    return json.loads(archive.read("header.json")) | {
        "reductions": json.loads(archive.read("reductions.json"))
    }


def archived(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/") + ".json", data)
    return content.getvalue()


def read(content: dict[str, Any]) -> EvalReport:
    return read_report(json.dumps(content).encode(), tool="inspect")


def refused(content: dict[str, Any]) -> str:
    with pytest.raises(BadReport) as caught:
        read(content)
    return caught.value.problems[0].field


def test_an_archive_says_what_its_members_say_as_one_document() -> None:
    for name in ("many.eval", "epochs.eval", "partial_errors.eval"):
        assert read_report(sample(f"inspect/{name}").data) == read(document(name))


def test_the_run_is_described() -> None:
    report = read(document())
    assert (report.tool_version, report.run_id) == ("0.3.285", "EqjPj3HZGrSpCHP47pJyrR")
    assert report.started_at == datetime(2026, 11, 21, 16, 19, 16, tzinfo=UTC)
    assert report.finished_at == datetime(2026, 11, 21, 16, 19, 17, tzinfo=UTC)
    assert report.subject == {"model": "mockllm/model", "task": "claims_whole", "task_version": "3"}
    assert (report.dataset.name, report.dataset.size) == ("claims-golden", 4)
    assert report.partial == ""


def test_the_grader_and_the_commit_are_named() -> None:
    log = document()
    log["eval"] |= {
        "task_version": "2026-11",
        "revision": {"type": "git", "origin": "https://me:secret@git.example/claims", "commit": "0a1b2c3"},
        "model_roles": {"grader": {"model": "openai/judge-2", "config": {}, "args": {"api_key": "secret"}}},
    }
    report = read(log)
    assert report.subject["judge"] == "openai/judge-2"
    assert report.subject["commit"] == "0a1b2c3"
    assert report.subject["task_version"] == "2026-11"
    assert "secret" not in repr(report)


def test_a_log_needs_no_packages_no_times_no_settings() -> None:
    log = document()
    del log["stats"], log["eval"]["packages"], log["eval"]["config"], log["eval"]["task_version"]
    log["eval"]["model_roles"] = {"critic": {"model": "m"}}
    report = read(log)
    assert (report.tool_version, report.started_at, report.finished_at) == ("", None, None)
    assert set(report.subject) == {"model", "task"}


def test_a_sample_that_broke_makes_the_run_partial_and_a_case_errored() -> None:
    report = read(document("partial_errors.eval"))
    assert report.partial == "5 of 6 samples were completed"
    assert report.metrics == (
        Metric(
            name="match/accuracy", kind=MetricKind.PASS_RATE, value=0.8, n=6, passed=4, failed=1, errored=1
        ),
    )


def test_a_limit_makes_the_run_partial() -> None:
    assert read(document("partial_limit.json")).partial == "4 of the 6 cases of the dataset were asked"


def test_a_dataset_of_unknown_size_is_not_missed() -> None:
    log = document("partial_limit.json")
    del log["eval"]["dataset"]["samples"]
    report = read(log)
    assert (report.partial, report.dataset.size) == ("", None)


@pytest.mark.parametrize("status", ["cancelled", "error", "started"])
def test_a_run_that_was_stopped_with_results_is_partial(status: str) -> None:
    assert read(document() | {"status": status}).partial == f"the run ended with status {status}"


@pytest.mark.parametrize("status", ["cancelled", "error", "started"])
def test_a_run_that_was_stopped_without_results_is_refused_with_the_way_to_finish_it(status: str) -> None:
    log = document() | {"status": status}
    del log["results"]
    with pytest.raises(BadReport) as caught:
        read(log)
    assert caught.value.problems[0].field == "results"
    assert status in caught.value.problems[0].message
    assert "eval-retry" in caught.value.problems[0].remedy


def test_an_archive_of_a_run_that_was_killed_is_recognised_and_refused() -> None:
    data = archived(_journal__start=b'{"version": 2, "eval": {}}')
    assert IMPORTERS["inspect"].recognises(ReportFile(data))
    with pytest.raises(BadReport, match="stopped before its end"):
        read_report(data)


def test_an_archive_of_something_else_is_not_recognised() -> None:
    assert not IMPORTERS["inspect"].recognises(ReportFile(archived(other=b"{}")))
    assert not IMPORTERS["inspect"].recognises(ReportFile(b"PK\x03\x04 but no more"))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"version": 1}, "version"),
        ({"version": "2"}, "version"),
        ({"invalidated": True}, "invalidated"),
        ({"status": "splendid"}, "status"),
        ({"results": None}, "results"),
        ({"eval": []}, "eval"),
        ({"reductions": 3}, "reductions"),
    ],
)
def test_a_log_that_cannot_be_used_is_refused(change: dict[str, Any], place: str) -> None:
    assert refused(document() | change) == place


def test_a_document_without_a_task_is_not_recognised() -> None:
    for data in (b'{"status": "success", "eval": {"model": "m"}}', b'{"eval": {"task": "t"}}', b"[]"):
        assert not IMPORTERS["inspect"].recognises(ReportFile(data))
