from __future__ import annotations

import contextlib
import sqlite3
from datetime import timedelta
from pathlib import Path

from app import services_of
from tests.conftest import Clock
from tests.controller.cli.conftest import FEATURE, Installation, Shell

TRIGGER = {
    "key": "leaks",
    "source": "outcomes",
    "query": {"measure": "sensitive_data"},
    "method": "any_event",
    "arming": "hold",
    "ladder": [{"do": "hold"}],
}


def test_an_empty_environment_says_how_to_begin(ada: Shell) -> None:
    assert ada.ok("status") == "there is no feature here yet; begin with: headgate feature create\n"


def test_every_feature_is_a_line(installation: Installation) -> None:
    release = installation.live()
    installation.free.ok("hold", FEATURE, "--reason", "x")
    installation.api.ok("POST", "/projects/acme/features", {"key": "other", "owner": "x", "risk_tier": "T3"})
    lines = [line.split() for line in installation.free.ok("status").splitlines()]
    assert lines == [
        ["FEATURE", "STAGE", "MODE", "SHARE", "RELEASE", "HOLDS", "FIRING"],
        [FEATURE, "beta", "live", "100", "%", release, "person", "-"],
        ["other", "readiness", "off", "0", "%", "-", "-", "-"],
    ]


def test_a_trigger_that_fires_is_named(installation: Installation, clock: Clock) -> None:
    installation.live()
    rollout = f"/projects/acme/environments/staging/rollouts/{FEATURE}"
    installation.api.ok("POST", f"{rollout}/triggers", TRIGGER)
    asked = {"kind": "server", "name": "product", "environment": "staging"}
    product = installation.api.ok("POST", "/projects/acme/keys", asked)["text"]
    outcome = {"id": "outcome-1", "feature": FEATURE, "at": clock().isoformat(), "sensitive_data": True}
    sent = installation.api.client.post(
        "/sdk/v1/outcomes", json={"outcomes": [outcome]}, headers={"Authorization": f"Bearer {product}"}
    )
    assert sent.status_code < 300, sent.text
    clock.time += timedelta(seconds=120)
    ticks = services_of(installation.app).ticks
    ticks.tick()
    assert ticks.join(20)
    found = installation.free.read("status", FEATURE)
    assert found["firing"] == ["leaks"]
    assert "  firing    leaks\n" in installation.free.ok("status", FEATURE)
    assert installation.free.ok("status").splitlines()[1].endswith("leaks")


def test_a_candidate_is_shown_beside_the_stable_release(installation: Installation) -> None:
    stable = installation.live()
    newer = installation.release("model-2026-02-01")
    installation.free.ok("introduce", FEATURE, newer, "--share", "5%", "--reason", "x")
    assert f"  release   {stable} + {newer} for 5 %\n" in installation.free.ok("status", FEATURE)


def test_a_feature_that_is_not_there_is_told(ada: Shell) -> None:
    assert "there is no feature 'none' here" in ada.refused("status", "none")


def test_a_feature_whose_row_cannot_be_read_is_shown_as_off(
    installation: Installation, tmp_path: Path
) -> None:
    installation.live()
    with contextlib.closing(sqlite3.connect(tmp_path / "headgate.db")) as connection, connection:
        connection.execute("UPDATE rollouts SET mode = 'sideways'")
    assert installation.free.ok("status").splitlines()[1].split()[:3] == [FEATURE, "?", "off"]
    lines = installation.free.ok("status", FEATURE).splitlines()
    assert lines[1].split() == ["mode", "off"]
    assert lines[2].split()[0] == "broken"
