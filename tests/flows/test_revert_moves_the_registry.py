"""After a revert the flag changes first, then the registry's label follows, and the answers prove that it worked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import headgate
import pytest
from flask import Flask

from tests.conftest import MakeApp
from tests.contract.registry_servers.langfuse import LangfuseServer
from tests.contract.registry_servers.server import Moment
from tests.endpoint import Endpoint, replying, serving
from tests.flows.conftest import BUNDLE, FEATURE, PATIENCE_S, PLANS, ROLLOUT, Installation, eventually

PROJECT = "/projects/acme"
INCIDENTS = f"{PROJECT}/incidents"
USERS = [f"user-{n}" for n in range(200)]
UNSUPPORTED = {
    "key": "unsupported",
    "source": "outcomes",
    "query": {"measure": "unsupported"},
    "method": "threshold",
    "params": {"limit": 0.1, "min_samples": 10},
    "window_s": 60,
    "interval_s": 10,
    "arming": "act",
    "ladder": [{"do": "revert"}],
}


@pytest.fixture
def langfuse() -> LangfuseServer:
    return LangfuseServer()


@pytest.fixture
def endpoint(langfuse: LangfuseServer) -> Iterator[Endpoint]:
    with serving(langfuse) as endpoint:
        yield endpoint


@pytest.fixture
def flow_app(
    make_app: MakeApp, database_url: str, tmp_path: Path, langfuse: LangfuseServer, endpoint: Endpoint
) -> Flask:
    """The installation of these tests knows the secret of the registry."""
    plans = tmp_path / "plans.yaml"
    plans.write_text(PLANS)
    secrets = {"HEADGATE_SECRET_REGISTRY": f"{endpoint.url} {langfuse.secret}"}
    return make_app(database_url, plans=str(plans), outbound_secrets=secrets)


class Story:
    """A feature whose release of version 8 has taken the place of that of version 7, with the registry behind it."""

    def __init__(
        self, installation: Installation, product: headgate.Client, langfuse: LangfuseServer
    ) -> None:
        self.installation, self.product, self.langfuse = installation, product, langfuse
        self.api = installation.owner

    def build(self, url: str) -> Story:
        connected = {"key": "prompts", "kind": "langfuse", "settings": self.langfuse.settings(url)}
        self.api.ok("POST", f"{PROJECT}/registries", connected)
        self.good, self.bad = self.release("7"), self.release("8")
        self.installation.move("introduce", release=self.good)
        self.api.ok("POST", f"{ROLLOUT}/triggers", UNSUPPORTED)
        self.installation.prove("evaluation-report", self.good)
        self.installation.prove("evaluation-report", self.bad)
        self.installation.clock.pass_(60)
        self.installation.evaluate()
        assert self.installation.promote("beta", 5000)["status"] == "applied"
        self.installation.move("introduce", release=self.bad, share=3000)
        self.installation.move("adopt")
        assert self.sees(self.bad)
        self.installation.clock.pass_(10)
        self.installation.evaluate()
        return self

    def release(self, version: str) -> str:
        place = self.langfuse.pointer
        pointer = {"registry": "prompts", "name": place.name, "pointer": place.pointer, "version": version}
        prompt = {"ref": f"langfuse:claims@{version}", "pointer": pointer}
        bundle = BUNDLE | {"prompt": prompt, "limits": {"propagation_s": 120}}
        return str(self.api.ok("POST", f"{FEATURE}/releases", {"bundle": bundle})["id"])

    def exposed(self) -> list[headgate.Decision]:
        decisions = [self.product.decide("claims-assistant", user) for user in USERS]
        return [decision for decision in decisions if decision.release]

    def sees(self, release: str) -> bool:
        """Whether the product comes to see that everybody who has the feature has it from a release."""
        return eventually(lambda: {decision.release for decision in self.exposed()} == {release})

    def report(self, *decisions: headgate.Decision, grounded: bool) -> None:
        for decision in decisions:
            self.product.report(decision, grounded=grounded)
        assert self.product.flush(PATIENCE_S)

    def go_bad(self) -> list[headgate.Decision]:
        """Bad answers arrive until the trigger reverts; gives decisions of the bad release."""
        bad = self.exposed()
        self.installation.clock.pass_(5)
        self.report(*bad[:40], grounded=False)
        self.installation.clock.pass_(5)
        self.installation.evaluate()
        assert self.installation.rollout()["stable"] == self.good
        return bad

    def work(self, seconds: float = 2) -> Any:
        """Let time pass and everything be done that is due then; gives the incident."""
        self.installation.clock.pass_(seconds)
        self.installation.evaluate()
        assert self.installation.parts.ticks.chores.join(PATIENCE_S)
        return self.incident()

    def incident(self) -> Any:
        [incident] = self.api.ok("GET", f"{INCIDENTS}?environment=production")["items"]
        return self.api.ok("GET", f"{INCIDENTS}/{incident['id']}")

    def act(self, act: str, **content: Any) -> Any:
        return self.api.ok("POST", f"{INCIDENTS}/{self.incident()['id']}/{act}", content)

    def refusals(self, path: str, content: dict[str, Any]) -> list[str]:
        refused = self.api.post(path, content)
        assert refused.status_code == 409, refused.get_data(as_text=True)
        return [error["code"] for error in refused.get_json()["errors"]]

    def notices(self) -> list[str]:
        with self.installation.parts.database.read() as tx:
            events = tx.exec_driver_sql("SELECT event FROM outbox ORDER BY id").scalars().all()
        return [event for event in events if event.startswith("incident.")]

    def happened(self) -> list[tuple[str, str]]:
        return [(event["what"], event["result"]) for event in self.incident()["timeline"]]


@pytest.fixture
def story(
    installation: Installation, product: headgate.Client, langfuse: LangfuseServer, endpoint: Endpoint
) -> Story:
    return Story(installation, product, langfuse).build(endpoint.url)


def test_the_flag_changes_the_label_follows_the_answers_prove_it_and_a_person_closes(
    story: Story, langfuse: LangfuseServer
) -> None:
    tried = story.api.ok("POST", f"{PROJECT}/registries/prompts/test", vars_of(langfuse))
    assert tried["version"] == "8"
    at_write: list[str] = []
    langfuse.before_write = lambda: at_write.append(story.installation.rollout()["stable"])

    bad = story.go_bad()
    assert story.sees(story.good)
    incident = story.work()
    assert at_write == [story.good]
    assert langfuse.now == "7"
    assert (incident["status"], incident["opened_by"]) == ("restored", "trigger:unsupported")
    assert [move["status"] for move in incident["pointer_moves"]] == ["moved"]
    assert (incident["release_from"], incident["release_to"]) == (story.bad, story.good)

    promotion = {"stage": "pilot", "reason": "on we go"}
    assert "incident_open" in story.refusals(f"{ROLLOUT}/promotions", promotion)
    closing = {"follow_up": "regression_test", "text": "the forty claims are in the evaluation set"}
    path = f"{INCIDENTS}/{incident['id']}/close"
    assert story.refusals(path, closing) == ["incident_unverified"]

    incident = story.work(120)
    assert incident["status"] == "restored"
    assert "no answers have arrived" in incident["verification"]
    good = story.exposed()
    story.report(*bad[:10], grounded=True)
    story.report(*good[:30], grounded=True)
    incident = story.work()
    assert incident["status"] == "restored"
    assert incident["verification"] == f"10 of 40 answers still come from {story.bad}"
    for _ in range(6):
        story.report(*good[:30], grounded=True)
    incident = story.work()
    assert incident["status"] == "verified"
    assert incident["verification"].startswith("210 of 220 answers since")

    closed = story.act("close", **closing)
    assert (closed["status"], closed["by_hand"], closed["follow_up"]) == ("closed", False, "regression_test")
    assert "incident_open" not in story.refusals(f"{ROLLOUT}/promotions", promotion)
    assert story.happened() == [
        ("contained", "done"),
        ("pointer_move", "moved"),
        ("restored", "done"),
        ("verified", "done"),
        ("closed", "done"),
    ]
    assert story.notices() == ["incident.opened", "incident.verified", "incident.closed"]
    times = [closed[f"time_to_{what}_s"] for what in ("contain", "restore", "verify")]
    assert times == sorted(times)
    recorded = [change["name"] for change in story.installation.changes()]
    assert recorded[-2:] == ["pointer.move", "incident.close"]


def vars_of(langfuse: LangfuseServer) -> dict[str, str]:
    return {"name": langfuse.pointer.name, "pointer": langfuse.pointer.pointer}


def test_a_label_that_somebody_else_moved_is_left_there_until_a_person_decides(
    story: Story, langfuse: LangfuseServer
) -> None:
    langfuse.move("9")
    story.go_bad()
    assert story.sees(story.good)
    for _ in range(3):
        incident = story.work(600)
    [move] = incident["pointer_moves"]
    assert (incident["status"], move["status"], move["attempts"], langfuse.now) == (
        "contained",
        "conflict",
        1,
        "9",
    )
    assert "somebody else moved" in move["message"]
    assert story.notices() == ["incident.opened", "incident.pointer_conflict"]
    closing = {"follow_up": "prompt_change", "text": "done"}
    path = f"{INCIDENTS}/{incident['id']}/close"
    assert story.refusals(path, closing) == ["pointer_unsettled", "incident_unverified"]

    again = story.act("pointer-moves/1/retry", reason="perhaps it was put back")
    assert again["pointer_moves"][0]["status"] == "pending"
    assert story.work()["pointer_moves"][0]["status"] == "conflict"
    story.act("pointer-moves/1/force", reason="version 9 was a slip")
    incident = story.work()
    assert (incident["pointer_moves"][0]["status"], langfuse.now) == ("moved", "7")
    assert incident["status"] == "restored"
    names = [
        change["name"] for change in story.installation.changes() if change["name"].startswith("pointer.")
    ]
    assert names == [
        "pointer.move",
        "pointer.retry",
        "pointer.move",
        "pointer.force",
        "pointer.move",
    ]


def test_a_registry_that_is_down_is_asked_again_and_keeps_nothing_else_waiting(
    story: Story, langfuse: LangfuseServer
) -> None:
    langfuse.faults[Moment.READ] = replying(503, b"down")
    story.go_bad()
    assert story.sees(story.good)
    for _ in range(5):
        incident = story.work(300)
    [move] = incident["pointer_moves"]
    assert (incident["status"], move["status"]) == ("contained", "pending")
    assert move["attempts"] >= 5
    assert "503" in move["message"]
    assert langfuse.password not in str(incident)
    failures = [event for event in incident["timeline"] if event["result"] == "failed"]
    assert [(event["what"], event["times"]) for event in failures] == [("pointer_move", move["attempts"])]
    story.installation.move("hold")

    langfuse.faults.clear()
    incident = story.work(300)
    assert (incident["status"], langfuse.now) == ("restored", "7")


def test_what_is_closed_by_hand_says_what_was_left_out(story: Story, langfuse: LangfuseServer) -> None:
    langfuse.faults[Moment.READ] = replying(503, b"down")
    story.go_bad()
    story.work()
    closing = {"follow_up": "workflow_decision", "text": "the feature is retired", "by_hand": True}
    nameless = story.api.post(f"{INCIDENTS}/{story.incident()['id']}/close", closing)
    assert nameless.status_code == 422
    assert nameless.get_json()["errors"][0]["field"] == "reason"
    closed = story.act("close", **closing, reason="Langfuse is being shut down")
    assert (closed["status"], closed["by_hand"]) == ("closed", True)
    assert [move["status"] for move in closed["pointer_moves"]] == ["abandoned"]
    change = story.installation.changes()[-1]
    assert (change["name"], change["reason"]) == ("incident.close", "Langfuse is being shut down")
    assert len(change["evidence"]["skipped"]) == 2
