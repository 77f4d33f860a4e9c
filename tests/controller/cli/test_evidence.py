from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.controller.cli.conftest import FEATURE, NOWHERE, Installation

REPORTS = Path(__file__).parents[2] / "vectors" / "reports"
GENERIC = str(REPORTS / "generic" / "report.json")
PARTIAL = str(REPORTS / "generic" / "partial_report.json")
ABOUT = ("--feature", FEATURE, "--requirement", "evaluation-report")
RUNBOOK = ("--feature", FEATURE, "--requirement", "runbook")


@pytest.fixture
def ready(installation: Installation) -> Installation:
    """A feature of a tier that asks for evidence, with a release and a trigger in production."""
    installation.feature("T2")
    watched = f"/projects/acme/environments/production/rollouts/{FEATURE}/triggers"
    query = {"source": "outcomes", "query": {"measure": "sensitive_data"}, "method": "any_event"}
    installation.api.ok("POST", watched, {"key": "leaks", **query, "ladder": [{"do": "hold"}]})
    release = installation.release()
    installation.ada.ok("introduce", FEATURE, release, "--reason", "first")
    return installation


def stable(installation: Installation) -> str:
    return str(installation.ada.read("status", FEATURE)["stable"])


def test_a_report_is_handed_in_with_its_numbers_and_how_the_requirement_stands(ready: Installation) -> None:
    lines = ready.ada.ok("evidence", "import", GENERIC, *ABOUT, "--release", "current").splitlines()
    assert lines[0] == f"{GENERIC}: e-1 for evaluation-report, about {stable(ready)}"
    assert lines[1].split()[:2] == ["tool", "generic"]
    assert lines[2].split() == ["dataset", "claims-golden", "7"]
    assert lines[3].split() == ["METRIC", "N", "VALUE", "AT", "LEAST", "(95", "%)", "AT", "MOST", "(95", "%)"]
    assert lines[4].split()[:3] == ["pass_rate", "120", "0.9492"]
    assert 0.85 < float(lines[4].split()[3]) < 112 / 120 < float(lines[4].split()[4]) < 1
    assert lines[-1].startswith(
        f"evaluation-report: met for beta in production with {stable(ready)}: Evaluation report"
    )


def test_the_standing_told_is_that_of_the_release_the_report_is_about(ready: Installation) -> None:
    other = ready.release("model-2026-02-01")
    asked = ("evidence", "import", GENERIC, *ABOUT, "--release", other)
    told = f"evaluation-report: met for beta in production with {other}: "
    assert ready.ada.ok(*asked).splitlines()[-1].startswith(told)
    assert ready.ada.read("feature", "readiness", FEATURE)["release"] == stable(ready)


def test_of_a_release_that_is_to_come_in_the_present_stage_is_told(installation: Installation) -> None:
    installation.live()
    other = installation.release("model-2026-02-01")
    said = installation.free.ok("evidence", "import", GENERIC, *ABOUT, "--release", other)
    assert said.endswith("evaluation-report: beta in staging does not ask for it\n")


def test_what_the_api_kept_is_told_as_json(ready: Installation) -> None:
    release = stable(ready)
    made = ready.ada.read(
        *("evidence", "import", GENERIC, *ABOUT, "--release", release),
        *("--tool", "generic", "--expires-at", "2030-01-31"),
    )
    assert (made["release"], made["report"]["tool"]) == (release, "generic")
    assert made["sha256"] == hashlib.sha256(Path(GENERIC).read_bytes()).hexdigest()
    assert made["expires_at"] == "2030-01-31T00:00:00+00:00"


def test_several_reports_are_handed_in_one_after_the_other(ready: Installation) -> None:
    asked = ("evidence", "import", GENERIC, PARTIAL, *ABOUT, "--release", "current")
    assert [one["id"] for one in ready.ada.read(*asked)] == [1, 2]
    lines = ready.ada.ok(*asked).splitlines()
    assert [line for line in lines if ": e-" in line] == [
        f"{GENERIC}: e-3 for evaluation-report, about {stable(ready)}",
        f"{PARTIAL}: e-4 for evaluation-report, about {stable(ready)}",
    ]
    assert any(line.startswith("  partial  stopped after 30 of 120 cases") for line in lines)


def test_a_report_that_cannot_be_read_is_named_with_those_handed_in_before_it(
    ready: Installation, tmp_path: Path
) -> None:
    (tmp_path / "broken.json").write_text("{")
    file = str(tmp_path / "broken.json")
    said = ready.ada.refused("evidence", "import", GENERIC, file, *ABOUT, "--release", "current")
    assert said.startswith(f"Error: {file} (handed in before it: {GENERIC}): ")
    assert [one["id"] for one in ready.ada.read("evidence", "list", "--feature", FEATURE)["items"]] == [1]


def test_a_requirement_that_does_not_hold_says_what_to_do(ready: Installation) -> None:
    said = ready.ada.ok("evidence", "import", PARTIAL, *ABOUT, "--release", "current")
    assert "evaluation-report: insufficient for beta in production" in said
    assert said.endswith("; run the whole evaluation\n")


def test_without_an_environment_only_the_standing_is_missing(ready: Installation) -> None:
    release = stable(ready)
    asked = ("evidence", "import", GENERIC, *ABOUT, "--release")
    said = ready.ada.ok(*asked, release, HEADGATE_ENVIRONMENT=None)
    assert said.endswith("name an --environment to see how the requirement stands there\n")
    said = ready.ada.misused(*asked, "current", HEADGATE_ENVIRONMENT=None)
    assert "the current release is that of an environment" in said


def test_a_feature_without_a_release_has_no_current_one(installation: Installation) -> None:
    installation.feature("T2")
    said = installation.ada.refused("evidence", "import", GENERIC, *ABOUT, "--release", "current")
    assert said == (f"Error: {FEATURE} has no release in production; introduce one, or name it by its id\n")


def test_an_unknown_requirement_is_refused_with_those_there_are(ready: Installation) -> None:
    said = ready.ada.refused("evidence", "import", GENERIC, "-f", FEATURE, "-r", "none")
    assert "use one of evaluation-report, glossary, runbook" in said


def test_a_requirement_that_is_not_asked_for_is_told(installation: Installation) -> None:
    installation.live()
    said = installation.free.ok("evidence", "add", *RUNBOOK, "--sha256", "0" * 64)
    assert said.endswith("runbook: pilot in staging does not ask for it\n")


def test_a_file_is_hashed_here_and_not_sent(ready: Installation, tmp_path: Path) -> None:
    file = tmp_path / "runbook.md"
    file.write_bytes(b"Call Ada.\n")
    asked = ("evidence", "add", *RUNBOOK, "--uri", "https://wiki.example.com/runbook")
    made = ready.ada.read(*asked, "--file", str(file), "--summary", "Version 2")
    assert made["sha256"] == hashlib.sha256(b"Call Ada.\n").hexdigest()
    assert (made["uri"], made["summary"]) == ("https://wiki.example.com/runbook", "Version 2")
    said = ready.ada.ok(*asked, "--sha256", "0" * 64)
    assert said.splitlines()[0] == "e-2 for runbook"
    assert said.splitlines()[1].startswith("runbook: met for beta in production")


@pytest.mark.parametrize("given", [(), ("--sha256", "0" * 64, "--file", GENERIC)])
def test_either_a_file_or_its_hash_is_needed(given: tuple[str, ...]) -> None:
    assert "name either --file or --sha256" in NOWHERE.misused("evidence", "add", *RUNBOOK, *given)


def test_a_hash_that_is_none_is_refused(ready: Installation) -> None:
    said = ready.ada.refused("evidence", "add", *RUNBOOK, "--sha256", "abc")
    assert "invalid_field  sha256  64 hex digits are needed." in said


def test_evidence_is_listed(ready: Installation) -> None:
    ready.ada.ok("evidence", "add", *RUNBOOK, "--sha256", "0" * 64, "--summary", "Version 2")
    cells = ready.ada.ok("evidence", "list", "--feature", FEATURE).split()
    assert cells[:3] == ["e-1", "runbook", "-"]
    assert cells[-2:] == ["Version", "2"]


def test_a_requirement_is_waived_for_a_while(ready: Installation) -> None:
    asked = ("evidence", "waive", *ABOUT, "--release", "current", "--trigger", "leaks", "--reason", "x")
    waived = ready.ada.read(*asked, "--days", "30")
    ends = datetime.fromisoformat(waived["expires_at"])
    assert abs(ends - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=5)
    until = f"{datetime.now(UTC) + timedelta(days=10):%Y-%m-%d}"
    said = ready.ada.ok(*asked, "--until", until)
    assert said.startswith(f"w-2: evaluation-report is waived until {until} 00:00 UTC, while leaks watches\n")


def test_a_waiver_needs_exactly_one_end_and_may_not_be_too_long(ready: Installation) -> None:
    asked = ("evidence", "waive", *ABOUT, "--release", "current", "--trigger", "leaks", "--reason", "x")
    for given in ((), ("--days", "3", "--until", "2030-01-01")):
        assert "either --until or --days" in ready.ada.misused(*asked, *given)
    assert "91 is not in the range" in ready.ada.misused(*asked, "--days", "91")
    assert "expires_at" in ready.ada.refused(*asked, "--until", "2099-01-01")
    said = ready.ada.refused(*[RUNBOOK[-1] if each == ABOUT[-1] else each for each in asked], "--days", "3")
    assert "requirement" in said


def test_the_business_metric_is_reported(installation: Installation) -> None:
    metric = {"name": "handling time", "target": 6, "window_days": 30}
    installation.feature(business_metric=metric)
    asked = ("evidence", "measure", "--feature", FEATURE, "--at", "2026-11-01", "--note", "from the CRM")
    assert installation.ada.ok(*asked, "7.5") == f"{FEATURE}: 7.5 at 2026-11-01 00:00 UTC\n"
    made = json.loads(installation.ada.ok(*asked, "--json", "--", "-1"))
    assert (made["value"], made["note"], made["reported_by"]) == (-1, "from the CRM", "key:ada")


def test_a_measurement_needs_a_metric_and_a_number(installation: Installation) -> None:
    installation.feature()
    said = installation.ada.refused("evidence", "measure", "7", "--feature", FEATURE)
    assert "business_metric  the feature has none; describe the metric first" in said
    assert "not a valid float" in installation.ada.misused("evidence", "measure", "x", "--feature", FEATURE)
