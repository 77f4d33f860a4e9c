"""Ramps whose next step waits for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from controller.actors import Actor
from controller.cases import Cases
from controller.persons import are_one
from controller.ramps import Ramps, RampStanding
from controller.store.database import Transaction
from controller.store.rollouts import StoredRollout
from stages import next_step


def awaiting(
    tx: Transaction, ramps: Ramps, cases: Cases, running: Sequence[StoredRollout], actor: Actor
) -> Iterator[tuple[StoredRollout, RampStanding]]:
    """Those of some ramps whose next step waits for people, and an actor's word among them.

    What their plans say is read for all of them at once; only where a step takes approvals is more looked at.
    """
    steps = cases.steps_of(tx, running)
    for stored in running:
        following = next_step(steps[stored.id].ramp, stored.rollout.exposure.share)
        if following is None or not following.approvals:
            continue
        standing = ramps.standing(tx, stored)
        others = (standing.started_by, *standing.agreed)
        lacks_people = len(standing.agreed) < following.approvals
        if lacks_people and not any(are_one(tx, stored.project_id, each, actor.name) for each in others):
            yield stored, standing
