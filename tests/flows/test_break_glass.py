"""An emergency: a stage is entered without its gates, for a while, aloud, and somebody else looks at it afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from controller.store.keys import KeyKind
from tests.conftest import Api
from tests.flows.conftest import FEATURE, PATIENCE_S, ROLLOUT, Installation
from tests.flows.test_lookup import TRIGGER

GLASS = f"{ROLLOUT}/break-glass"
WHY = "the classic search is down for everybody"


@pytest.fixture
def on_call(installation: Installation) -> Api:
    """Somebody with a key that may break glass."""
    asked = {"kind": KeyKind.ADMIN, "roles": ["admin"], "name": "on-call", "may_break_glass": True}
    made = installation.owner.ok("POST", "/projects/acme/keys", asked)
    assert made["may_break_glass"] is True
    return Api(installation.app.test_client(), made["text"])


def emergency(stage: str = "beta", minutes: int = 30, **rest: Any) -> dict[str, Any]:
    return {"stage": stage, "minutes": minutes, "reason": WHY, **rest}


def refused(answer: Any) -> list[str]:
    assert answer.status_code == 409, answer.get_data(as_text=True)
    return [error["code"] for error in answer.get_json()["errors"]]


def tick(installation: Installation, minutes: float) -> None:
    installation.clock.pass_(minutes * 60)
    installation.evaluate()
    assert installation.parts.ticks.chores.join(PATIENCE_S)


def test_from_the_emergency_to_its_end_and_its_review(installation: Installation, on_call: Api) -> None:
    assert refused(on_call.post(GLASS, emergency())) == ["no_release"]
    installation.move("introduce", release=installation.release())

    forbidden = installation.owner.post(GLASS, emergency())
    assert (forbidden.status_code, forbidden.get_json()["code"]) == (403, "permission_missing")
    assert installation.rollout()["stage"] == "readiness"

    glass = on_call.ok("POST", GLASS, emergency(exposure={"share": 3000}))
    skipped = ["soaking", "evidence_missing", "triggers_missing", "approvals_missing"]
    assert [each["code"] for each in glass["skipped"]] == skipped
    rollout = installation.rollout()
    assert (rollout["stage"], rollout["mode"], rollout["exposure"]["share"]) == ("beta", "live", 3000)
    shown = {name: rollout["break_glass"][name] for name in ("by", "reason", "until", "skipped")}
    assert shown == {"by": "key:on-call", "reason": WHY, "until": glass["until"], "skipped": glass["skipped"]}
    change = installation.changes()[-1]
    assert (change["name"], change["actor"], change["reason"]) == ("break_glass.enter", "key:on-call", WHY)

    tick(installation, 29)
    assert installation.rollout()["stage"] == "beta"
    tick(installation, 1)
    rollout = installation.rollout()
    assert (rollout["stage"], rollout["mode"], rollout["exposure"]["share"]) == ("readiness", "off", 0)
    change = installation.changes()[-1]
    assert (change["name"], change["actor"], change["actor_kind"]) == ("demote", "break-glass", "schedule")
    assert rollout["break_glass"]["ended_how"] == "expired"

    asked = {"stage": "beta", "reason": "it went well"}
    assert "break_glass_unreviewed" in refused(installation.owner.post(f"{ROLLOUT}/promotions", asked))
    assert refused(on_call.post(GLASS, emergency())) == ["break_glass_unreviewed"]
    review = f"{GLASS}/{glass['id']}/review"
    assert refused(on_call.post(review, {"reason": "I was right"})) == ["self_review"]
    reviewed = installation.colleague.ok("POST", review, {"reason": "it was right"})
    assert (reviewed["reviewed_by"], reviewed["review"]) == ("key:colleague", "it was right")
    assert installation.rollout()["break_glass"] is None
    assert "break_glass_unreviewed" not in refused(installation.owner.post(f"{ROLLOUT}/promotions", asked))
    assert on_call.ok("POST", GLASS, emergency())["id"] == glass["id"] + 1


def test_an_emergency_that_turns_into_a_stage_of_its_own_right(
    installation: Installation, on_call: Api
) -> None:
    release = installation.release()
    installation.move("introduce", release=release)
    glass = on_call.ok("POST", GLASS, emergency())
    stay = f"{GLASS}/{glass['id']}/regularise"
    assert refused(installation.colleague.post(stay, {"reason": "it may stay"})) == [
        "evidence_missing",
        "triggers_missing",
    ]
    installation.owner.ok("POST", f"{ROLLOUT}/triggers", TRIGGER)
    answer = {"requirement": "evaluation-report", "release": release, "sha256": "0" * 64}
    on_call.ok("POST", f"{FEATURE}/evidence", answer)
    installation.evaluate()
    assert refused(on_call.post(stay, {"reason": "it may stay"})) == ["self_approval"]
    kept = installation.colleague.ok("POST", stay, {"reason": "it may stay"})
    assert (kept["ended_how"], kept["ended_by"]) == ("regularise", "key:colleague")
    tick(installation, 31)
    assert installation.rollout()["stage"] == "beta"
    assert installation.rollout()["break_glass"]["reviewed_by"] is None


def test_a_stop_in_the_middle_of_it_is_the_end_of_it(installation: Installation, on_call: Api) -> None:
    installation.move("introduce", release=installation.release())
    on_call.ok("POST", GLASS, emergency())
    installation.move("stop")
    [glass] = installation.owner.ok("GET", GLASS)["items"]
    assert (glass["ended_how"], glass["ended_by"]) == ("stop", "key:owner")
    before = installation.rollout()
    tick(installation, 31)
    assert installation.rollout() == before
