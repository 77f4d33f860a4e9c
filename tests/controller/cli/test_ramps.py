from __future__ import annotations

import pytest

from tests.controller.cli.conftest import FEATURE, Installation


@pytest.fixture
def ready(installation: Installation) -> Installation:
    """A feature at the first step of the ramp of its tier, in the protected environment."""
    installation.feature()
    shell = installation.ada
    shell.ok("introduce", FEATURE, installation.release(), "--reason", "first")
    shell.ok("promote", FEATURE, "--to", "beta", "--reason", "ready", "--share", "1000")
    return installation


def test_a_ramp_is_shown_paused_and_started_again(ready: Installation) -> None:
    shell = ready.ada
    running = shell.ok("ramp", "show", FEATURE)
    assert running.startswith(f"{FEATURE}: the ramp is running at 10 %\n  next         50 %\n")
    assert "  approved by  nobody yet (1 needed)\n" in running
    assert "ask others than key:ada to approve it\n" in running
    assert shell.read("ramp", "pause", FEATURE, "--reason", "a holiday")["state"] == "paused"
    again = shell.ok("ramp", "start", FEATURE, "--reason", "it is over")
    assert again.startswith(f"{FEATURE}: the ramp is running at 10 %\n")
    said = shell.refused("ramp", "start", FEATURE, "--reason", "x")
    assert "the ramp is running already; look at why it waits" in said


def test_a_step_is_approved_after_a_look_at_it(ready: Installation) -> None:
    declined = ready.bob.run("ramp", "approve", FEATURE, input="n\n")
    assert declined.exit_code == 1
    assert "the ramp is running at 10 %" in declined.stderr
    assert ready.bob.read("ramp", "show", FEATURE)["approved_by"] == []
    assert ready.bob.read("ramp", "approve", FEATURE, "--yes")["approved_by"] == ["key:bob"]


def test_a_ramp_that_cannot_start_says_why(installation: Installation) -> None:
    installation.feature()
    said = installation.ada.refused("ramp", "start", FEATURE, "--reason", "x")
    assert said.startswith("Error: ")
    assert "; " in said
