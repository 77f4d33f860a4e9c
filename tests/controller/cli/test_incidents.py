from __future__ import annotations

import pytest

from tests.controller.cli.conftest import FEATURE, Installation


@pytest.fixture
def reverted(installation: Installation) -> Installation:
    """A feature whose newest release was taken back."""
    installation.live()
    newer = installation.release("model-2026-02-01")
    shell = installation.free
    shell.ok("introduce", FEATURE, newer, "--share", "5%", "--reason", "newer")
    shell.ok("revert", FEATURE, "--reason", "it invents sources")
    return installation


def test_incidents_are_listed_and_shown(reverted: Installation) -> None:
    cells = reverted.free.ok("incident", "list", "--status", "open").split()
    assert cells[0] == "1"
    assert cells[2:4] == ["staging", FEATURE]
    assert reverted.ada.ok("incident", "list") == ""
    assert reverted.free.read("incident", "list", "--feature", "other")["items"] == []
    shown = reverted.free.ok("incident", "show", "1")
    assert shown.startswith(f"incident 1 of {FEATURE} in staging: ")
    assert "  reason        it invents sources\n" in shown
    assert "  timeline\n" in shown


def test_an_incident_ends_in_a_follow_up(reverted: Installation) -> None:
    asked = ("incident", "close", "1", "--follow-up", "regression_test", "--text", "case 118 was added")
    assert "Error: " in reverted.free.refused(*asked)
    closed = reverted.free.read(*asked, "--by-hand", "--reason", "nobody uses it at night")
    assert (closed["status"], closed["follow_up"]) == ("closed", "regression_test")
    assert closed["resolution"] == "case 118 was added"


def test_an_incident_that_is_not_there_is_told(installation: Installation) -> None:
    assert "not_found" in installation.ada.refused("incident", "show", "7")
    assert "is not a valid int" in installation.ada.misused("incident", "show", "last")
