"""Data path (b): one evaluation that ends in a rollback, from the reported outcome to the changed lookup."""

from __future__ import annotations

from typing import Any

import headgate

from tests.flows.conftest import ROLLOUT, Installation, eventually

UNSUPPORTED = {
    "key": "unsupported",
    "source": "outcomes",
    "query": {"measure": "unsupported"},
    "method": "threshold",
    "params": {"limit": 0.1, "min_samples": 10, "m": 2, "k": 3},
    "window_s": 60,
    "interval_s": 10,
    "clear_s": 20,
    "scope": "candidate",
    "arming": "act",
    "ladder": [{"do": "review"}, {"do": "revert", "after_s": 30}, {"do": "disable", "after_s": 60}],
}
SENSITIVE = {
    "key": "sensitive",
    "source": "outcomes",
    "query": {"measure": "sensitive_data"},
    "method": "any_event",
    "interval_s": 10,
    "latch": True,
    "arming": "act",
    "ladder": [{"do": "disable"}],
}
USERS = [f"user-{n}" for n in range(200)]


def report(product: headgate.Client, release: str, **outcome: Any) -> None:
    """Report one answer for each user who has this release, and wait until the reports have arrived."""
    mine = [d for d in (product.decide("claims-assistant", user) for user in USERS) if d.release == release]
    assert mine
    for decision in mine:
        product.report(decision, **outcome)
    assert product.flush(20)


def phase(installation: Installation, trigger: str) -> str:
    return str(installation.owner.ok("GET", f"{ROLLOUT}/triggers/{trigger}")["phase"])


def with_candidate(installation: Installation, product: headgate.Client) -> tuple[str, str]:
    stable = installation.reach_beta(UNSUPPORTED, SENSITIVE)
    candidate = installation.release("model-2026-06-01")
    installation.prove("evaluation-report", candidate)
    installation.move("introduce", release=candidate, share=3000)
    assert eventually(lambda: any(product.decide("claims-assistant", u).release == candidate for u in USERS))
    installation.clock.pass_(10)
    installation.evaluate()
    return stable, candidate


def test_a_bad_candidate_goes_to_review_then_is_reverted_and_a_person_lets_it_out_again(
    installation: Installation, product: headgate.Client
) -> None:
    stable, candidate = with_candidate(installation, product)
    for _ in range(2):
        installation.clock.pass_(5)
        report(product, candidate, grounded=False)
        installation.clock.pass_(5)
        installation.evaluate()
    assert phase(installation, "unsupported") == "firing"
    assert installation.rollout()["mode"] == "review"
    assert eventually(lambda: all(product.decide("claims-assistant", u).mode != "live" for u in USERS))

    for _ in range(3):
        installation.clock.pass_(5)
        report(product, candidate, grounded=False)
        installation.clock.pass_(5)
        installation.evaluate()
    assert installation.rollout()["candidate"] is None
    assert installation.rollout()["stable"] == stable
    assert eventually(lambda: all(product.decide("claims-assistant", u).release != candidate for u in USERS))

    refused = installation.owner.post(f"{ROLLOUT}/moves", {"move": "resume", "reason": "too early"})
    assert refused.status_code == 409
    assert [error["code"] for error in refused.get_json()["errors"]] == ["trigger_firing"]

    for _ in range(4):
        installation.clock.pass_(5)
        report(product, stable, grounded=True)
        installation.clock.pass_(5)
        installation.evaluate()
    assert phase(installation, "unsupported") == "quiet"
    assert installation.rollout()["mode"] == "review"
    installation.move("resume")
    assert eventually(lambda: any(product.decide("claims-assistant", u).mode == "live" for u in USERS))

    again = installation.owner.post(
        f"{ROLLOUT}/moves", {"move": "introduce", "reason": "again", "release": candidate, "share": 100}
    )
    assert "release_bad" in [error["code"] for error in again.get_json()["errors"]]
    moves = [(c["name"], c["actor_kind"]) for c in installation.changes() if "mode" in c["after"]][-4:]
    assert moves == [
        ("introduce", "human"),
        ("review", "trigger"),
        ("revert", "trigger"),
        ("resume", "human"),
    ]


def test_one_leak_takes_the_feature_off_and_only_a_person_ends_it(
    installation: Installation, product: headgate.Client
) -> None:
    stable, _ = with_candidate(installation, product)
    installation.clock.pass_(5)
    leaking = next(
        d for d in (product.decide("claims-assistant", user) for user in USERS) if d.release == stable
    )
    product.report(leaking, sensitive_data=True)
    assert product.flush(20)
    installation.clock.pass_(5)
    installation.evaluate()
    assert eventually(lambda: all(product.decide("claims-assistant", u).mode == "off" for u in USERS))

    for _ in range(6):
        installation.clock.pass_(10)
        installation.evaluate()
    assert phase(installation, "sensitive") == "firing"
    disabled = [c for c in installation.changes() if c["name"] == "disable"]
    assert [c["actor"] for c in disabled] == ["trigger:sensitive"]
    assert disabled[0]["reason"] == "1 since the last acknowledgement; 1 is enough"

    acknowledged = {"reason": "index cleaned, account holder informed"}
    installation.owner.ok("POST", f"{ROLLOUT}/triggers/sensitive/acknowledge", acknowledged)
    installation.move("resume")
    assert eventually(lambda: any(product.decide("claims-assistant", u).mode == "live" for u in USERS))


def test_an_outage_of_the_metrics_takes_nothing_down_and_lets_nothing_up(
    installation: Installation, product: headgate.Client
) -> None:
    source = {"key": "metrics", "kind": "prometheus", "settings": {"url": "http://127.0.0.1:1"}}
    installation.reach_beta(UNSUPPORTED)
    installation.owner.ok("POST", "/projects/acme/sources", source)
    blind = UNSUPPORTED | {"key": "blind", "source": "metrics", "query": {"bad": "bad", "total": "all"}}
    installation.owner.ok("POST", f"{ROLLOUT}/triggers", blind)
    installation.prove("runbook")
    for _ in range(20):
        installation.clock.pass_(600)
        installation.evaluate()
    assert installation.rollout()["mode"] == "live"
    asked = {"stage": "pilot", "reason": "ready"}
    refused = installation.owner.post(f"{ROLLOUT}/promotions", asked)
    codes = [error["code"] for error in refused.get_json()["errors"]]
    assert codes == ["trigger_blind", "trigger_blind", "approvals_missing"], "nobody reported outcomes either"
