from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from app import services_of
from controller.cli import main
from tests.controller.cli.conftest import FEATURE, Installation

TRIGGER = {
    "key": "unsupported",
    "source": "outcomes",
    "query": {"measure": "unsupported"},
    "method": "evidence",
    "params": {"limit": 0.05},
    "ladder": [{"do": "notify"}],
}


def watch(installation: Installation) -> None:
    """A trigger that has been evaluated once."""
    installation.feature()
    shell = installation.ada
    shell.ok("introduce", FEATURE, installation.release(), "--reason", "first")
    rollout = f"/projects/acme/environments/production/rollouts/{FEATURE}"
    installation.api.ok("POST", f"{rollout}/triggers", TRIGGER)
    ticks = services_of(installation.app).ticks
    ticks.tick()
    assert ticks.join(30)


def test_a_verdict_is_explained_and_judged_again_from_its_file_alone(
    installation: Installation, tmp_path: Path
) -> None:
    watch(installation)
    record = tmp_path / "record.json"
    told = installation.ada.ok("explain", FEATURE, "unsupported", "newest", "--out", str(record))
    assert told.startswith("unsupported at ")
    assert "version 1, evidence with limit 0.05" in told
    assert told.endswith("judged again, it is the same: insufficient\n")
    alone = CliRunner().invoke(main, ["explain", str(record)], env={"HEADGATE_API_KEY": ""})
    assert alone.exit_code == 0
    assert alone.output == told
    lied = json.loads(record.read_text())
    record.write_text(json.dumps({**lied, "verdict": "ok"}))
    differs = CliRunner().invoke(main, ["explain", str(record)])
    assert differs.exit_code == 1
    assert "judged again, it differs in verdict: insufficient" in differs.output
    lied["readings"][0]["asked"] = {"measure": "error"}
    record.write_text(json.dumps(lied))
    changed = CliRunner().invoke(main, ["explain", str(record)])
    assert changed.exit_code == 1
    assert "it is the same: insufficient\nit is not as it was written" in changed.output


def test_what_cannot_be_explained_says_why(installation: Installation, tmp_path: Path) -> None:
    watch(installation)
    shell = installation.ada
    assert "there is no reading '999'" in shell.refused("explain", FEATURE, "unsupported", "999")
    record = tmp_path / "record.json"
    record.write_text("{}")
    refused = CliRunner().invoke(main, ["explain", str(record)])
    assert refused.exit_code == 2
    assert "is no record of an evaluation" in refused.output
    assert CliRunner().invoke(main, ["explain", str(tmp_path / "none.json")]).exit_code == 2
