from __future__ import annotations

import json
from pathlib import Path

from tests.controller.cli.conftest import FEATURE, Installation

TRIGGER = {
    "key": "leaks",
    "source": "outcomes",
    "query": {"measure": "sensitive_data"},
    "method": "any_event",
    "ladder": [{"do": "disable"}],
}


def test_a_trigger_is_made_shown_changed_armed_acknowledged_and_removed(
    installation: Installation, tmp_path: Path
) -> None:
    installation.live()
    shell, file = installation.free, tmp_path / "leaks.json"
    file.write_text(json.dumps(TRIGGER))
    assert shell.ok("trigger", "set", FEATURE, "leaks", str(file)).split()[:3] == ["leaks", "shadow", "quiet"]
    changes = ("--set", "count=3", "--set", "on_no_data=notify:600", "--set", "on_stale=hold")
    shell.ok("trigger", "set", FEATURE, "leaks", *changes)
    shown = json.loads(shell.ok("trigger", "show", FEATURE, "leaks", "--json"))
    assert (shown["params"], shown["version"]) == ({"count": 3}, 2)
    assert shown["on_no_data"] == {"do": "notify", "after_s": 600}
    assert shown["on_stale"]["do"] == "hold"
    assert "on no data" in shell.ok("trigger", "show", FEATURE, "leaks")
    shell.ok("trigger", "set", FEATURE, "leaks", "--set", "on_stale=default")
    shell.ok("trigger", "set", FEATURE, "leaks", "--set", "count=default")
    assert json.loads(shell.ok("trigger", "show", FEATURE, "leaks", "--json"))["params"] == {"count": 1}
    assert shell.ok("trigger", "arm", FEATURE, "leaks", "act") == "leaks: act\n"
    assert "act" in shell.ok("trigger", "list", FEATURE)
    assert shell.ok("trigger", "acknowledge", FEATURE, "leaks", "--reason", "seen") == "leaks: quiet\n"
    assert shell.ok("trigger", "delete", FEATURE, "leaks", "--reason", "x") == "leaks: is removed\n"
    assert shell.ok("trigger", "list", FEATURE) == ""


def test_what_cannot_be_set_says_why(installation: Installation) -> None:
    installation.live()
    shell = installation.free
    assert "give a FILE to make it" in shell.misused("trigger", "set", FEATURE, "leaks", "--set", "count=3")
    assert "Give a FILE" in shell.misused("trigger", "set", FEATURE, "leaks")


def test_what_waits_for_a_second_person_is_listed_and_approved(
    installation: Installation, tmp_path: Path
) -> None:
    installation.feature()
    ada, file = installation.ada, tmp_path / "leaks.json"
    file.write_text(json.dumps(TRIGGER | {"arming": "act"}))
    ada.ok("trigger", "set", FEATURE, "leaks", str(file))
    assert "loosening_unreviewed" in ada.refused("trigger", "arm", FEATURE, "leaks", "shadow")
    limits = ("--automatic-moves-per-day", "50", "--reason", "a noisy week")
    assert "loosening_unreviewed" in ada.ok("feature", "propose", FEATURE, *limits)
    ada.ok("trigger", "propose", FEATURE, "leaks", "--remove", "--reason", "not needed")
    listed = ada.ok("proposals", "list").splitlines()
    assert f"feature {FEATURE} " in listed[0]
    assert f"trigger production/{FEATURE}/leaks " in listed[1]
    assert "self_approval" in ada.refused("feature", "approve", FEATURE, listed[0].split()[0])
    done = installation.bob.ok("feature", "approve", FEATURE, listed[0].split()[0])
    assert done.endswith("is carried out\n")
    assert "applied" in ada.ok("feature", "proposals", FEATURE)


def test_settings_of_a_source_are_proposed_and_withdrawn(installation: Installation, tmp_path: Path) -> None:
    ada, file = installation.ada, tmp_path / "metrics.yaml"
    file.write_text("url: http://127.0.0.1:9\n")
    ada.ok("source", "connect", "metrics", "prometheus", "--settings", str(file))
    said = ada.ok("source", "propose", "metrics", "--settings", str(file), "--reason", "the server moves")
    assert said.startswith("proposal 1 (open), by key:ada: the server moves\n")
    assert ada.ok("source", "withdraw", "metrics", "1") == "metrics: proposal 1 is withdrawn\n"
    assert "withdrawn" in ada.ok("source", "proposals", "metrics")
