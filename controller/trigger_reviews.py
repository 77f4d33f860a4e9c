"""How much a trigger may do: its record, loosening it with a second person's word, and muting it for a while."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from controller.actors import Actor
from controller.agreement import refuse_agreeing
from controller.errors import Conflict, InvalidInput, Problem
from controller.persons import are_one
from controller.rollouts import Clock, Where, locate
from controller.store.changes import Change, changes_since, record
from controller.store.columns import Broken
from controller.store.database import Database, Transaction
from controller.store.readings import StoredReading, acting_readings, count_readings
from controller.store.rollouts import StoredRollout
from controller.store.trigger_proposals import (
    Proposal,
    ProposalStatus,
    add_proposal,
    get_proposal,
    proposals_of,
    settle_proposal,
)
from controller.store.triggers import (
    StoredTrigger,
    get_trigger,
    mute_trigger,
)
from controller.trigger_definitions import Definition, build_trigger
from controller.trigger_edits import TriggerEdits, find_trigger, loosening
from stages import Refusal, Refused
from triggers import Arming, Mute, Trigger, mutes, rule_from_json, rule_to_json, unproven

LONGEST_MUTE = timedelta(days=7)
"""How long one mute lasts at most, and all that one person says about a live trigger, within `MUTED_WITHIN`."""
MUTED_WITHIN = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class Record:
    """What a trigger did, or would have done, under its present rule; ``unproven`` is why that says little yet."""

    stored: StoredTrigger
    watching_since: datetime
    evaluations: int
    telling: int
    acts: tuple[StoredReading, ...]
    unproven: str


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A proposal, and in what it would loosen the trigger as it is now."""

    proposal: Proposal
    looser: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class TriggerReviews:
    """The use cases around arming."""

    database: Database
    edits: TriggerEdits
    now: Clock

    def record(self, where: Where, key: str, limit: int = 100) -> Record:
        """What a trigger did, or would have done, newest first."""
        with self.database.read() as tx:
            stored = _readable(tx, locate(tx, where), key)
            evaluations, telling = count_readings(tx, stored.id, stored.watching_since)
            watched_s = (self.now() - stored.watching_since).total_seconds()
            acts = acting_readings(tx, stored.id, stored.watching_since, limit)
            why = unproven(watched_s, evaluations, telling)
            return Record(stored, stored.watching_since, evaluations, telling, tuple(acts), why)

    def propose(
        self, where: Where, key: str, definition: Definition | None, actor: Actor, reason: str
    ) -> Reviewed:
        """Ask for a change that loosens a trigger, or without a definition for its removal.

        Raises:
            InvalidInput: The definition cannot be used.
        """
        with self.database.write() as tx:
            rollout, now = locate(tx, where), self.now()
            stored = _readable(tx, rollout, key)
            trigger = None if definition is None else build_trigger(definition)
            kept = None
            if definition is not None and trigger is not None:
                kept = rule_to_json(trigger) | {
                    "source": definition.source,
                    "query": dict(definition.query),
                }
            made = add_proposal(tx, stored.id, stored.version, kept, reason, actor.name, now)
            self._record(tx, rollout, "trigger.propose", actor, now, reason, stored, made)
            return _reviewed(rollout, stored, made)

    def of(self, where: Where, key: str) -> list[Reviewed]:
        """The proposals about a trigger, newest first."""
        with self.database.read() as tx:
            rollout = locate(tx, where)
            stored = _readable(tx, rollout, key)
            return [_reviewed(rollout, stored, each) for each in proposals_of(tx, stored.id)]

    def approve(self, where: Where, key: str, id: int, actor: Actor) -> None:
        """Agree to somebody else's proposal, which carries it out.

        Raises:
            Refused: The actor is no other person, or the trigger is not what the proposal was about.
            Conflict: It was decided before.
        """
        with self.database.write() as tx:
            rollout, now = locate(tx, where), self.now()
            stored = _readable(tx, rollout, key)
            proposal = get_proposal(tx, stored.id, id)
            _refuse_approval(tx, rollout, stored, proposal, actor)
            _settle(tx, proposal, ProposalStatus.APPLIED, actor, now)
            self._record(tx, rollout, "trigger.approve", actor, now, proposal.reason, stored, proposal)
            if proposal.definition is None:
                self.edits.drop_in(tx, rollout, key, actor, proposal.reason, reviewed=True)
            else:
                definition = _definition(proposal.definition)
                self.edits.change_in(tx, rollout, definition, actor, proposal.reason, None, reviewed=True)

    def withdraw(self, where: Where, key: str, id: int, actor: Actor) -> None:
        """Take a proposal back.

        Raises:
            Conflict: It was decided before.
        """
        with self.database.write() as tx:
            rollout, now = locate(tx, where), self.now()
            stored = _readable(tx, rollout, key)
            proposal = get_proposal(tx, stored.id, id)
            _settle(tx, proposal, ProposalStatus.WITHDRAWN, actor, now)
            self._record(tx, rollout, "trigger.withdraw", actor, now, proposal.reason, stored, proposal)

    def mute(self, where: Where, key: str, minutes: int, actor: Actor, reason: str) -> StoredTrigger:
        """Let a trigger do nothing for a while; it goes on watching, and acts afterwards if the breach lasts.

        Raises:
            InvalidInput: The while is longer than seven days.
            Refused: The same person has muted a live trigger for so long lately that somebody else has to say so.
        """
        now, length = self.now(), timedelta(minutes=minutes)
        if not timedelta(0) < length <= LONGEST_MUTE:
            most = int(LONGEST_MUTE.total_seconds() // 60)
            raise InvalidInput(
                Problem("minutes", f"{minutes} is not in 1 to {most}", "mute it for a shorter time")
            )
        return self._muted(where, key, now + length, actor, reason)

    def unmute(self, where: Where, key: str, actor: Actor, reason: str) -> StoredTrigger:
        """Let a trigger do again what its ladder says."""
        return self._muted(where, key, None, actor, reason)

    def _muted(
        self, where: Where, key: str, until: datetime | None, actor: Actor, reason: str
    ) -> StoredTrigger:
        with self.database.write() as tx:
            rollout, now = locate(tx, where), self.now()
            stored = _readable(tx, rollout, key)
            if until:
                _refuse_muting(tx, rollout, stored, actor, Mute(now, until, actor.name))
            mute_trigger(tx, stored.id, until, actor.name if until else "", reason if until else "")
            name = "trigger.mute" if until else "trigger.unmute"
            told = {"until": until.isoformat()} if until else {}
            self._record(tx, rollout, name, actor, now, reason, stored, None, **told)
            return get_trigger(tx, rollout.id, key)

    def _record(
        self,
        tx: Transaction,
        rollout: StoredRollout,
        name: str,
        actor: Actor,
        now: datetime,
        reason: str,
        stored: StoredTrigger,
        proposal: Proposal | None,
        **told: Any,
    ) -> None:
        evidence: dict[str, Any] = {"trigger": stored.trigger.key, "version": stored.version, **told}
        if proposal is not None:
            evidence |= {"proposal": proposal.id, "proposed_by": proposal.proposed_by}
            evidence |= {"definition": proposal.definition}
        change = Change(
            project_id=rollout.project_id,
            name=name,
            actor=actor,
            at=now,
            feature=rollout.rollout.feature,
            environment=rollout.rollout.environment,
            reason=reason,
            evidence=evidence,
        )
        record(tx, change)


def _readable(tx: Transaction, rollout: StoredRollout, key: str) -> StoredTrigger:
    found = find_trigger(tx, rollout.id, key)
    if isinstance(found, Broken):
        detail = f"the trigger {key} cannot be read: {found.why}. Change it or remove it."
        raise Conflict("broken", detail)
    return found


def _refuse_muting(
    tx: Transaction, rollout: StoredRollout, stored: StoredTrigger, actor: Actor, asked: Mute
) -> None:
    """One mute after another would let a trigger do nothing for good, by the word of one person.

    Raises:
        Refused: It would be more than `LONGEST_MUTE` by this person.
    """
    if not rollout.protected or stored.trigger.arming is Arming.SHADOW:
        return
    since = asked.end - MUTED_WITHIN
    mine = [
        mute
        for mute in mutes([*_said_of_muting(tx, rollout, stored.trigger.key, since), _as_said(asked)])
        if are_one(tx, rollout.project_id, actor.name, mute.by)
    ]
    lasts = sum((mute.within(since, asked.end) for mute in mine), timedelta(0))
    if lasts > LONGEST_MUTE:
        before = (lasts - (asked.end - asked.start)) / timedelta(hours=1)
        message = (
            f"you have muted it for {before:.1f} h of the last {MUTED_WITHIN.days} days already, and one person"
            f" mutes a live trigger in a protected environment for {LONGEST_MUTE.days} days of them"
        )
        remedy = "let somebody else mute it, mute it for a shorter time, or propose another rule or arming"
        raise Refused([Refusal("mute_unreviewed", message, remedy, "minutes")])


_Said = tuple[datetime, datetime | None, str]


def _as_said(mute: Mute) -> _Said:
    return mute.start, mute.end, mute.by


def _said_of_muting(tx: Transaction, rollout: StoredRollout, key: str, since: datetime) -> list[_Said]:
    """What the record of changes has about muting a trigger, of mutes that may have lasted until later than that."""
    feature, environment = rollout.rollout.feature, rollout.rollout.environment
    names, began = ("trigger.mute", "trigger.unmute"), since - LONGEST_MUTE
    return [
        (change.at, datetime.fromisoformat(until) if until else None, change.actor)
        for change in changes_since(tx, rollout.project_id, names, feature, environment, began)
        if change.evidence.get("trigger") == key
        for until in [change.evidence.get("until")]
    ]


def _reviewed(rollout: StoredRollout, stored: StoredTrigger, proposal: Proposal) -> Reviewed:
    if proposal.definition is None:
        return Reviewed(proposal, tuple(loosening(rollout, stored, None)))
    return Reviewed(proposal, tuple(loosening(rollout, stored, _definition(proposal.definition))))


def _definition(kept: Mapping[str, Any]) -> Definition:
    trigger = rule_from_json(kept)
    rest = {each.name: getattr(trigger, each.name) for each in fields(Trigger) if each.name not in _NAMED}
    return Definition(
        key=trigger.key,
        source=kept["source"],
        query=kept["query"],
        method=trigger.method.name,
        params=trigger.method.params(),
        rest=rest,
    )


_NAMED = ("key", "method", "sharing")


def _refuse_approval(
    tx: Transaction, rollout: StoredRollout, stored: StoredTrigger, proposal: Proposal, actor: Actor
) -> None:
    if proposal.status != ProposalStatus.OPEN:
        raise _decided(proposal)
    refuse_agreeing(tx, rollout.project_id, actor, proposal.proposed_by)
    if proposal.version != stored.version:
        message = f"it was about version {proposal.version}, and the trigger is at {stored.version}"
        raise Refused([Refusal("proposal_outdated", message, "propose it anew", "version")])


def _settle(tx: Transaction, proposal: Proposal, status: ProposalStatus, actor: Actor, now: datetime) -> None:
    if not settle_proposal(tx, proposal.id, status, actor.name, now):
        raise _decided(proposal)


def _decided(proposal: Proposal) -> Conflict:
    problem = Problem("proposal", f"it is {proposal.status}", "look at what the trigger is now")
    detail = f"{proposal.decided_by} decided the proposal {proposal.id} before"
    return Conflict("proposal_decided", detail, problem)
