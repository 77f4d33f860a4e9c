from __future__ import annotations

from typing import Any

import pytest

from tests.controller.cli.conftest import FEATURE, Installation, Shell, listening

PROMOTE = ("promote", FEATURE, "--to", "beta", "--reason", "ready")
REPORT = "tests/vectors/reports/generic/report.json"


@pytest.fixture
def proved(installation: Installation, request: pytest.FixtureRequest) -> Installation:
    """A feature with all the evidence for beta; only approvals are missing."""
    installation.feature("T2")
    shell, release = installation.ada, installation.release()
    shell.ok("introduce", FEATURE, release, "--reason", "first")
    report = str(request.config.rootpath / REPORT)
    about = ("--feature", FEATURE, "--requirement")
    shell.ok("evidence", "import", report, *about, "evaluation-report", "--release", "current")
    shell.ok("evidence", "add", *about, "runbook", "--sha256", "0" * 64)
    return installation


def test_every_reason_against_a_promotion_is_told_with_its_remedy(installation: Installation) -> None:
    installation.feature("T2")
    lines = installation.ada.refused(*PROMOTE, "--share", "60%").splitlines()
    assert lines[0].startswith("Error: refused, for ")
    codes = {line.split()[0] for line in lines[1:]}
    assert {"no_release", "share_above_ceiling", "evidence_missing", "approvals_missing"} <= codes
    assert all("; " in line for line in lines[1:])


def test_a_promotion_without_conditions_is_applied_at_once(installation: Installation) -> None:
    installation.feature()
    installation.free.ok("introduce", FEATURE, installation.release(), "--reason", "first")
    lines = installation.free.ok(*PROMOTE, "--share", "25%").splitlines()
    assert lines[0] == f"{FEATURE} to beta: promotion 1 is applied"
    assert "  exposure  25 %, may draft" in [line.replace("exposure   ", "exposure  ") for line in lines]
    assert installation.free.read("status", FEATURE)["stage"] == "beta"


def test_the_approvals_that_are_missing_are_told(proved: Installation) -> None:
    lines = proved.ada.ok(*PROMOTE).splitlines()
    assert lines[0] == f"{FEATURE} to beta: promotion 1 is open"
    assert lines[-1].split()[0] == "approvals_missing"
    assert [one["status"] for one in proved.bob.read("promotions", FEATURE)["items"]] == ["open"]
    assert proved.bob.ok("promotions", FEATURE).splitlines() == lines


def test_what_will_be_approved_is_shown_before_it_is(proved: Installation) -> None:
    proved.ada.ok(*PROMOTE, "--share", "20%")
    shown = proved.bob.ok("approve", FEATURE, "1", "--show")
    assert "  exposure  20 %, may draft\n" in shown.replace("exposure     ", "exposure  ")
    assert f"  release   {proved.ada.read('status', FEATURE)['stable']}\n" in shown
    assert "  evidence  2 of 2 are met\n" in shown
    assert "    evaluation-report  met  e-1  Evaluation report: pass_rate 112 of 120" in shown
    assert proved.bob.read("status", FEATURE)["stage"] == "readiness"


def test_an_approval_is_asked_for_once_more(proved: Installation) -> None:
    proved.ada.ok(*PROMOTE)
    declined = proved.bob.run("approve", FEATURE, "1", input="n\n")
    assert (declined.exit_code, declined.stdout) == (1, "")
    assert "Approve it? [y/N]: " in declined.stderr
    assert proved.bob.run("approve", FEATURE, "1").exit_code == 1
    assert proved.bob.read("status", FEATURE)["stage"] == "readiness"
    agreed = proved.bob.run("approve", FEATURE, "1", input="y\n")
    assert agreed.exit_code == 0
    assert agreed.stdout.startswith(f"{FEATURE} to beta: promotion 1 is applied\n")
    assert "  approved by  key:bob\n" in agreed.stdout


def test_what_changes_while_somebody_looks_is_not_approved(proved: Installation) -> None:
    proved.ada.ok(*PROMOTE)
    looks = []

    def changing(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"].endswith("/readiness"):
            looks.append(environ["PATH_INFO"])
            if len(looks) == 1:
                proved.ada.ok("evidence", "add", "-f", FEATURE, "-r", "runbook", "--sha256", "1" * 64)
        return proved.app(environ, start_response)

    with listening(changing) as url:
        changed = Shell(url, proved.bob.key).run("approve", FEATURE, "1", input="y\n")
    assert (changed.exit_code, changed.stdout) == (1, "")
    assert "changed_since_seen" in changed.stderr
    assert proved.bob.read("promotions", FEATURE)["items"][0]["approved_by"] == []


def test_an_approval_may_be_meant_without_being_asked(proved: Installation) -> None:
    proved.ada.ok(*PROMOTE)
    assert proved.bob.read("approve", FEATURE, "1", "--yes")["status"] == "applied"


def test_nobody_approves_his_own_promotion(proved: Installation) -> None:
    proved.ada.ok(*PROMOTE)
    assert "self_approval" in proved.ada.refused("approve", FEATURE, "1", "--yes")


def test_a_second_promotion_is_refused_while_one_is_open(proved: Installation) -> None:
    proved.ada.ok(*PROMOTE)
    assert "approve or withdraw the open one first" in proved.ada.refused(*PROMOTE)


def test_a_wrong_call_is_told(installation: Installation) -> None:
    assert "'readiness' is not one of" in installation.ada.misused("promote", FEATURE, "--to", "readiness")
    assert "is not a valid int" in installation.ada.misused("approve", FEATURE, "last")
    installation.feature()
    assert "there is no promotion '7' here" in installation.ada.refused("approve", FEATURE, "7", "--show")
    assert installation.ada.ok("promotions", FEATURE) == ""
