"""Features on a ramp, on top of a `Tenant`."""

from __future__ import annotations

from dataclasses import dataclass

from controller.actors import Actor
from controller.ramps import EVERY_S, Ramps, RampStanding
from controller.rollouts import locate
from controller.store.ramps import ramp_of
from stages import Ramp
from tests.controller.tenant import ADA, BOB, Tenant
from triggers import Action, Rung

RAMP_PLANS = """
criteria:
  acceptance: {title: Acceptance, measure: rejected, at_most: 0.5, min_samples: 10, window_days: 1}
tiers:
  T1: &plan
    good_after_days: 0.001
    beta:
      ceiling: 5000
      ramp:
        - {share: 500, hold_s: 20, min_samples: 5}
        - {share: 1000, hold_s: 10}
        - {share: 2500, approvals: 1}
      exit_criteria: [acceptance]
    pilot: {ceiling: 5000, ramp: [{share: 5000}]}
    scaled: {ceiling: 10000, start: 5000}
  T2: *plan
  T3: *plan
"""
"""No armed trigger is asked for, so that a test decides what watches."""


@dataclass
class Climber:
    """A feature in beta whose ramp runs."""

    tenant: Tenant

    @property
    def ramps(self) -> Ramps:
        return self.tenant.parts.ramps

    def enter(self, feature: str = "claims", share: int = 500) -> str:
        return self.tenant.beta(feature, share)

    def watch(self, key: str = "errors", feature: str = "claims", **rest: object) -> None:
        """A trigger that only tells somebody, and sees that all is well."""
        self.tenant.trigger(key, Rung(Action.NOTIFY), feature=feature, **rest)  # type: ignore[arg-type]
        self.tenant.clock.pass_(1)
        self.tenant.evaluate()

    def pass_(self, times: int = 1, seconds: float = EVERY_S) -> None:
        """Passes of the ramps, with time before each."""
        for _ in range(times):
            self.tenant.clock.pass_(seconds)
            self.ramps.run()

    def answers(self, count: int, feature: str = "claims") -> None:
        stable = self.tenant.rollout(feature).stable
        self.tenant.report(count, feature, review="accepted", release=stable)

    def standing(self, feature: str = "claims") -> RampStanding:
        with self.tenant.parts.database.read() as tx:
            return self.ramps.standing(tx, locate(tx, self.tenant.where(feature)))

    def row(self, feature: str = "claims") -> Ramp | None:
        with self.tenant.parts.database.read() as tx:
            return ramp_of(tx, locate(tx, self.tenant.where(feature)).id)

    def why(self) -> list[str]:
        return [refusal.code for refusal in self.standing().why]

    def start(self, actor: Actor = ADA) -> RampStanding:
        return self.ramps.start(self.tenant.where(), actor, "go on")

    def approve(self, actor: Actor = BOB) -> RampStanding:
        return self.ramps.approve(self.tenant.where(), actor)

    @property
    def share(self) -> int:
        return self.tenant.rollout().exposure.share

    def advances(self) -> list[tuple[int, int]]:
        """The steps that were taken, from and to."""
        moved = [change for change in self.tenant.changes() if change.name == "advance"]
        return [(c.before["exposure"]["share"], c.after["exposure"]["share"]) for c in moved]
