"""The demo is a promise: every step of its story happens, and it says so only then."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def play(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "examples.demo", "--once"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "COLUMNS": "160"} | environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def test_the_whole_story_happens(tmp_path: Path) -> None:
    played = play(tmp_path)
    assert played.returncode == 0, played.stdout + played.stderr
    for told in ("evidence_missing", "all output goes to review", "the release is reverted", "off, at once"):
        assert told in played.stdout
    assert "The record of changes is whole." in played.stdout


def test_a_story_that_cannot_happen_fails(tmp_path: Path) -> None:
    played = play(tmp_path, HEADGATE_LEASE_S="not a number")
    assert played.returncode == 1
    assert "did not start" in played.stdout
