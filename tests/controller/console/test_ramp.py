"""The ramp of a feature in the console: looked at, started, paused, and its next step approved by somebody else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.permissions import Role
from controller.rollouts import Where, locate
from stages import Stage
from tests.browser.story import PRODUCTION, PROJECT, Installation
from tests.controller.console.test_settings_people import somebody

PLANS = """
requirements: {}
tiers:
  T1: &all
    beta: &ramped
      ceiling: 5000
      start: 500
      ramp: [{share: 500, hold_hours: 1}, {share: 2500, approvals: 1}]
    pilot: *ramped
    scaled: *ramped
  T2: *all
  T3: *all
"""
FEATURE = f"/projects/{PROJECT}/environments/{PRODUCTION}/features/letters"
PAGE = f"{FEATURE}/ramp"
WHERE = Where(PROJECT, PRODUCTION, "letters")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    plans = tmp_path / "plans.yaml"
    plans.write_text(PLANS)
    made = Installation(tmp_path / "headgate.db", datetime(2026, 3, 2, tzinfo=UTC), plans=str(plans))
    made.user()
    made.project()
    made.feature("letters", "Letter drafts", "Correspondence", "T2")
    made.move("letters", "first", move="introduce", release=made.release("letters", "prompts/letters@1"))
    made.promote("letters", Stage.BETA, "ready")
    yield made
    made.close()


def test_a_ramp_is_paused_and_goes_on_and_another_person_approves_its_next_step(house: Installation) -> None:
    ben, owner = somebody(house, Role.APPROVER, email="ben@acme.example"), somebody(house, Role.OWNER)
    assert f'href="{PAGE}"' in ben.get(FEATURE).text
    unreasoned = owner.post(f"{PAGE}/pause", _form=PAGE, reason="")
    assert (unreasoned.status_code, "Say in a few words why" in unreasoned.text) == (422, True)
    assert owner.post(f"{PAGE}/pause", _form=PAGE, reason="waiting").location == f"{PAGE}?done=ramp_paused"
    started = owner.post(f"{PAGE}/start", _form=PAGE, reason="go on")
    assert started.location == f"{PAGE}?done=ramp_started", started.text
    assert "0 of 1 approval" in ben.get(PAGE).text
    board = f"/?project={PROJECT}&environment={PRODUCTION}"
    assert "the ramp would go on to" in ben.get(board).text
    assert "the ramp would go on to" not in owner.get(board).text
    assert ben.post(f"{PAGE}/approve", _form=PAGE).location == f"{PAGE}?done=step_approved"
    shown = ben.get(PAGE).text
    assert "1 of 1 approval: ben@acme.example" in shown
    assert "You agreed to it." in shown
    assert "the ramp would go on to" not in ben.get(board).text
    with house.parts.database.read() as tx:
        assert house.parts.ramps.standing(tx, locate(tx, WHERE)).agreed == {"user:ben@acme.example"}


def test_what_somebody_may_not_do_about_a_ramp_is_not_offered(house: Installation) -> None:
    viewer = somebody(house, Role.VIEWER)
    page = viewer.get(PAGE).text
    assert "25%" in page
    assert "<form class" not in page
    for act in ("start", "pause", "approve"):
        sent = {"csrf": "csrf-of-eve@acme.example", "reason": "x"}
        assert viewer.client.post(f"{PAGE}/{act}", data=sent).status_code == 403
