from __future__ import annotations

from tests.controller.cli.conftest import Shell


def test_a_drill_is_set_run_and_shown(ada: Shell) -> None:
    assert ada.ok("drill", "show") == "drills: only when somebody asks\n  limit  30 s\n"
    said = ada.ok("drill", "set", "--on", "--every-hours", "24", "--limit-s", "5", "--expires-days", "7")
    assert said.startswith("drills: every 24 h, next ")
    assert ada.read("drill", "set", "--off", "--requirement", "none")["requirement"] is None
    assert "is not a requirement that a drill answers" in ada.refused("drill", "set", "--requirement", "luck")
    assert ada.ok("drill", "run", "--reason", "x") == "drill 1 has begun; it ends within 5 s\n"
    assert ada.ok("drill", "show").splitlines()[-1].split()[-1] == "running"
