"""The use cases that people have with triggers: add, change, acknowledge, remove."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from controller.actors import Actor
from controller.errors import Conflict, InvalidInput, NotFound, Problem, VersionConflict
from controller.rollouts import Clock, Where, locate
from controller.sources.access import Access
from controller.store.changes import Change, record
from controller.store.columns import Broken
from controller.store.database import Database, Transaction
from controller.store.narrowings import find_narrowing, narrowings_of
from controller.store.outbox import put
from controller.store.rollouts import StoredRollout
from controller.store.triggers import (
    StoredTrigger,
    add_trigger,
    change_trigger,
    drop_trigger,
    get_trigger,
    mend_trigger,
    remember,
    triggers_of,
)
from controller.trigger_definitions import Definition, build_trigger, source_for
from stages import Refusal, refuse_unless_empty
from triggers import (
    Arming,
    Phase,
    Rung,
    Trigger,
    acknowledge,
    loosened,
    policies_to_json,
    redefine,
)


class TriggerEdits:
    """Changes to triggers; each is recorded."""

    def __init__(self, database: Database, access: Access, now: Clock) -> None:
        self._database = database
        self._access = access
        self._now = now

    def add(self, where: Where, definition: Definition, actor: Actor) -> StoredTrigger:
        """Add a trigger.

        Raises:
            InvalidInput: A part of the definition cannot be used.
        """
        (stored,) = self.add_all(where, [definition], actor)
        return stored

    def add_all(self, where: Where, definitions: Sequence[Definition], actor: Actor) -> list[StoredTrigger]:
        """Add several triggers, all of them or none.

        Raises:
            InvalidInput: A part of a definition cannot be used.
        """
        triggers = [(definition, build_trigger(definition)) for definition in definitions]
        with self._database.write() as tx:
            rollout = locate(tx, where)
            return [self._add(tx, rollout, definition, trigger, actor) for definition, trigger in triggers]

    def _add(
        self, tx: Transaction, rollout: StoredRollout, definition: Definition, trigger: Trigger, actor: Actor
    ) -> StoredTrigger:
        now, source = self._now(), source_for(tx, rollout.project_id, definition, self._access)[0]
        _check_ladder(tx, rollout, trigger)
        stored = add_trigger(tx, rollout.id, source.id, definition.query, trigger, now)
        self._record(tx, rollout, "trigger.add", actor, now, after=_told(stored))
        return stored

    def change(
        self, where: Where, definition: Definition, actor: Actor, reason: str, expected_version: int | None
    ) -> StoredTrigger:
        """Put another definition in a trigger's place; what it remembers of the old one no longer counts.

        This is also how a trigger is mended whose row cannot be read.

        Raises:
            InvalidInput: A part of the definition cannot be used.
            Refused: It would loosen a trigger that is live in a protected environment, and nobody else has agreed.
            VersionConflict: The trigger is not at the expected version.
        """
        with self._database.write() as tx:
            return self.change_in(tx, locate(tx, where), definition, actor, reason, expected_version)

    def change_in(
        self,
        tx: Transaction,
        rollout: StoredRollout,
        definition: Definition,
        actor: Actor,
        reason: str,
        expected_version: int | None,
        *,
        reviewed: bool = False,
    ) -> StoredTrigger:
        """The same within a transaction that is already open; ``reviewed``: somebody else has agreed to it."""
        trigger, now = build_trigger(definition), self._now()
        before = find_trigger(tx, rollout.id, definition.key)
        source = source_for(tx, rollout.project_id, definition, self._access)[0]
        _check_ladder(tx, rollout, trigger)
        if isinstance(before, Broken):
            after = mend_trigger(tx, before, source.id, definition.query, trigger, now)
            found = {"trigger": before.key, "broken": before.why}
        else:
            if expected_version not in (None, before.version):
                raise VersionConflict(f"the trigger {definition.key}", before.version)
            if not reviewed:
                refuse_unless_empty(loosening(rollout, before, definition))
            change_trigger(tx, before, source.id, definition.query, trigger, now)
            remember(tx, before.id, redefine(before.state, now))
            after, found = get_trigger(tx, rollout.id, definition.key), _told(before)
        told = {"before": found, "after": _told(after)}
        self._record(tx, rollout, "trigger.change", actor, now, reason=reason, **told)
        return after

    def acknowledge(self, where: Where, key: str, actor: Actor, reason: str) -> StoredTrigger:
        """A person has seen to it: the trigger is quiet again and counts from now."""
        with self._database.write() as tx:
            rollout, now = locate(tx, where), self._now()
            before = find_trigger(tx, rollout.id, key)
            if isinstance(before, Broken):
                detail = f"the trigger {key} cannot be read: {before.why}. Change it or remove it."
                raise Conflict("broken", detail)
            remember(tx, before.id, acknowledge(before.state, now))
            _tell_cleared(tx, rollout, before, f"{actor.name} acknowledged it: {reason}", now)
            told = {"before": {"trigger": key, "phase": before.state.phase.value}}
            self._record(tx, rollout, "trigger.acknowledge", actor, now, reason=reason, **told)
            return get_trigger(tx, rollout.id, key)

    def drop(self, where: Where, key: str, actor: Actor, reason: str) -> None:
        """Remove a trigger, also one whose row cannot be read.

        Raises:
            Refused: It is live in a protected environment, and nobody else has agreed.
        """
        with self._database.write() as tx:
            self.drop_in(tx, locate(tx, where), key, actor, reason)

    def drop_in(
        self,
        tx: Transaction,
        rollout: StoredRollout,
        key: str,
        actor: Actor,
        reason: str,
        *,
        reviewed: bool = False,
    ) -> None:
        """The same within a transaction that is already open; ``reviewed``: somebody else has agreed to it."""
        before = find_trigger(tx, rollout.id, key)
        if isinstance(before, StoredTrigger) and not reviewed:
            refuse_unless_empty(loosening(rollout, before, None))
        now = self._now()
        drop_trigger(tx, before.id)
        if isinstance(before, StoredTrigger):
            _tell_cleared(tx, rollout, before, f"{actor.name} removed it: {reason}", now)
        told = {"before": {"trigger": key}}
        self._record(tx, rollout, "trigger.remove", actor, now, reason=reason, **told)

    def _record(
        self, tx: Transaction, rollout: StoredRollout, name: str, actor: Actor, now: datetime, **told: Any
    ) -> None:
        feature, environment = rollout.rollout.feature, rollout.rollout.environment
        record(
            tx,
            Change(
                project_id=rollout.project_id,
                name=name,
                actor=actor,
                at=now,
                feature=feature,
                environment=environment,
                **told,
            ),
        )


def _tell_cleared(
    tx: Transaction, rollout: StoredRollout, before: StoredTrigger, sentence: str, now: datetime
) -> None:
    """Whoever was told that it fires is told that it does so no more."""
    if before.state.phase is Phase.FIRING:
        told = {"trigger": before.trigger.key, "sentence": sentence}
        told |= {"feature": rollout.rollout.feature, "environment": rollout.rollout.environment}
        put(tx, rollout.project_id, "trigger.cleared", told, now)


def find_trigger(tx: Transaction, rollout_id: int, key: str) -> StoredTrigger | Broken:
    """The trigger of a rollout with this key, or NotFound."""
    for item in triggers_of(tx, rollout_id):
        if key == (item.key if isinstance(item, Broken) else item.trigger.key):
            return item
    raise NotFound("trigger", key)


def among_others(tx: Transaction, rollout_id: int, trigger: Trigger) -> Trigger:
    """The trigger as it would be judged: its false alarms are divided over it and the armed ones beside it."""
    others = [item.trigger for item in triggers_of(tx, rollout_id) if not isinstance(item, Broken)]
    sharing = [
        other
        for other in others
        if other.method.shares_alarms and other.arming is not Arming.SHADOW and other.key != trigger.key
    ]
    return replace(trigger, sharing=1 + len(sharing))


def loosening(
    rollout: StoredRollout, before: StoredTrigger, definition: Definition | None
) -> Iterator[Refusal]:
    """What a person does not do alone: each part in which a trigger would stop less than before.

    Only a trigger that may do something in a protected environment is guarded so. Without a definition it is removed.
    """
    if not rollout.protected or before.trigger.arming is Arming.SHADOW:
        return
    if definition is None:
        yield _alone("trigger", "it would be gone")
        return
    if definition.source != before.source_key or dict(definition.query) != dict(before.query):
        yield _alone("query", "it asks something else")
    for looser in loosened(before.trigger, build_trigger(definition)):
        yield _alone(looser.field, looser.why)


def _alone(field: str, why: str) -> Refusal:
    message = f"this loosens a live trigger in a protected environment: {why}"
    remedy = "propose it and let somebody else approve it, or mute the trigger for a while"
    return Refusal("loosening_unreviewed", message, remedy, field)


def _check_ladder(tx: Transaction, rollout: StoredRollout, trigger: Trigger) -> None:
    """What a rung names has to be there."""
    for place, rung in enumerate(trigger.ladder):
        to = rung.args.get("to")
        if to is not None and find_narrowing(tx, rollout.id, str(to)) is None:
            known = ", ".join(item.key for item in narrowings_of(tx, rollout.id)) or "none so far"
            problem = Problem(
                f"ladder.{place}.args.to",
                f"there is no narrowing {to!r}",
                f"define it first; there is {known}",
            )
            raise InvalidInput(problem)


def _told(stored: StoredTrigger) -> dict[str, Any]:
    trigger = stored.trigger
    return {
        "trigger": trigger.key,
        "version": stored.version,
        "source": stored.source_key,
        "query": dict(stored.query),
        "method": trigger.method.name,
        "params": trigger.method.params(),
        "baseline": trigger.baseline.value,
        "policies": policies_to_json(trigger.policies),
        "arming": trigger.arming.value,
        "ladder": [_rung_told(rung) for rung in trigger.ladder],
    }


def _rung_told(rung: Rung) -> list[Any]:
    return [rung.do.value, rung.after_s, *([dict(rung.args)] if rung.args else [])]
