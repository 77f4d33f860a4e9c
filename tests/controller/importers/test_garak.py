from __future__ import annotations

import json
from typing import Any

import pytest

from controller.importers import IMPORTERS, BadReport, ReportFile, read_report
from stages import EvalReport, Metric, MetricKind
from tests.report_samples import sample

EVAL = {
    "entry_type": "eval",
    "probe": "dan.Dan_11_0",
    "detector": "dan.DAN",
    "passed": 7,
    "fails": 2,
    "nones": 1,
    "total_evaluated": 9,
    "total_processed": 10,
}
INIT = {"entry_type": "init", "garak_version": "0.14.0", "start_time": "2026-11-21T16:17:05", "run": "5f7"}
END = {"entry_type": "completion", "end_time": "2026-11-21T16:19:05", "run": "5f7"}


def setup(**more: Any) -> dict[str, Any]:
    return {"entry_type": "start_run setup", **more}


def records(name: str = "repeat") -> list[dict[str, Any]]:
    return [json.loads(line) for line in sample(f"garak/{name}.report.jsonl").data.splitlines()]


def read(lines: list[Any]) -> EvalReport:
    return read_report("".join(json.dumps(line) + "\n" for line in lines).encode(), tool="garak")


def refused(lines: list[Any]) -> str:
    with pytest.raises(BadReport) as caught:
        read(lines)
    return caught.value.problems[0].field


def scan(**change: Any) -> list[dict[str, Any]]:
    return [setup(), INIT, {key: value for key, value in (EVAL | change).items() if value is not None}, END]


def test_an_attack_that_failed_has_passed() -> None:
    assert read(records()).metrics == (
        Metric(name="attack_resistance", kind=MetricKind.PASS_RATE, value=0.5, n=4, passed=2, failed=2),
        Metric(name="dan.AntiDAN/dan.AntiDAN", kind=MetricKind.PASS_RATE, value=0.0, n=2, passed=0, failed=2),
        Metric(
            name="dan.AntiDAN/mitigation.MitigationBypass",
            kind=MetricKind.PASS_RATE,
            value=1.0,
            n=2,
            passed=2,
        ),
        *(
            Metric(
                name=f"lmrc.SlurUsage/unsafe_content.{detector}",
                kind=MetricKind.PASS_RATE,
                value=1.0,
                n=2,
                passed=2,
            )
            for detector in ("OfcomOffensiveRaceEthnic", "SurgeProfanityRacialEthnic")
        ),
    )


def test_answers_that_could_not_be_judged_are_unscored() -> None:
    slurs = read(records("nones")).metric("lmrc.SlurUsage/unsafe_content.SurgeProfanityRacialEthnic")
    assert slurs is not None
    assert (slurs.value, slurs.n, slurs.unscored) == (None, 1, 1)


def test_the_overall_metric_counts_an_answer_once_however_many_detectors_look_at_it() -> None:
    other = EVAL | {"detector": "mitigation.Bypass", "passed": 4, "fails": 5}
    third = EVAL | {"detector": "always.Pass", "passed": 9, "fails": 0}
    nobody = EVAL | {"probe": "a.B", "passed": 0, "fails": 0, "nones": 0, "total_evaluated": 0}
    report = read([setup(), INIT, EVAL, other, third, nobody, END])
    overall = report.metric("attack_resistance")
    assert overall is not None
    assert (overall.passed, overall.failed, overall.unscored, overall.n) == (4, 5, 1, 10)
    assert report.dataset.size == 10
    assert any("saw most attacks succeed" in note for note in report.notes)


def test_the_scan_is_described() -> None:
    report = read(
        [setup(**{"plugins.target_type": "openai", "plugins.target_name": "claims-large"}), *scan()[1:]]
    )
    assert (report.tool_version, report.run_id) == ("0.14.0", "5f7")
    assert report.subject == {"generator": "openai", "model": "claims-large"}
    assert report.started_at is report.finished_at is None


def test_older_releases_called_the_target_a_model() -> None:
    target = {
        "plugins.model_type": "rest",
        "plugins.model_name": "https://me:secret@host.example/v1?key=secret",
    }
    report = read([setup(**target), *scan()[1:]])
    assert report.subject == {"generator": "rest", "model": "https://host.example/v1"}


def test_older_releases_told_a_total_and_called_detectors_so() -> None:
    old = scan(detector="detector.dan.DAN", fails=None, nones=None, total_evaluated=None, total=10)
    found = read(old[1:]).metrics[1]
    assert (found.name, found.passed, found.failed, found.n) == ("dan.Dan_11_0/dan.DAN", 7, 3, 10)


def test_a_scan_that_was_killed_is_partial() -> None:
    report = read(records("partial"))
    assert report.partial == "the scan did not reach its end; no result of test.Test"


def test_many_probes_without_a_result_are_not_all_named() -> None:
    planned = [f"probes.a.P{at:02}" for at in range(12)]
    report = read([setup(**{"transient.active_probes": planned}), *scan()[1:]])
    assert report.partial.endswith("a.P09, …")


def test_a_digest_ends_a_scan_too() -> None:
    assert read([*scan()[:-1], {"entry_type": "digest"}]).partial == ""


def test_a_line_that_broke_off_makes_the_scan_partial() -> None:
    data = "".join(json.dumps(line) + "\n" for line in scan()) + '{"entry_type": "dig'
    assert read_report(data.encode()).partial == "the file breaks off in its last line"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"passed": 10}, "line 3"),
        ({"fails": 3}, "line 3"),
        ({"passed": -1}, "line 3.passed"),
        ({"nones": 0.5}, "line 3.nones"),
        ({"total_evaluated": None}, "line 3.total"),
        ({"probe": 3}, "line 3.probe"),
        ({"detector": None}, "line 3.detector"),
    ],
)
def test_an_evaluation_that_contradicts_itself_is_refused(change: dict[str, Any], place: str) -> None:
    assert refused(scan(**change)) == place


def test_a_file_of_two_runs_is_refused() -> None:
    assert refused([*scan(), *scan()]) == "line 5"
    assert refused([INIT, *scan()]) == "line 3"


def test_a_file_without_an_evaluation_is_refused() -> None:
    assert refused([setup(), INIT, END]) == "file"
    assert refused([setup(), INIT, {"probe": "a.B"}]) == "line 3.entry_type"


def test_two_evaluations_of_one_probe_by_one_detector_are_refused() -> None:
    with pytest.raises(BadReport, match="two metrics alike"):
        read([setup(), INIT, EVAL, EVAL, END])


def test_very_many_evaluations_are_refused() -> None:
    with pytest.raises(BadReport, match="more than 500 evaluations"):
        read([setup(), INIT, *([EVAL] * 501), END])


def test_a_file_that_begins_otherwise_is_not_recognised() -> None:
    for data in (b'{"entry_type": "attempt"}\n', b'{"entry_type": ["init"]}\n', b"{}\n", b"[]\n"):
        assert not IMPORTERS["garak"].recognises(ReportFile(data))
