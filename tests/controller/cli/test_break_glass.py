from __future__ import annotations

from tests.controller.cli.conftest import FEATURE, Installation, Shell

BREAK = ("break-glass", FEATURE, "--to", "beta", "--minutes", "30")
WHY = "the only other system is down until noon"


def test_a_stage_is_entered_in_an_emergency(installation: Installation) -> None:
    installation.feature("T2")
    installation.ada.ok("introduce", FEATURE, installation.release(), "--reason", "first")
    on_call = Shell(installation.ada.url, installation.new_key("on-call", may_break_glass=True))
    said = on_call.ok(*BREAK, "--reason", WHY)
    assert said.startswith(f"{FEATURE} is in beta until ")
    assert "  what did not count\n" in said
    assert "evidence_missing" in said
    assert "  break-glass  by key:on-call until " in installation.ada.ok("status", FEATURE)
    assert "  reviewed  by nobody\n" in installation.ada.ok("glass", "list", FEATURE)
    refused = installation.bob.refused("glass", "regularise", FEATURE, "1", "--reason", "it may stay")
    assert "evidence_missing" in refused
    reviewed = installation.bob.ok("glass", "review", FEATURE, "1", "--reason", "it was needed")
    assert "by key:bob\n" in reviewed
    assert "  found     it was needed\n" in reviewed


def test_not_everybody_may_break_glass(installation: Installation) -> None:
    installation.feature("T2")
    assert "permission_missing" in installation.ada.refused(*BREAK, "--reason", WHY)
    said = installation.ada.misused("break-glass", FEATURE, "--to", "beta", "--minutes", "4", "--reason", WHY)
    assert "4 is not in the range 5<=x<=480" in said
