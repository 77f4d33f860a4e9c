from __future__ import annotations

import json
from pathlib import Path

from tests.controller.cli.conftest import FEATURE, Installation


def test_two_settings_are_tried_over_a_file(installation: Installation, tmp_path: Path) -> None:
    installation.feature()
    history, definition = tmp_path / "history.csv", tmp_path / "trigger.json"
    rows = "".join(f"{1_790_000_000 + 60 * i},{int(i in (5, 6))},4\n" for i in range(20))
    history.write_text(f"time,bad,total\n{rows}")
    trigger = {
        "key": "unsupported",
        "source": "outcomes",
        "query": {"measure": "unsupported"},
        "method": "threshold",
        "params": {"limit": 0.1},
        "window_s": 60,
        "ladder": [{"do": "review"}],
    }
    definition.write_text(json.dumps(trigger))
    asked = ("backtest", FEATURE, "--file", str(definition), "--csv", str(history), "--set", "limit=0.5")
    planted = ("--plant-at", "2026-09-21T14:23:20Z", "--plant-share", "1")
    told = installation.ada.ok(*asked, *planted)
    assert "unsupported: threshold with limit 0.1" in told
    assert "20 evaluations, 18 ok, 2 breach" in told
    assert "fired 1 times" in told
    assert "1 of 4 are bad (25%); the limit is 10%" in told
    assert "unsupported: threshold with limit 0.5" in told
    assert "fired 0 times, 0.0 false alarms a month" in told
    assert told.count("the degradation is noticed after ") == 2
    assert len(installation.ada.read(*asked)["settings"]) == 2


def test_what_is_not_said_clearly_is_a_usage_error(installation: Installation, tmp_path: Path) -> None:
    shell = installation.ada
    assert shell.run("backtest", FEATURE).exit_code == 2
    assert shell.run("backtest", FEATURE, "leaks", "--csv", "x.csv", "--readings").exit_code == 2
    assert shell.run("backtest", FEATURE, "leaks", "--csv", str(tmp_path / "none.csv")).exit_code == 2
