from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from app import services_of
from controller.rollouts import locate_environment
from controller.store.flag_counts import add_counts
from tests.controller.cli.conftest import Installation, Shell


def test_a_flag_is_set_shown_switched_off_deleted_and_revived(ada: Shell, tmp_path: Path) -> None:
    rule = tmp_path / "rule.yaml"
    rule.write_text("if: [{in: [staff, {var: cohorts}]}, 'on', null]\n")
    made = ada.ok(
        "flags", "set", "banner", "--variant", "on=true", "--variant", "off=false", "--default", "off",
        "--rule", str(rule), "--owner", "web", "--tag", "web", "--tag", "old", "--client-visible", "--reason", "new",
    )  # fmt: skip
    assert made.startswith("banner: boolean, ENABLED, version 1\n  default      off\n")
    assert '  rule         {"if": [{"in": ["staff", {"var": "cohorts"}]}, "on", null]}\n' in made
    assert ada.ok("flags", "show", "banner") == made
    changed = ada.read("flags", "set", "banner", "--state", "DISABLED", "--default", "none")
    assert (changed["version"], changed["state"], changed["defaultVariant"]) == (2, "DISABLED", None)
    assert (changed["owner"], changed["tags"], changed["client_visible"]) == ("web", ["web", "old"], True)
    assert ada.ok("flags", "list").splitlines()[1].split() == [
        "banner", "boolean", "DISABLED", "(the", "caller's)", "web", "web,", "old",
    ]  # fmt: skip
    assert "not given out again" in ada.ok("flags", "delete", "banner", "--reason", "done")
    assert ada.ok("flags", "list") == "no flags\n"
    assert "key_retired" in ada.refused("flags", "set", "banner", "--variant", "on=true")
    assert "was of the type boolean" in ada.refused(
        "flags", "revive", "banner", "--type", "string", "--reason", "x"
    )
    assert ada.read("flags", "revive", "banner", "--type", "boolean", "--reason", "x")["version"] == 4


def test_a_variant_is_a_name_and_json(ada: Shell) -> None:
    for wrong in ("on", "on=yes", "on=NaN"):
        assert "write NAME=JSON" in ada.misused("flags", "set", "banner", "--variant", wrong)
    whole = ada.refused(
        "flags", "set", "banner", "--variant", "on=true", "--default", "of", "--state", "ENABLED"
    )
    assert "defaultVariant" in whole
    assert "there is no environment" in Shell(ada.url, ada.key, "nowhere").refused("flags", "set", "banner")


def test_who_makes_a_flag_overwrites_none_that_somebody_made_meanwhile(
    ada: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.ok("flags", "set", "banner", "--variant", "on=true", "--owner", "bob")
    # As if it was made after the command had looked.
    monkeypatch.setattr("controller.cli.plain_flags._before", lambda *_: {})
    assert "version_conflict" in ada.refused("flags", "set", "banner", "--variant", "on=false")


def test_a_file_is_tried_imported_and_exported(ada: Shell, tmp_path: Path) -> None:
    file, out = tmp_path / "flags.json", tmp_path / "out.json"
    flag = {"state": "ENABLED", "variants": {"a": "x", "b": "y"}, "defaultVariant": "a"}
    file.write_text(json.dumps({"flags": {"colour": flag, "shade": flag}}))
    assert (
        ada.ok("flags", "import", str(file), "--dry-run") == "would be created: colour, shade\nunchanged: 0\n"
    )
    assert ada.ok("flags", "import", str(file), "--reason", "from git").startswith("created: colour, shade\n")
    assert ada.ok("flags", "export", str(out)) == f"2 flags are in {out}\n"
    assert json.loads(ada.ok("flags", "export")) == json.loads(out.read_text())
    assert ada.ok("flags", "import", str(out), "--replace") == "unchanged: 2\n"
    file.write_text(
        '{"flags": {"colour": {"state": "ENABLED", "variants": {"a": 1}, "targeting": {"regex": []}}}}'
    )
    said = ada.refused("flags", "import", str(file))
    assert "bad_flag_file  flags.colour.targeting.regex  there is no operator 'regex'" in said
    assert ada.ok("flags", "import", str(out), "--replace") == "unchanged: 2\n"


def test_what_is_stale_is_listed_with_the_reason(installation: Installation) -> None:
    shell, parts = installation.ada, services_of(installation.app)
    assert shell.ok("flags", "stale").startswith("more cannot be told: nobody was seen asking for a flag")
    shell.ok("flags", "set", "banner", "--variant", "on=true")
    with parts.database.write() as tx:
        id = locate_environment(tx, "acme", "production").id
        for days in (9, 1):
            add_counts(tx, {(id, "other", "on"): 1}, parts.now() - timedelta(days=days))
        tx.execute(text("UPDATE plain_flags SET created_at = 0"))
    said = shell.ok("flags", "stale", "--days", "7")
    assert said.startswith("banner  not_evaluated  nobody was seen asking for it since ")
    shell.ok("flags", "delete", "banner", "--reason", "done")
    assert shell.ok("flags", "stale", "--days", "7").startswith("nothing is stale since ")
