from __future__ import annotations

from tests.controller.cli.conftest import FEATURE, Installation, Shell


def test_ready_made_triggers_are_listed_with_limits_and_ladders(ada: Shell) -> None:
    lines = {line.split()[0]: line for line in ada.ok("ready-made", "list", "--tier", "T3").splitlines()}
    assert "evidence limit=0.05" in lines["unsupported-answers"]
    assert "review, revert after 5 min, disable after 30 min" in lines["unsupported-answers"]
    assert " - " in lines["grounding"]


def test_they_are_added_to_a_feature(installation: Installation) -> None:
    installation.live()
    said = installation.free.ok("ready-made", "add", FEATURE, "latency", "sensitive-data")
    assert said.splitlines() == ["latency: added, shadow", "sensitive-data: added, shadow"]
    rest = installation.free.ok("ready-made", "add", FEATURE, "--telemetry", "outcomes")
    assert "latency: not added, it is there already" in rest
    assert "is not ready-made" in installation.free.refused("ready-made", "add", FEATURE, "luck")
