"""The use cases about narrower exposures that a ladder can name: define one, remove one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from controller.actors import Actor
from controller.errors import Conflict, InvalidInput, NotFound, Problem
from controller.rollouts import Clock, Parts, Where, locate
from controller.store.changes import Change, record
from controller.store.columns import Broken
from controller.store.database import Database, Transaction
from controller.store.narrowings import (
    Narrowing,
    drop_narrowing,
    find_narrowing,
    narrowings_of,
    put_narrowing,
)
from controller.store.rollouts import StoredRollout, exposure_to_json
from controller.store.triggers import StoredTrigger, triggers_of
from stages import EVERYTHING, EXPOSED, Exposure
from triggers import Arming


@dataclass(frozen=True, slots=True)
class Narrowings:
    """Changes to narrowings; each is recorded."""

    database: Database
    now: Clock

    def define(self, where: Where, key: str, parts: Parts, actor: Actor, reason: str) -> Narrowing:
        """Say what a name stands for. What it does not limit stays as it is when it is applied.

        Raises:
            InvalidInput: It would take nothing away, or would leave nobody.
            Conflict: A trigger that may act here goes down to it, and it would become wider.
        """
        ceiling = replace(EVERYTHING, **parts)
        with self.database.write() as tx:
            stored = locate(tx, where)
            before = find_narrowing(tx, stored.id, key)
            _refuse_useless(ceiling, stored)
            if isinstance(before, Narrowing):
                _refuse_wider(tx, stored, before, ceiling)
            put_narrowing(tx, stored.id, key, ceiling)
            told = {"narrowing": key, "exposure": exposure_to_json(ceiling)}
            self._record(tx, stored, "narrowing.define", actor, reason, told)
            return _found(tx, stored.id, key)

    def drop(self, where: Where, key: str, actor: Actor, reason: str) -> None:
        """Remove a narrowing that no ladder names.

        Raises:
            Conflict: A trigger goes down to it.
        """
        with self.database.write() as tx:
            stored = locate(tx, where)
            if users := [each.trigger.key for each in _users(tx, stored, key)]:
                raise _in_use(users, key, "change the ladder there first")
            if not drop_narrowing(tx, stored.id, key):
                raise NotFound("narrowing", key)
            self._record(tx, stored, "narrowing.remove", actor, reason, {"narrowing": key})

    def of(self, where: Where) -> list[Narrowing | Broken]:
        """The narrowings of a rollout."""
        with self.database.read() as tx:
            return narrowings_of(tx, locate(tx, where).id)

    def _record(
        self, tx: Transaction, stored: StoredRollout, name: str, actor: Actor, reason: str, told: Parts
    ) -> None:
        change = Change(
            project_id=stored.project_id,
            name=name,
            actor=actor,
            at=self.now(),
            feature=stored.rollout.feature,
            environment=stored.rollout.environment,
            reason=reason,
            evidence=told,
        )
        record(tx, change)


def _found(tx: Transaction, rollout_id: int, key: str) -> Narrowing:
    found = find_narrowing(tx, rollout_id, key)
    if not isinstance(found, Narrowing):
        raise NotFound("narrowing", key)
    return found


def _refuse_useless(ceiling: Exposure, stored: StoredRollout) -> None:
    present = stored.rollout.exposure if stored.rollout.stage in EXPOSED else EVERYTHING
    kept = present.at_most(ceiling)
    if present.share and present.is_within(kept):
        message = "takes nothing away from the present exposure"
        raise InvalidInput(Problem("exposure", message, "limit at least one part further than it is now"))
    if ceiling.share and present.share and not kept.share:
        message = "has nobody in common with the present exposure"
        remedy = (
            "name cohorts, tasks and languages that have the feature now, or a share of 0 if nobody is meant"
        )
        raise InvalidInput(Problem("exposure", message, remedy))


def _refuse_wider(tx: Transaction, stored: StoredRollout, before: Narrowing, ceiling: Exposure) -> None:
    """What an armed trigger goes down to becomes wider only where somebody agrees to it: by changing the trigger."""
    armed = [each for each in _users(tx, stored, before.key) if each.trigger.arming is Arming.ACT]
    if stored.protected and armed and not ceiling.is_within(before.ceiling):
        keys = [each.trigger.key for each in armed]
        raise _in_use(
            keys, before.key, "a wider one takes another name; define it, and change the ladder there"
        )


def _in_use(triggers: list[str], key: str, remedy: str) -> Conflict:
    detail = f"{', '.join(triggers)} would narrow to {key}"
    return Conflict("narrowing_in_use", f"{detail}; {remedy}", Problem("narrowing", detail, remedy))


def _users(tx: Transaction, stored: StoredRollout, key: str) -> list[StoredTrigger]:
    """The triggers whose ladders name a narrowing."""
    return [
        item
        for item in triggers_of(tx, stored.id)
        if isinstance(item, StoredTrigger) and any(rung.args.get("to") == key for rung in item.trigger.ladder)
    ]
