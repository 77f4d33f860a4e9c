"""What happens, step by step. Every step waits until it has really happened, and fails the demo if it does not."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from examples.demo.controller import Api, DemoError
from examples.demo.product import PATIENCE_S, Product, evaluate, happens_within
from examples.demo.screen import Screen, Tell
from examples.support_assistant.outcome import REPLY_DRAFTS, SUPPORT_ASSISTANT

_PROJECT = "/projects/northwind"
_ROLLOUTS = f"{_PROJECT}/environments/production/rollouts"
_ASSISTANT, _DRAFTS = SUPPORT_ASSISTANT.key, REPLY_DRAFTS.key
_PINNED = "2026-10-01"
_HALF = 5000

DESCRIBED = {
    "fallback": "classic-search",
    "budget_owner": "claims-digital",
    "hypothesis": "customers find the answer themselves, and call less often",
    "success": "calls to the service desk fall by a tenth",
    "business_metric": {
        "name": "calls per 1000 customers",
        "baseline": 41,
        "target": 37,
        "window_days": 30,
    },
    "data_sources": [
        {"name": "policy wordings", "owner": "legal", "permissions": "public", "freshness": "a day"}
    ],
    "risk_rationale": "a wrong answer may cost a customer money",
    "classified_by": "key:risk-officer",
    "oversight": "human_decides",
    "autonomy_cap": "recommend",
    "reviewers": ["claims-quality"],
}
UNSUPPORTED = {
    "key": "unsupported-answers",
    "class": "unsupported_answers",
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
    "class": "sensitive_data",
    "source": "outcomes",
    "query": {"measure": "sensitive_data"},
    "method": "any_event",
    "interval_s": 1,
    "latch": True,
    "arming": "act",
    "ladder": [{"do": "disable"}],
}


class Story:
    """An owner and a risk officer with a key each take two features up; one of them comes down again, twice."""

    def __init__(self, url: str, admin_key: str, folder: Path) -> None:
        self._url = url
        self._folder = folder
        self._admin = self._owner = self._risk_officer = Api(url, admin_key)
        self._releases: dict[str, str] = {}
        self._opened: Product | None = None
        self.measured: dict[str, float] = {}

    @property
    def scenes(self) -> Sequence[tuple[str, Callable[[Tell], None]]]:
        """The steps in order: a title, and what makes it true."""
        return (
            ("Two features, two people, one protected environment", self._set_up),
            ("First releases, and triggers that may act", self._arm),
            ("Beta is asked for without evidence, and refused with every reason", self._ask_too_early),
            ("Evaluated with 20 questions: too few to prove anything", self._prove_too_little),
            ("Evaluated with 200, and the rest is shown", self._prove_both),
            ("Readiness → beta, approved by the risk officer; customers arrive", self._enter_beta),
            ("The drafts' ramp takes its next step by itself", self._ramp_up),
            ("Before the pilot: eight questions, answered from the records", self._review_before_shipping),
            ("Beta → pilot for 60 % of customers", self._enter_pilot),
            ("A candidate release gets 10 %", self._try_candidate),
            ("Its unsupported answers climb; all output goes to review", self._misbehave),
            ("Still bad: the release is reverted", self._revert),
            ("A person looks into it and lets answers out again", self._resume),
            ("One answer shows a customer's account number: off, at once", self._leak),
        )

    def play(self, screen: Screen) -> None:
        """Play the whole story."""
        try:
            for title, scene in self.scenes:
                with screen.step(title) as tell:
                    scene(tell)
        finally:
            if self._opened:
                self._opened.close()

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Where both features stand now, for the table; nothing while there is nothing."""
        try:
            rollouts = self._admin.get(_ROLLOUTS)["items"]
            return [
                {"rollout": rollout, "triggers": self._triggers(rollout["feature"])} for rollout in rollouts
            ]
        except (DemoError, OSError):
            return []

    def changes(self) -> list[Mapping[str, Any]]:
        """The whole record of changes, oldest first."""
        found: list[Mapping[str, Any]] = []
        address = f"{_PROJECT}/changes?limit=200"
        page = self._admin.get(address)
        found += page["items"]
        while page["next_cursor"]:
            page = self._admin.get(f"{address}&cursor={page['next_cursor']}")
            found += page["items"]
        return found[::-1]

    def _set_up(self, tell: Tell) -> None:
        self._admin.post(
            "/projects", {"key": "northwind", "name": "Northwind Mutual", "business_unit": "claims"}
        )
        self._admin.post(f"{_PROJECT}/environments", {"key": "production", "protected": True})
        for feature, tier, owner in ((_ASSISTANT, "T2", "claims-digital"), (_DRAFTS, "T1", "service-desk")):
            described = DESCRIBED | {"key": feature, "owner": owner, "risk_tier": tier}
            self._admin.post(f"{_PROJECT}/features", described)
        self._owner, self._risk_officer = self._person("owner"), self._person("risk-officer")
        self._admin.put(f"{_PROJECT}/groups/risk", {"members": ["key:risk-officer"]})
        tell(f"{_ASSISTANT} (T2) and {_DRAFTS} (T1) begin in readiness: nobody has them")

    def _arm(self, tell: Tell) -> None:
        for feature, prompt, model in (
            (_ASSISTANT, "answer@1", "stand-in-small"),
            (_DRAFTS, "draft@1", f"stand-in-small-{_PINNED}"),
        ):
            self._releases[feature] = self._release(feature, prompt, model)
            self._move(feature, "introduce", "first release", release=self._releases[feature])
            for trigger in (UNSUPPORTED, SENSITIVE):
                self._owner.post(f"{_ROLLOUTS}/{feature}/triggers", dict(trigger))
        self._until("the triggers were evaluated", self._all_evaluated)
        tell(f"stable release {self._stable}; unsupported-answers and sensitive-data are armed to act")

    def _ask_too_early(self, tell: Tell) -> None:
        asked = {"stage": "beta", "reason": "we like it"}
        for reason in self._owner.refused(f"{_ROLLOUTS}/{_ASSISTANT}/promotions", asked):
            tell(f"[yellow]{reason['code']}[/] {reason['message']}")

    def _prove_too_little(self, tell: Tell) -> None:
        self._releases[_ASSISTANT] = self._release(_ASSISTANT, "answer@1", f"stand-in-small-{_PINNED}")
        self._move(_ASSISTANT, "introduce", "a pinned model", release=self._stable)
        tell(f"{self._stable} pins its model, and takes the place of the first release")
        self._hand_in(_ASSISTANT, "evaluation-report", self._stable, cases=20)
        tell(self._standing("evaluation-report"))

    def _prove_both(self, tell: Tell) -> None:
        for feature, release in self._releases.items():
            self._prove(feature, release)
        drill = self._folder / "rollback-drill.txt"
        drill.write_text("Reverted in staging; every lookup had the old release after 2 s.\n")
        named = ("--feature", _ASSISTANT, "--requirement", "rollback-drill", "--file", str(drill))
        self._risk_officer.command("evidence", "add", *named, "--uri", drill.as_uri())
        tell(self._standing("evaluation-report"))
        score = self._owner.get(f"{_ROLLOUTS}/{_ASSISTANT}/readiness")["score"]
        tell(f"{score['met']} of {score['of']} requirements hold")

    def _enter_beta(self, tell: Tell) -> None:
        self._promote(_ASSISTANT, "beta", 2500)
        self._promote(_DRAFTS, "beta", None)
        asked = {"kind": "server", "name": "support product", "environment": "production"}
        self._opened = Product(self._url, self._admin.post(f"{_PROJECT}/keys", asked)["text"])
        self._until("answers were judged", lambda: self._trigger("sensitive-data")["verdict"] == "ok")
        tell("25 % of customers have the assistant, 25 % of the staff the drafts")

    def _ramp_up(self, tell: Tell) -> None:
        self._until("the ramp went on", lambda: self._rollout(_DRAFTS)["exposure"]["share"] == _HALF)
        tell(f"half of the staff have the drafts: {self._last('advance')['reason']}")

    def _review_before_shipping(self, tell: Tell) -> None:
        path = f"{_ROLLOUTS}/{_ASSISTANT}/pre-ship-review"
        for answered in self._owner.get(path)["answers"]:
            tell(f"{answered['answer']:5} {answered['question']}")
        page = self._folder / "pre-ship-review.html"
        page.write_text(self._owner.page(f"{path}.html"))
        tell(f"for the auditors: {page}")

    def _enter_pilot(self, tell: Tell) -> None:
        self._promote(_ASSISTANT, "pilot", 6000)
        self._until("a lookup says pilot", lambda: self._product.somebody_gets(stage="pilot"))
        tell("the lookup in the product says pilot")

    def _try_candidate(self, tell: Tell) -> None:
        candidate = self._release(_ASSISTANT, "answer@2", f"stand-in-large-{_PINNED}")
        self._prove(_ASSISTANT, candidate)
        self._move(_ASSISTANT, "introduce", "shorter prompt, larger model", release=candidate, share=1000)
        self._until("some customer gets it", lambda: self._product.somebody_gets(release=candidate))
        tell(f"{candidate} answers a tenth of the exposed customers")

    def _misbehave(self, tell: Tell) -> None:
        began = self._product.break_slowly(self._rollout()["candidate"])
        self._until("every lookup says review", lambda: self._product.everybody_at_most("review"))
        self._measure("first bad answer → every lookup in review", time.monotonic() - began, tell)
        tell(f"the trigger said: {self._reason('review')}")

    def _revert(self, tell: Tell) -> None:
        candidate = self._last("introduce")["after"]["candidate"]
        self._until("the candidate is gone", lambda: self._rollout()["candidate"] is None)
        self._until("no lookup gives it", lambda: not self._product.somebody_gets(release=candidate))
        self._product.mend(candidate)
        tell(f"{candidate} is marked bad; everybody has {self._stable} again")

    def _resume(self, tell: Tell) -> None:
        quiet = "the trigger has calmed down"
        self._until(quiet, lambda: self._trigger("unsupported-answers")["phase"] == "quiet")
        self._move(_ASSISTANT, "resume", "candidate reverted, the stable release is fine")
        self._until("lookups say live", lambda: self._product.somebody_gets(mode="live"))
        tell("going up again was a person's decision, and is recorded as such")

    def _leak(self, tell: Tell) -> None:
        began = self._product.leak_once(self._stable)
        self._until("every lookup says off", lambda: self._product.everybody_at_most("off"))
        self._measure("one leaked account number → every lookup off", time.monotonic() - began, tell)
        if self._rollout(_DRAFTS)["mode"] != "live":
            raise DemoError(f"{_DRAFTS} was disturbed")
        tell(f"{_DRAFTS} went on undisturbed")

    @property
    def _stable(self) -> str:
        return self._releases[_ASSISTANT]

    @property
    def _product(self) -> Product:
        if self._opened is None:
            raise DemoError("the doors are not open yet")
        return self._opened

    def _person(self, name: str) -> Api:
        return Api(
            self._url,
            self._admin.post(f"{_PROJECT}/keys", {"kind": "admin", "roles": ["admin"], "name": name})["text"],
        )

    def _release(self, feature: str, prompt: str, model: str) -> str:
        bundle = {
            "prompt": {"ref": f"git:prompts/{prompt}", "sha256": hashlib.sha256(prompt.encode()).hexdigest()},
            "model": {"provider": "stand-in", "id": model},
            "retrieval": {"index": "documents", "scorer": "bm25"},
            "guardrails": "g-1",
        }
        return str(self._owner.post(f"{_PROJECT}/features/{feature}/releases", {"bundle": bundle})["id"])

    def _prove(self, feature: str, release: str) -> None:
        """Evaluate a release, and hand in the report for whatever it answers."""
        for need in ("evaluation-report", "guardrail-check"):
            self._hand_in(feature, need, release, cases=200)

    def _hand_in(self, feature: str, need: str, release: str, cases: int) -> None:
        file = self._folder / f"{release}-{cases}.json"
        if not file.exists():
            file.write_text(json.dumps(evaluate(release, cases), indent=2))
        named = ("--feature", feature, "--requirement", need, "--release", release)
        self._risk_officer.command("evidence", "import", str(file), *named)

    def _standing(self, need: str) -> str:
        """How a requirement of the assistant's next stage stands."""
        items = self._owner.get(f"{_ROLLOUTS}/{_ASSISTANT}/readiness")["items"]
        item = next(item for item in items if item["requirement"] == need)
        return f"[yellow]{item['answer']}[/] {item['message']}"

    def _promote(self, feature: str, stage: str, share: int | None) -> None:
        path = f"{_ROLLOUTS}/{feature}/promotions"
        asked: dict[str, Any] = {"stage": stage, "reason": "evidence is complete"}
        if share is not None:
            asked["exposure"] = {"share": share, "autonomy": "recommend"}
        promotion = self._owner.post(path, asked)
        if promotion["status"] == "open":
            promotion = self._risk_officer.post(f"{path}/{promotion['id']}/approvals")
        if promotion["status"] != "applied":
            raise DemoError(f"{feature} was not promoted: {promotion}")

    def _move(self, feature: str, move: str, reason: str, **asked: Any) -> None:
        self._owner.post(f"{_ROLLOUTS}/{feature}/moves", {"move": move, "reason": reason, **asked})

    def _until(self, what: str, happened: Callable[[], bool]) -> None:
        if not happens_within(PATIENCE_S, happened):
            raise DemoError(f"it did not happen in {PATIENCE_S:g} s that {what}")

    def _measure(self, what: str, seconds: float, tell: Tell) -> None:
        self.measured[what] = seconds
        tell(f"[bold]{seconds:.2f} s[/]: {what}")

    def _rollout(self, feature: str = _ASSISTANT) -> Mapping[str, Any]:
        rollout: Mapping[str, Any] = self._admin.get(f"{_ROLLOUTS}/{feature}")
        return rollout

    def _triggers(self, feature: str) -> list[Mapping[str, Any]]:
        triggers: list[Mapping[str, Any]] = self._admin.get(f"{_ROLLOUTS}/{feature}/triggers")["items"]
        return triggers

    def _trigger(self, key: str) -> Mapping[str, Any]:
        return next(trigger for trigger in self._triggers(_ASSISTANT) if trigger["key"] == key)

    def _all_evaluated(self) -> bool:
        return all(trigger["verdict"] for feature in self._releases for trigger in self._triggers(feature))

    def _last(self, move: str) -> Mapping[str, Any]:
        return next(change for change in reversed(self.changes()) if change["name"] == move)

    def _reason(self, move: str) -> str:
        return str(self._last(move)["reason"])
