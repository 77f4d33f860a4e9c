from __future__ import annotations

from pathlib import Path

from tests.controller.cli.conftest import FEATURE, Installation, Shell

YAML = """
key: claims-assistant
owner: claims
risk_tier: T3
fallback: search
business_metric: {name: handling time, unit: min, baseline: 9, target: 6, window_days: 30}
data_sources: [{name: policies, owner: legal}]
"""


def test_a_feature_is_described_by_options(ada: Shell) -> None:
    made = ada.read(
        *("feature", "create", FEATURE, "--owner", "claims", "--tier", "T2", "--name", "Claims assistant"),
        *("--reviewer", "ada", "--reviewer", "bob", "--person", "support=Ada Lovelace", "--when-lost", "off"),
        *("--oversight", "human_decides", "--autonomy-cap", "draft", "--expected-daily-answers", "400"),
    )
    assert (made["key"], made["owner"], made["risk_tier"], made["when_lost"]) == (
        FEATURE,
        "claims",
        "T2",
        "off",
    )
    assert (made["reviewers"], made["people"]) == (["ada", "bob"], {"support": "Ada Lovelace"})
    assert made["expected_daily_answers"] == 400
    said = ada.ok("feature", "show", FEATURE)
    assert said.startswith(f"{FEATURE}\n  name")
    assert "support: Ada Lovelace" in said


def test_a_feature_is_described_by_a_file_and_options_go_before_it(ada: Shell, tmp_path: Path) -> None:
    file = tmp_path / "feature.yaml"
    file.write_text(YAML)
    made = ada.read("feature", "create", FEATURE, "--file", str(file), "--tier", "T1")
    assert (made["risk_tier"], made["fallback"]) == ("T1", "search")
    assert made["business_metric"]["target"] == 6
    assert "the file describes another feature than other" in ada.misused(
        "feature", "create", "other", "--file", str(file)
    )


def test_what_is_not_said_of_a_feature_stays(installation: Installation) -> None:
    installation.feature()
    changed = installation.ada.read("feature", "set", FEATURE, "--hypothesis", "fewer calls")
    assert (changed["hypothesis"], changed["fallback"]) == ("fewer calls", "search")


def test_a_feature_that_cannot_be_is_refused_field_by_field(ada: Shell) -> None:
    said = ada.refused("feature", "create", "X", "--name", "n")
    lines = said.splitlines()[1:]
    assert sorted(line.split()[1] for line in lines) == ["key", "owner", "risk_tier"]
    assert all(line.split()[0] == "invalid_field" for line in lines)
    owner = next(line for line in lines if "owner" in line)
    assert owner.endswith("Missing data for required field.; add it")


def test_a_wrong_call_is_told(ada: Shell) -> None:
    assert "is not ROLE=NAME" in ada.misused("feature", "set", FEATURE, "--person", "Ada")
    assert "not_found" in ada.refused("feature", "show", FEATURE)


def test_the_score_sheet_tells_what_is_missing_who_provides_it_and_since_when(
    installation: Installation,
) -> None:
    installation.feature("T2")
    lines = installation.ada.ok("feature", "readiness", FEATURE).splitlines()
    assert lines[:4] == [
        f"{FEATURE} in production for beta with no release: 0 of 2 are met",
        "  evaluation  0 of 1",
        "  operations  0 of 1",
        "missing",
    ]
    assert lines[4].split()[:4] == ["evaluation-report", "missing", "claims", "(owner)"]
    assert "since 20" in lines[4]
    assert lines[4].endswith("; add evidence for evaluation-report")
    sheet = installation.ada.read("feature", "readiness", FEATURE, "--stage", "pilot")
    assert (sheet["stage"], sheet["score"]) == ("pilot", {"met": 0, "of": 2})
    said = installation.ada.ok("feature", "readiness", FEATURE, "--stage", "scaled")
    assert "0 of 3 are met; 1 not met only reminds" in said.splitlines()[0]
    assert said.split("reminders, which keep nothing back\n")[1].split()[:4] == [
        "glossary",
        "missing",
        "claims",
        "(owner)",
    ]


def test_nothing_is_listed_where_nothing_is_missing(installation: Installation) -> None:
    installation.feature()
    assert installation.free.ok("feature", "readiness", FEATURE).splitlines() == [
        f"{FEATURE} in staging for beta with no release: 0 of 0 are met"
    ]


def test_the_review_answers_its_questions_and_can_be_kept_as_a_page(
    installation: Installation, tmp_path: Path
) -> None:
    installation.feature("T2")
    page = tmp_path / "review.html"
    said = installation.ada.ok("feature", "review", FEATURE, "--html", str(page))
    assert said.startswith(f"{FEATURE} in production for beta with no release: not ready\n")
    assert "  no    " in said
    assert "the release names no guardrails; name their version in the release" in said
    assert said.endswith(f"the page is in {page}\n")
    assert page.read_text().startswith("<!")
    assert len(installation.ada.read("feature", "review", FEATURE)["answers"]) == 8
    said = installation.ada.refused("feature", "review", FEATURE, "--html", str(tmp_path / "none" / "x"))
    assert "cannot be written" in said


def test_a_deleted_feature_is_revived_by_who_knows_its_tier(installation: Installation) -> None:
    installation.feature("T2")
    installation.api.call("DELETE", f"/projects/acme/features/{FEATURE}", json={"reason": "nobody used it"})
    shell = installation.ada
    said = shell.refused("feature", "create", FEATURE, "--owner", "claims", "--tier", "T1")
    assert "by key:tests (nobody used it)" in said
    assert "was of the tier T2" in shell.refused(
        "feature", "revive", FEATURE, "--tier", "T1", "--reason", "x"
    )
    assert (
        shell.read("feature", "revive", FEATURE, "--tier", "T2", "--reason", "needed again")["version"] == 2
    )
    assert shell.read("feature", "show", FEATURE)["risk_tier"] == "T2"
