"""A feature climbs within its stage by itself, as people agreed to it, and stops when anybody takes it in hand."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.conftest import MakeApp
from tests.flows.conftest import FEATURE, ROLLOUT, Installation

PLANS = """
requirements:
  evaluation-report: {gate: evaluation, title: Evaluation report, proves: release}
criteria:
  errors: {title: Errors, measure: error, at_most: 0.2, min_samples: 20, window_days: 1}
tiers:
  T1: &plan
    good_after_days: 0.002
    beta:
      ceiling: 5000
      soak_s: 60
      approvals: 1
      armed_triggers: 1
      requirements: [evaluation-report]
      exit_criteria: [errors]
      planned_days: 1
      ramp:
        - {share: 500, hold_s: 60, min_samples: 10}
        - {share: 2000, hold_s: 30, min_samples: 20}
        - {share: 5000, approvals: 1}
    pilot: &later
      ceiling: 10000
      start: 5000
      soak_s: 60
      approvals: 1
      armed_triggers: 1
      planned_days: 1
    scaled: *later
  T2: *plan
  T3: *plan
"""
TRIGGER: dict[str, Any] = {
    "key": "errors",
    "source": "outcomes",
    "query": {"measure": "error"},
    "method": "threshold",
    "params": {"limit": 0.2, "min_samples": 5},
    "window_s": 60,
    "interval_s": 10,
    "clear_s": 0,
    "arming": "act",
    "ladder": [{"do": "narrow"}],
}
RAMP = f"{ROLLOUT}/ramp"


@pytest.fixture
def flow_app(make_app: MakeApp, database_url: str, tmp_path: Any) -> Flask:
    plans = tmp_path / "plans.yaml"
    plans.write_text(PLANS)
    return make_app(database_url, plans=str(plans))


class Product:
    """Product code that reports what happened to its answers, on whatever share it is given."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.key = installation.server_key()
        self.number = 0

    def report(self, count: int, *, error: bool = False) -> None:
        stable = self.installation.rollout()["stable"]
        outcomes = []
        for _ in range(count):
            self.number += 1
            one = {
                "id": f"answer-{self.number}",
                "feature": "claims-assistant",
                "release": stable,
                "error": error,
            }
            outcomes.append(one | {"at": self.installation.clock().isoformat()})
        answer = self.installation.app.test_client().post(
            "/sdk/v1/outcomes", json={"outcomes": outcomes}, headers={"Authorization": f"Bearer {self.key}"}
        )
        assert answer.status_code < 300, answer.get_data(as_text=True)


def live_on(installation: Installation, seconds: int) -> None:
    """Time passes: what is due is evaluated, and the ramps are looked at every five seconds."""
    for _ in range(seconds // 5):
        installation.clock.pass_(5)
        installation.evaluate()
        assert installation.parts.ticks.chores.join(20)
        installation.parts.ramps.run()


def ramp(installation: Installation) -> Any:
    return installation.owner.ok("GET", RAMP)


def codes(shown: Any) -> list[str]:
    return [refusal["code"] for refusal in shown["why"]]


def test_a_feature_climbs_as_people_agreed_and_stops_when_somebody_takes_it_in_hand(
    installation: Installation,
) -> None:
    product = Product(installation)
    installation.reach_beta(TRIGGER, share=500)
    shown = ramp(installation)
    assert (shown["state"], shown["started_by"], shown["share"], shown["next_share"]) == (
        "running",
        "key:owner",
        500,
        2000,
    )
    assert codes(shown) == ["step_holding", "samples_missing"]

    # The first step: its time, its answers, and not a moment sooner.
    product.report(9)
    live_on(installation, 80)
    assert codes(ramp(installation)) == ["samples_missing"]
    product.report(1)
    live_on(installation, 5)
    assert installation.rollout()["exposure"]["share"] == 2000
    moved = installation.changes()[-1]
    assert (moved["name"], moved["actor"], moved["actor_kind"]) == ("advance", "ramp", "schedule")

    # The second one pauses while errors cannot be judged any more, and waits for an approval in the end.
    live_on(installation, 40)
    assert codes(ramp(installation)) == ["samples_missing", "approvals_missing"]
    product.report(30)
    live_on(installation, 10)
    shown = ramp(installation)
    assert (codes(shown), shown["credited_s"] >= shown["hold_s"]) == (["approvals_missing"], True)
    assert shown["why"][0]["message"].startswith("waiting for approval: 0 of 1")
    mine = installation.owner.post(f"{RAMP}/approvals")
    assert [error["code"] for error in mine.get_json()["errors"]] == ["self_approval"]

    # What was approved and has changed since does not count.
    assert installation.colleague.ok("POST", f"{RAMP}/approvals")["approved_by"] == ["key:colleague"]
    installation.prove("evaluation-report", installation.rollout()["stable"])
    assert ramp(installation)["approved_by"] == []
    assert installation.colleague.ok("POST", f"{RAMP}/approvals")["approved_by"] == ["key:colleague"]

    # Before the pass comes, somebody narrows: the ramp is off, and nothing but a person starts it again.
    installation.move("narrow", exposure={"share": 1500})
    live_on(installation, 60)
    shown = ramp(installation)
    assert (shown["state"], shown["share"], codes(shown)) == ("off", 1500, ["ramp_off"])
    assert shown["why"][0]["message"] == "the ramp is off: narrowed by key:owner"
    started = installation.owner.ok("POST", RAMP, {"reason": "it was nothing"})
    assert (started["state"], started["next_share"], started["credited_s"]) == ("running", 2000, 0)
    again = installation.owner.post(RAMP, {"reason": "once more"})
    assert (again.status_code, again.get_json()["code"]) == (409, "ramp_running")

    paused = installation.owner.ok("POST", f"{RAMP}/pause", {"reason": "a holiday"})
    assert (paused["state"], codes(paused)[0]) == ("paused", "ramp_paused")
    assert installation.owner.ok("POST", RAMP, {"reason": "back"})["state"] == "running"
    product.report(15)
    live_on(installation, 80)
    assert installation.rollout()["exposure"]["share"] == 2000
    assert [change["name"] for change in installation.changes()].count("advance") == 2

    # Meanwhile the release has served for long enough to be good.
    live_on(installation, 100)
    release = installation.owner.ok("GET", f"{FEATURE}/releases/{installation.rollout()['stable']}")
    assert release["verdict"] == "good"


def test_a_trigger_that_narrows_switches_the_ramp_off(installation: Installation) -> None:
    product = Product(installation)
    installation.reach_beta(TRIGGER, share=500)
    product.report(10, error=True)
    live_on(installation, 20)
    shown = ramp(installation)
    assert (shown["state"], shown["why"][0]["message"]) == (
        "off",
        "the ramp is off: narrowed by trigger:errors",
    )
    assert shown["share"] < 500
    product.report(500)
    live_on(installation, 200)
    assert installation.rollout()["exposure"]["share"] == shown["share"]


def test_who_asks_and_who_approves_sees_what_would_be_noticed(installation: Installation) -> None:
    address = f"{ROLLOUT}/forecast?stage=beta&share=500&answers_per_day=7200"
    installation.owner.ok("POST", f"{ROLLOUT}/triggers", TRIGGER)
    told = installation.owner.ok("GET", address)
    assert (told["traffic"], told["answers_per_hour"], told["planned_s"]) == ("asked", 300, 86_400)
    [only] = told["triggers"]
    assert only["sentence"].startswith("errors: twice the limit (40%) would be noticed after about ")
    assert only["within_planned"] == pytest.approx(1, abs=1e-6)
    few = installation.owner.ok("GET", f"{ROLLOUT}/forecast?stage=beta&answers_per_day=240")
    assert few["triggers"][0]["expected_s"] is None
    assert few["sentences"] == [
        "errors: twice the limit (40%) would never be noticed: a window of 60 s would hold 0 answers; 5 are needed"
    ]
    assert installation.owner.get(f"{ROLLOUT}/forecast?stage=readiness").status_code == 422

    installation.owner.ok("PATCH", FEATURE, {"expected_daily_answers": 144_000})
    release = installation.release()
    installation.move("introduce", release=release)
    installation.prove("evaluation-report", release)
    installation.clock.pass_(60)
    installation.evaluate()
    asked = {"stage": "beta", "reason": "ready", "exposure": {"share": 500}}
    promotion = installation.owner.ok("POST", f"{ROLLOUT}/promotions", asked)
    assert promotion["forecast"][0].endswith("at 300 answers an hour")
    path = f"{ROLLOUT}/promotions/{promotion['id']}"
    assert installation.colleague.ok("GET", path)["forecast"] == promotion["forecast"]
    assert installation.colleague.ok("POST", f"{path}/approvals")["forecast"] == []
