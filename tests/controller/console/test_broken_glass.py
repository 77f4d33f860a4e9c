"""Stages that were entered in an emergency, in the console."""

from __future__ import annotations

import pytest

from controller.permissions import Role
from controller.rollouts import Where, locate
from stages import Stage
from tests.browser.story import CHIARA, PRODUCTION, PROJECT, Installation
from tests.controller.console.test_settings_people import somebody

FEATURE = f"/projects/{PROJECT}/environments/{PRODUCTION}/features/letters"
PAGE = f"{FEATURE}/break-glass"
WHERE = Where(PROJECT, PRODUCTION, "letters")
WHY = "the only other system is down until noon"
ENTER = {"stage": "beta", "minutes": "30", "reason": WHY}


@pytest.fixture
def letters(house: Installation) -> Installation:
    """A feature in readiness that has nothing but a release."""
    house.project()
    house.feature("letters", "Letter drafts", "Correspondence", "T2")
    release = house.release("letters", "prompts/letters@1")
    house.move("letters", "first", move="introduce", release=release)
    return house


def stage(house: Installation) -> Stage:
    with house.parts.database.read() as tx:
        return locate(tx, WHERE).rollout.stage


def test_a_stage_is_entered_seen_everywhere_and_reviewed_by_somebody_else(letters: Installation) -> None:
    eve = somebody(letters, Role.OWNER)
    roles = [Role.OWNER, Role.APPROVER]
    letters.parts.members.set_member(PROJECT, "eve@acme.example", roles, CHIARA, may_break_glass=True)
    ben = somebody(letters, Role.APPROVER, email="ben@acme.example")
    assert ben.post(PAGE, **ENTER).status_code == 403
    refused = eve.post(PAGE, **ENTER | {"minutes": "4x", "reason": WHY})
    assert refused.status_code == 422
    assert "s no number of minutes" in refused.text
    assert WHY in refused.text
    assert eve.post(PAGE, **ENTER).location == f"{PAGE}?done=glass_broken"
    assert stage(letters) is Stage.BETA
    assert "so somebody else looks at it" in eve.get(PAGE).text
    assert eve.post(f"{PAGE}/1/review", _form=PAGE, reason="fine").status_code == 409
    assert "broke the glass" in ben.get(FEATURE).text
    assert f'href="{PAGE}"' in ben.board()

    page = ben.get(PAGE).text
    assert WHY in page
    assert "reasons against it did not count" in page
    unproven = ben.post(f"{PAGE}/1/regularise", _form=PAGE, reason="it may stay")
    assert unproven.status_code == 409
    assert ben.post(f"{PAGE}/1/review", _form=PAGE, reason="it was needed").location.endswith(
        "glass_reviewed"
    )
    assert "it was needed" in ben.get(PAGE).text
