"""Who asks for a part of an exposure gets that part changed and no other."""

from __future__ import annotations

from tests.flows.conftest import ROLLOUT, Installation
from tests.flows.test_lookup import TRIGGER


def exposure(installation: Installation) -> dict[str, object]:
    return dict(installation.rollout()["exposure"])


def test_a_share_alone_leaves_cohorts_tasks_and_autonomy_as_they_are(installation: Installation) -> None:
    installation.reach_beta(TRIGGER)
    installation.move("narrow", exposure={"cohorts": ["staff"], "tasks": ["summarise"]})
    installation.move("widen", exposure={"autonomy": "recommend"})
    narrowed = {
        "share": 5000,
        "cohorts": ["staff"],
        "tasks": ["summarise"],
        "languages": [],
        "autonomy": "recommend",
    }
    assert exposure(installation) == narrowed
    installation.move("narrow", exposure={"share": 100})
    assert exposure(installation) == narrowed | {"share": 100}
    installation.move("widen", exposure={"share": 4000})
    assert exposure(installation) == narrowed | {"share": 4000}


def test_opening_to_everybody_must_be_asked_for(installation: Installation) -> None:
    installation.reach_beta(TRIGGER)
    installation.move("narrow", exposure={"cohorts": ["staff"]})
    installation.move("widen", exposure={"cohorts": []})
    assert exposure(installation)["cohorts"] == []


def test_who_approves_is_shown_the_exposure_that_nobody_named(installation: Installation) -> None:
    release = installation.release()
    installation.move("introduce", release=release)
    installation.owner.ok("POST", f"{ROLLOUT}/triggers", TRIGGER)
    installation.prove("evaluation-report", release)
    installation.clock.pass_(60)
    installation.evaluate()
    promotion = installation.owner.ok("POST", f"{ROLLOUT}/promotions", {"stage": "beta", "reason": "ready"})
    assert promotion["exposure"]["share"] == 1000
    installation.colleague.ok("POST", f"{ROLLOUT}/promotions/{promotion['id']}/approvals")
    assert exposure(installation)["share"] == 1000


def test_asking_approving_and_withdrawing_are_recorded_with_who_did_it(installation: Installation) -> None:
    release = installation.release()
    installation.move("introduce", release=release)
    installation.owner.ok("POST", f"{ROLLOUT}/triggers", TRIGGER)
    installation.prove("evaluation-report", release)
    installation.clock.pass_(60)
    installation.evaluate()
    for withdraws in (True, False):
        asked = installation.owner.ok("POST", f"{ROLLOUT}/promotions", {"stage": "beta", "reason": "ready"})
        path = f"{ROLLOUT}/promotions/{asked['id']}"
        if withdraws:
            installation.colleague.ok("DELETE", path)
        else:
            installation.colleague.ok("POST", f"{path}/approvals")
    told = [(change["name"], change["actor"]) for change in installation.changes()][-5:]
    assert told == [
        ("promotion.ask", "key:owner"),
        ("promotion.withdraw", "key:colleague"),
        ("promotion.ask", "key:owner"),
        ("promotion.approve", "key:colleague"),
        ("promote", "key:colleague"),
    ]
