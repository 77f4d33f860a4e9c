"""A project to test use cases with: features, releases, triggers and people, without any door in front."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from controller.actors import Actor, ActorKind
from controller.promotions import Promotions, Standing
from controller.rollouts import Order, Rollouts, Where, locate
from controller.services import Services, build_services
from controller.settings import Settings
from controller.store.changes import BadRow, RecordedChange, changes_of, verify
from controller.store.claims import Claim, claim, sources_with_due
from controller.store.idempotency import Once
from controller.store.outcomes import add_outcomes
from controller.store.projects import get_environment, get_project
from controller.store.readings import StoredReading, readings_of
from controller.store.triggers import StoredTrigger, get_trigger
from controller.trigger_definitions import Definition
from stages import Request, Rollout, Stage
from tests.conftest import SECRET, Clock
from triggers import Action, Arming, Rung

ADA = Actor("user:ada")
BOB = Actor("user:bob")
EVE = Actor("user:eve")
TRIGGER = Actor("trigger:unsupported", ActorKind.TRIGGER)
PATIENCE_S = 30.0

PLANS = """
requirements:
  evaluation-report: {gate: evaluation, title: Evaluation report, proves: release}
  runbook: {gate: operations, title: Runbook}
tiers:
  T1:
    beta: {ceiling: 10000, start: 1000, armed_triggers: 0}
    pilot: {ceiling: 10000, start: 5000, armed_triggers: 0}
    scaled: {ceiling: 10000, start: 10000, armed_triggers: 0}
  T2: &plan
    beta: {ceiling: 5000, start: 1000, soak_s: 60, approvals: 1, armed_triggers: 1, requirements: [evaluation-report]}
    pilot: &later
      ceiling: 10000
      start: 5000
      soak_s: 60
      approvals: 2
      armed_triggers: 1
      requirements: [evaluation-report, runbook]
    scaled: *later
  T3: *plan
"""
"""T1 asks for nothing, so that a feature is quickly where a test wants it; T2 asks for something of everything."""


def services_on(url: str, clock: Clock, **settings: Any) -> Services:
    """The parts of a process, with nothing running."""
    return build_services(Settings(database_url=url, secret_key=SECRET, **settings), clock)


@dataclass
class Tenant:
    """One project with one environment."""

    parts: Services
    clock: Clock
    project: str = "acme"
    environment: str = "production"
    releases: dict[str, str] = field(default_factory=dict)

    def build(self, *, protected: bool = True) -> Tenant:
        self.parts.catalog.make_project(self.project, "", "claims", ADA)
        self.parts.catalog.make_environment(self.project, self.environment, "", ADA, protected=protected)
        return self

    @property
    def rollouts(self) -> Rollouts:
        return self.parts.rollouts

    @property
    def promotions(self) -> Promotions:
        return self.parts.promotions

    def where(self, feature: str = "claims") -> Where:
        return Where(self.project, self.environment, feature)

    def feature(self, key: str = "claims", tier: str = "T1") -> str:
        described = {"name": key, "risk_tier": tier, "fallback": "search", "when_lost": "review"}
        self.parts.catalog.make_feature(self.project, key, described, ADA)
        return key

    def release(self, model: str = "one", feature: str = "claims") -> str:
        bundle = {"prompt": {"ref": "git:a@1"}, "model": {"provider": "example", "id": model}}
        return self.parts.catalog.make_release(self.project, feature, bundle, "", ADA)[0].public_id

    def prove(self, requirement: str, release: str | None = None, **rest: Any) -> None:
        answer = {"requirement": requirement, "release": release, "sha256": "0" * 64, **rest}
        self.parts.evidence.accept(self.project, "claims", answer, ADA)

    def move(
        self,
        move: str,
        feature: str = "claims",
        actor: Actor = ADA,
        once: Once | None = None,
        expected: int | None = None,
        **asked: Any,
    ) -> int:
        exposure = asked.pop("exposure", None)
        request = Request(move=move, **asked)
        order = Order(
            request=request,
            exposure=exposure,
            actor=actor,
            reason="test",
            once=once,
            expected_version=expected,
        )
        return self.rollouts.move(self.where(feature), order)

    def ask(
        self, stage: Stage = Stage.BETA, share: int | None = None, actor: Actor = ADA, feature: str = "claims"
    ) -> Standing:
        exposure = None if share is None else {"share": share}
        return self.promotions.ask(self.where(feature), stage, exposure, actor, "ready")

    def beta(self, feature: str = "claims", share: int = 10_000) -> str:
        """Take a feature of the first tier to beta; gives its stable release."""
        self.feature(feature)
        release = self.release("one", feature)
        self.move("introduce", feature, release=release)
        self.ask(share=share, feature=feature)
        return release

    def trigger(
        self,
        key: str = "unsupported",
        *ladder: Rung,
        feature: str = "claims",
        source: str = "outcomes",
        query: Mapping[str, str] | None = None,
        method: str = "threshold",
        params: Mapping[str, float] | None = None,
        arming: Arming = Arming.ACT,
        **rest: Any,
    ) -> StoredTrigger:
        definition = Definition(
            key=key,
            source=source,
            query=query or {"measure": "unsupported"},
            method=method,
            params=params if params is not None else {"limit": 0.1},
            rest={"window_s": 60, "interval_s": 10, "arming": arming, "ladder": ladder or RUNGS} | rest,
        )
        return self.parts.trigger_edits.add(self.where(feature), definition, ADA)

    def standing(self, key: str = "unsupported", feature: str = "claims") -> StoredTrigger:
        with self.parts.database.read() as tx:
            return get_trigger(tx, locate(tx, self.where(feature)).id, key)

    def readings(self, key: str = "unsupported", feature: str = "claims") -> list[StoredReading]:
        with self.parts.database.read() as tx:
            return readings_of(tx, self.standing(key, feature).id, limit=1000)[::-1]

    def rollout(self, feature: str = "claims") -> Rollout:
        with self.parts.database.read() as tx:
            return locate(tx, self.where(feature)).rollout

    def changes(self) -> list[RecordedChange]:
        with self.parts.database.read() as tx:
            return changes_of(tx, get_project(tx, self.project).id, limit=10_000)[::-1]

    def moves(self) -> list[tuple[str, str]]:
        """The moves triggers made, and what they told: name and actor."""
        return [(c.name, c.actor) for c in self.changes() if c.actor_kind == "trigger"]

    def bad_rows(self) -> list[BadRow]:
        with self.parts.database.read() as tx:
            return list(verify(tx))

    def report(self, count: int, feature: str = "claims", **outcome: Any) -> None:
        """Outcomes that arrive now."""
        with self.parts.database.write() as tx:
            environment = get_environment(tx, get_project(tx, self.project).id, self.environment).id
            one = {"feature": feature, "at": self.clock()} | dict.fromkeys(_NULLABLE) | outcome
            rows = [one | {"public_id": str(uuid.uuid4())} for _ in range(count)]
            add_outcomes(tx, environment, rows, self.clock())

    def claims(self, limit: int = 1000, lease_s: float = 60) -> list[Claim]:
        with self.parts.database.write() as tx:
            due = sources_with_due(tx, self.clock())
            return [one for id in due for one in claim(tx, id, self.clock(), lease_s, limit)]

    def evaluate(self) -> list[str]:
        """Evaluate what is due, in this thread; gives what became of each claim."""
        return [self.parts.evaluations.evaluate(one).value for one in self.claims()]

    def after(self, seconds: float = 10) -> list[str]:
        self.clock.pass_(seconds)
        return self.evaluate()

    def tick_without_waiting(self) -> None:
        self.parts.ticks.tick()

    def tick(self) -> None:
        self.parts.ticks.tick()
        assert self.parts.ticks.join(PATIENCE_S)

    def sql(self, statement: str, **values: Any) -> int:
        """Do something to the database that no code of ours would do."""
        with self.parts.database.write() as tx:
            return tx.execute(text(statement), values).rowcount

    def ask_sql(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        with self.parts.database.read() as tx:
            return [tuple(row) for row in tx.execute(text(statement), values)]

    def ask_sql_row(self, statement: str) -> dict[str, Any]:
        with self.parts.database.read() as tx:
            return dict(tx.execute(text(statement)).one()._mapping)


RUNGS = (Rung(Action.REVIEW), Rung(Action.REVERT, 30), Rung(Action.DISABLE, 60))

_NULLABLE = (
    "release",
    "task",
    "mode",
    "latency_ms",
    "cost_usd",
    "input_tokens",
    "output_tokens",
    "grounded",
    "citations_valid",
    "sensitive_data",
    "review",
    "abandoned",
    "escalated",
    "error",
)
