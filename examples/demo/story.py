"""What happens, step by step. Every step waits until it has really happened, and fails the demo if it does not."""

from __future__ import annotations

import hashlib
import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import headgate

from examples.demo.controller import Api, DemoError
from examples.demo.screen import Screen
from examples.support_assistant.assistant import Assistant
from examples.support_assistant.checks import judge
from examples.support_assistant.customers import people, visits
from examples.support_assistant.faults import HEALTHY, FaultBook, Faults
from examples.support_assistant.metrics import Metrics
from examples.support_assistant.model import Release, StandInModel
from examples.support_assistant.outcome import REPLY_DRAFTS, SUPPORT_ASSISTANT
from examples.support_assistant.retrieval import Retriever, load_passages
from examples.support_assistant.traffic import Desk, Traffic

STEPS = 11
_ENVIRONMENT = "/projects/northwind/environments/production"
_ASSISTANT, _DRAFTS = SUPPORT_ASSISTANT.key, REPLY_DRAFTS.key
_PATIENCE_S = 20.0
_QUESTION = "How high is the excess for subsidence?"

UNSUPPORTED = {
    "key": "unsupported-answers",
    "source": "outcomes",
    "query": {"measure": "unsupported"},
    "method": "threshold",
    "params": {"limit": 0.15, "min_samples": 15, "m": 2, "k": 3},
    "window_s": 6,
    "interval_s": 1,
    "clear_s": 5,
    "arming": "act",
    "scope": "candidate",
    "ladder": [{"do": "review"}, {"do": "revert", "after_s": 2}, {"do": "disable", "after_s": 30}],
}
SENSITIVE = {
    "key": "sensitive-data",
    "source": "outcomes",
    "query": {"measure": "sensitive_data"},
    "method": "any_event",
    "interval_s": 1,
    "latch": True,
    "arming": "act",
    "ladder": [{"do": "disable"}],
}


class Story:
    """The actors: an owner and a risk officer with a key each, and a product with customers."""

    def __init__(self, url: str, admin_key: str, folder: Path) -> None:
        self._url = url
        self._folder = folder
        self._admin = Api(url, admin_key)
        self._owner = self._admin
        self._risk_officer = self._admin
        self._faults = FaultBook()
        self._client: headgate.Client | None = None
        self._traffic: Traffic | None = None
        self._desk: Desk | None = None
        self.measured: dict[str, float] = {}

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Where both features stand now, for the table; nothing while there is nothing."""
        try:
            rollouts = self._admin.get(f"{_ENVIRONMENT}/rollouts")["items"]
            return [
                {"rollout": rollout, "triggers": self._triggers(rollout["feature"])} for rollout in rollouts
            ]
        except (DemoError, OSError):
            return []

    def changes(self) -> list[Mapping[str, Any]]:
        """The whole record of changes, oldest first."""
        found: list[Mapping[str, Any]] = []
        cursor = ""
        while cursor is not None:
            page = self._admin.get(f"/projects/northwind/changes?limit=200{cursor and f'&cursor={cursor}'}")
            found += page["items"]
            cursor = page["next_cursor"]
        return found[::-1]

    def play(self, screen: Screen) -> None:
        """Play the whole story."""
        try:
            self._play(screen)
        finally:
            self.close()

    def close(self) -> None:
        """Send the customers home."""
        if self._traffic:
            self._traffic.stop()
        if self._client:
            self._client.close()

    def _play(self, screen: Screen) -> None:
        with screen.step("Two features, two people, one protected environment") as tell:
            self._set_up()
            tell(f"{_ASSISTANT} (T2) and {_DRAFTS} (T1) begin in readiness: nobody has them")
        with screen.step("First releases, and triggers that may act") as tell:
            stable = self._release(_ASSISTANT, "answer@1", "stand-in-small")
            drafts = self._release(_DRAFTS, "draft@1", "stand-in-small")
            for feature, release in ((_ASSISTANT, stable), (_DRAFTS, drafts)):
                self._move(feature, "introduce", "first release", release=release)
                for trigger in (UNSUPPORTED, SENSITIVE):
                    self._owner.post(f"{_ENVIRONMENT}/rollouts/{feature}/triggers", dict(trigger))
            self._until("the triggers were evaluated", lambda: self._all_evaluated())
            tell(f"stable release {stable}; triggers unsupported-answers and sensitive-data armed to act")
        with screen.step("Beta is asked for without evidence, and refused with every reason") as tell:
            asked = {"stage": "beta", "reason": "we like it"}
            for reason in self._owner.refused(f"{_ENVIRONMENT}/rollouts/{_ASSISTANT}/promotions", asked):
                tell(f"[yellow]{reason['code']}[/] {reason['message']}")
        with screen.step("Evidence is made, checked and accepted") as tell:
            tell(self._prove(_ASSISTANT, stable, everything=True))
            tell(self._prove(_DRAFTS, drafts, everything=True))
        with screen.step("Readiness → beta, approved by a second person; customers arrive") as tell:
            self._promote(_ASSISTANT, "beta", 2500)
            self._promote(_DRAFTS, "beta", 5000)
            self._open_the_doors()
            self._until("answers arrived", lambda: self._sentence("sensitive-data") != "")
            tell("25 % of customers have the assistant, half of the staff the drafts")
        with screen.step("Beta → pilot for 60 % of customers") as tell:
            self._promote(_ASSISTANT, "pilot", 6000)
            self._until("a lookup says pilot", lambda: self._seen(stage="pilot"))
            tell("the lookup in the product says pilot")
        with screen.step("A candidate release gets 10 %") as tell:
            candidate = self._release(_ASSISTANT, "answer@2", "stand-in-large")
            tell(self._prove(_ASSISTANT, candidate, everything=False))
            self._move(_ASSISTANT, "introduce", "shorter prompt, larger model", release=candidate, share=1000)
            self._until("some customer gets it", lambda: self._seen(release=candidate))
            tell(f"{candidate} answers a tenth of the exposed customers")
        with screen.step("Its unsupported answers climb; all output goes to review") as tell:
            began = self._break_slowly(candidate)
            took = self._until("every lookup says review", lambda: self._all_seen("review"), since=began)
            self.measured["first bad answer → every lookup in review"] = took
            tell(f"[bold]{took:.2f} s[/] from the first unsupported answer to a changed lookup")
            tell(f"the trigger said: {self._reason('review')}")
        with screen.step("Still bad: the release is reverted") as tell:
            self._until("the candidate is gone", lambda: self._rollout()["candidate"] is None)
            self._until("no lookup gives it", lambda: not self._seen(release=candidate))
            self._faults.set(candidate, HEALTHY)
            tell(f"{candidate} is marked bad; everybody has {stable} again")
        with screen.step("A person looks into it and lets answers out again") as tell:
            self._until("the trigger has calmed down", lambda: self._phase("unsupported-answers") == "quiet")
            self._move(_ASSISTANT, "resume", "candidate reverted, stable release is fine")
            self._until("lookups say live", lambda: self._seen(mode="live"))
            tell("going up again was a person's decision, and is recorded as such")
        with screen.step("One answer shows a customer's account number: off, at once") as tell:
            began = self._leak(stable)
            took = self._until("every lookup says off", lambda: self._all_seen("off"), since=began)
            self.measured["one leaked account number → every lookup off"] = took
            tell(f"[bold]{took:.2f} s[/] from the leak to a changed lookup; {_DRAFTS} went on undisturbed")
            if not self._is_undisturbed():
                raise DemoError(f"{_DRAFTS} was disturbed")

    def _set_up(self) -> None:
        self._admin.post(
            "/projects", {"key": "northwind", "name": "Northwind Mutual", "business_unit": "claims"}
        )
        self._admin.post("/projects/northwind/environments", {"key": "production", "protected": True})
        for feature, tier, owner in ((_ASSISTANT, "T2", "claims-digital"), (_DRAFTS, "T1", "service-desk")):
            described = {"key": feature, "owner": owner, "risk_tier": tier, "fallback": "classic-search"}
            self._admin.post("/projects/northwind/features", described)
        self._owner, self._risk_officer = self._person("owner"), self._person("risk-officer")

    def _person(self, name: str) -> Api:
        key = self._admin.post("/projects/northwind/keys", {"kind": "admin", "name": name})["text"]
        return Api(self._url, key)

    def _release(self, feature: str, prompt: str, model: str) -> str:
        bundle = {
            "prompt": {"ref": f"git:prompts/{prompt}", "sha256": hashlib.sha256(prompt.encode()).hexdigest()},
            "model": {"provider": "stand-in", "id": model},
            "retrieval": {"index": "documents", "scorer": "bm25"},
        }
        release = self._owner.post(f"/projects/northwind/features/{feature}/releases", {"bundle": bundle})
        return str(release["id"])

    def _prove(self, feature: str, release: str, *, everything: bool) -> str:
        """Evaluate the release over all questions, and hand in the report; other documents once per feature."""
        report = _evaluate(release)
        self._accept(feature, "evaluation-report", report, release)
        self._accept(feature, "guardrail-check", report, release)
        if everything:
            for need in ("use-case-brief", "source-inventory", "rollback-plan"):
                self._accept(feature, need, {"document": need, "feature": feature}, None)
        return f"{release}: {report['grounded']} of {report['judged']} answers supported, {report['leaks']} leaks"

    def _accept(self, feature: str, need: str, content: Mapping[str, Any], release: str | None) -> None:
        file = self._folder / f"{feature}-{need}-{release or 'feature'}.json"
        file.write_text(json.dumps(content, indent=2))
        answer = {
            "requirement": need,
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            "uri": file.name,
            "release": release,
        }
        self._risk_officer.post(f"/projects/northwind/features/{feature}/evidence", answer)

    def _promote(self, feature: str, stage: str, share: int) -> None:
        path = f"{_ENVIRONMENT}/rollouts/{feature}/promotions"
        asked = {"stage": stage, "reason": "evidence is complete", "exposure": {"share": share}}
        promotion = self._owner.post(path, asked)
        if promotion["status"] == "open":
            promotion = self._risk_officer.post(f"{path}/{promotion['id']}/approvals")
        if promotion["status"] != "applied":
            raise DemoError(f"{feature} was not promoted: {promotion}")

    def _move(self, feature: str, move: str, reason: str, **asked: Any) -> None:
        self._owner.post(
            f"{_ENVIRONMENT}/rollouts/{feature}/moves", {"move": move, "reason": reason, **asked}
        )

    def _open_the_doors(self) -> None:
        asked = {"kind": "server", "name": "support product", "environment": "production"}
        key = self._admin.post("/projects/northwind/keys", asked)["text"]
        self._client = headgate.Client(self._url, key, poll_interval_s=0.25)
        if not self._client.wait_until_ready(_PATIENCE_S):
            raise DemoError("the product got no flags")
        model = StandInModel(self._faults)
        self._desk = Desk(Assistant(self._client, model, Retriever(load_passages())), Metrics())
        self._traffic = Traffic(self._desk, visits(among=_PEOPLE), rate=120)
        self._traffic.start()

    def _break_slowly(self, candidate: str) -> float:
        """Raise the share of unsupported answers step by step; returns when the first was given."""
        began = time.monotonic()
        for share in (0.1, 0.3, 0.6):
            self._faults.set(candidate, Faults(unsupported=share))
            self._until_or_settle(lambda: self._all_seen("review"), 1.0)
        return began

    def _leak(self, release: str) -> float:
        """Let exactly one answer of the stable release show the planted account number."""
        lucky = next(person for person in _CUSTOMERS if self._decision(person).release == release)
        model = StandInModel(FaultBook({release: Faults(leak_account=1.0)}))
        assert self._client  # noqa: S101 - the doors are open
        reply = Assistant(self._client, model, Retriever(load_passages())).answer(lucky, _QUESTION)
        if reply.outcome.sensitive_data is not True:
            raise DemoError("the product did not notice the account number")
        return time.monotonic()

    def _until(self, what: str, happened: Callable[[], bool], since: float | None = None) -> float:
        began = time.monotonic()
        while not happened():
            if time.monotonic() - began > _PATIENCE_S:
                raise DemoError(f"it did not happen in {_PATIENCE_S:g} s that {what}")
            time.sleep(0.01)
        return time.monotonic() - (began if since is None else since)

    def _until_or_settle(self, happened: Callable[[], bool], seconds: float) -> None:
        until = time.monotonic() + seconds
        while not happened() and time.monotonic() < until:
            time.sleep(0.01)

    def _decision(self, user: str) -> headgate.Decision:
        assert self._client  # noqa: S101 - the doors are open
        return self._client.decide(_ASSISTANT, user, task="answer", cohorts=("customers",))

    def _seen(self, **expected: str) -> bool:
        """Whether some customer's lookup has all of these values."""
        return any(
            all(
                (d.value.get(name) if name == "stage" else getattr(d, name)) == value
                for name, value in expected.items()
            )
            for d in map(self._decision, _CUSTOMERS)
        )

    def _all_seen(self, mode: str) -> bool:
        """Whether no customer's lookup is above a mode: those who never had the feature are off."""
        return all(self._decision(customer).mode in (mode, "off") for customer in _CUSTOMERS)

    def _rollout(self, feature: str = _ASSISTANT) -> Mapping[str, Any]:
        rollout: Mapping[str, Any] = self._admin.get(f"{_ENVIRONMENT}/rollouts/{feature}")
        return rollout

    def _triggers(self, feature: str = _ASSISTANT) -> list[Mapping[str, Any]]:
        triggers: list[Mapping[str, Any]] = self._admin.get(f"{_ENVIRONMENT}/rollouts/{feature}/triggers")[
            "items"
        ]
        return triggers

    def _all_evaluated(self) -> bool:
        return all(t["verdict"] for feature in (_ASSISTANT, _DRAFTS) for t in self._triggers(feature))

    def _sentence(self, key: str) -> str:
        return next(str(trigger["sentence"]) for trigger in self._triggers() if trigger["key"] == key)

    def _phase(self, key: str) -> str:
        return next(str(trigger["phase"]) for trigger in self._triggers() if trigger["key"] == key)

    def _reason(self, move: str) -> str:
        return next(str(change["reason"]) for change in self.changes() if change["name"] == move)

    def _is_undisturbed(self) -> bool:
        return bool(self._rollout(_DRAFTS)["mode"] == "live")


_PEOPLE = people(customers=400, staff=20)
_CUSTOMERS = [person.id for person in _PEOPLE if "customers" in person.cohorts]


def _evaluate(release: str) -> dict[str, Any]:
    """Ask the release every question of a day and check each answer: a small evaluation report."""
    retriever, model = Retriever(load_passages()), StandInModel(sleep=lambda _seconds: None)
    judged_count = grounded_count = leaks = 0
    for visit in itertools.islice(visits(seed=7), 200):
        passages = retriever.search(visit.question)
        answered = model.complete(Release.of(release, {}), visit.person.id, visit.question, passages)
        judged = judge(answered.text, retriever.passages, [passage.id for passage in passages])
        judged_count += judged.grounded is not None
        grounded_count += judged.grounded is True
        leaks += judged.sensitive_data
    return {"release": release, "judged": judged_count, "grounded": grounded_count, "leaks": leaks}
