"""The rule who may import whom is checked by a tool; here the checks are checked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PACKAGES = ("controller", "stages", "triggers")

BREACHES = {
    "a stage that knows a trigger": ("stages/plan.py", "import triggers.state"),
    "a trigger that knows a stage": ("triggers/state.py", "import stages.plan"),
    "a stage that knows the controller": ("stages/plan.py", "import controller.errors"),
    "a stage that asks the network": ("stages/plan.py", "import urllib3"),
    "a trigger that knows the database": ("triggers/state.py", "import sqlalchemy"),
    "the service using the SDK's client": ("controller/ticks.py", "import headgate.client"),
    "a use case that knows HTTP": ("controller/rollouts.py", "import flask"),
    "a use case that knows SQL": ("controller/rollouts.py", "import sqlalchemy"),
    "a second scheduler": ("controller/retention.py", "import apscheduler"),
    "a second way out": ("controller/notices/log.py", "import requests"),
    "a second way out for mail": ("controller/notices/log.py", "import smtplib"),
    "the store calling a use case": ("controller/store/features.py", "import controller.rollouts"),
    "a second place where verdicts act": ("controller/catalog.py", "import triggers.step"),
    "a second place that has verdicts acted on": ("controller/catalog.py", "import controller.actions"),
    "a secret that knows the way out": ("controller/secrets.py", "import controller.http"),
    "a room without a place": ("controller/attic.py", "import json"),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(REPOSITORY / "sdk")])},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the house, to be damaged."""
    for package in PACKAGES:
        shutil.copytree(
            REPOSITORY / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_house_keeps_its_contracts(house: Path) -> None:
    linted = lint(house)
    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize("breach", BREACHES)
def test_a_breach_is_found(house: Path, breach: str) -> None:
    path, line = BREACHES[breach]
    file = house / path
    before = file.read_text() if file.exists() else ""
    file.write_text(f"{before}\n{line}\n")
    linted = lint(house)
    assert linted.returncode == 1, linted.stdout
    assert "BROKEN" in linted.stdout
