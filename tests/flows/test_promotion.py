"""Data path (c): a promotion is refused with every reason, approved by others, and applied."""

from __future__ import annotations

from tests.flows.conftest import ROLLOUT, Installation
from tests.flows.test_lookup import TRIGGER

ASKED = {"stage": "beta", "reason": "ready", "exposure": {"share": 6000}}


def codes(installation: Installation, asked: dict[str, object]) -> list[str]:
    refused = installation.owner.post(f"{ROLLOUT}/promotions", asked)
    assert refused.status_code == 409
    assert all(error["remedy"] for error in refused.get_json()["errors"])
    return sorted(error["code"] for error in refused.get_json()["errors"])


def test_every_reason_is_told_at_once_and_nothing_is_recorded(installation: Installation) -> None:
    before = installation.rollout()
    assert codes(installation, ASKED) == [
        "approvals_missing",
        "evidence_missing",
        "no_release",
        "share_above_ceiling",
        "soaking",
        "triggers_missing",
    ]
    assert installation.rollout() == before
    assert installation.owner.ok("GET", f"{ROLLOUT}/promotions")["items"] == []


def test_a_stage_cannot_be_skipped(installation: Installation) -> None:
    assert "not_from_here" in codes(installation, {"stage": "pilot", "reason": "we are late"})
    assert "not_from_here" in codes(installation, {"stage": "scaled", "reason": "we are late"})


def test_an_approval_is_void_when_what_was_seen_changes(installation: Installation) -> None:
    release = installation.release()
    installation.move("introduce", release=release)
    installation.owner.ok("POST", f"{ROLLOUT}/triggers", TRIGGER)
    installation.prove("evaluation-report", release)
    installation.clock.pass_(60)
    installation.evaluate()
    promotion = installation.owner.ok("POST", f"{ROLLOUT}/promotions", ASKED | {"exposure": {"share": 5000}})
    assert promotion["status"] == "open"
    path = f"{ROLLOUT}/promotions/{promotion['id']}"

    mine = installation.owner.post(f"{path}/approvals")
    assert [error["code"] for error in mine.get_json()["errors"]] == ["self_approval"]

    weaker = {"definition": TRIGGER | {"arming": "hold"}, "reason": "too nervous"}
    proposals = f"{ROLLOUT}/triggers/errors/proposals"
    proposed = installation.owner.ok("POST", proposals, weaker)
    assert [refusal["field"] for refusal in proposed["looser"]] == ["arming"]
    assert installation.colleague.call("POST", f"{proposals}/{proposed['id']}/approve").status_code == 204
    waiting = installation.colleague.ok("POST", f"{path}/approvals")
    assert waiting["status"] == "open"
    assert [refusal["code"] for refusal in waiting["refusals"]] == ["triggers_missing"]

    installation.owner.ok("PUT", f"{ROLLOUT}/triggers/errors", TRIGGER)
    installation.clock.pass_(60)
    installation.evaluate()
    shown = installation.owner.ok("GET", path)
    assert [refusal["code"] for refusal in shown["refusals"]] == ["approvals_missing"]
    assert shown["seen"] != promotion["seen"], "the trigger was edited since"
    outdated = installation.colleague.post(
        f"{path}/approvals", headers={"If-Match": f'"{promotion["seen"]}"'}
    )
    assert [error["code"] for error in outdated.get_json()["errors"]] == ["changed_since_seen"]
    agreed = {"If-Match": f'"{shown["seen"]}"'}
    assert installation.colleague.ok("POST", f"{path}/approvals", headers=agreed)["status"] == "applied"
    rollout = installation.rollout()
    assert (rollout["stage"], rollout["mode"], rollout["exposure"]["share"]) == ("beta", "live", 5000)
    change = installation.changes()[-1]
    assert (change["name"], change["before"]["stage"], change["after"]["stage"]) == (
        "promote",
        "readiness",
        "beta",
    )
    assert change["evidence"]["requested_by"] == "key:owner"
    assert set(change["evidence"]["approved_by"]) == {"key:colleague"}


def test_evidence_that_expires_while_an_approval_is_awaited_counts_no_more(
    installation: Installation,
) -> None:
    release = installation.release()
    installation.move("introduce", release=release)
    installation.owner.ok("POST", f"{ROLLOUT}/triggers", TRIGGER)
    soon = installation.clock.pass_(60).replace(hour=13)
    answer = {"requirement": "evaluation-report", "release": release, "sha256": "0" * 64}
    answer["expires_at"] = soon.isoformat()
    installation.colleague.ok("POST", "/projects/acme/features/claims-assistant/evidence", answer)
    installation.evaluate()
    promotion = installation.owner.ok("POST", f"{ROLLOUT}/promotions", ASKED | {"exposure": {"share": 100}})
    installation.clock.pass_(7200)
    late = installation.colleague.ok("POST", f"{ROLLOUT}/promotions/{promotion['id']}/approvals")
    assert "evidence_expired" in [refusal["code"] for refusal in late["refusals"]]
    assert installation.rollout()["stage"] == "readiness"
