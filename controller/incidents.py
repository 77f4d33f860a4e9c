"""The use cases of people about incidents: settle what automation could not, confirm what it could not see, close."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controller.actors import Actor
from controller.errors import Conflict, InvalidInput, Problem
from controller.reverts import announce, bring_forward, note
from controller.rollouts import Clock
from controller.store.changes import Change, record
from controller.store.database import Database, Transaction
from controller.store.incidents import Incident, change_incident, get_incident, hold_record
from controller.store.pointer_moves import StoredMove, change_move, get_move, moves_of, settle_moves
from controller.store.projects import get_project
from controller.verifications import Verifications, mark_verified
from stages import (
    FollowUp,
    IncidentStatus,
    MoveStatus,
    Refusal,
    refuse_unless_empty,
    unsettled,
    unverified,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """How somebody closes an incident. ``by_hand``: although not all of it is done, for a ``reason``."""

    follow_up: FollowUp
    text: str
    by_hand: bool = False
    reason: str = ""


class IncidentDesk:
    """What people do about incidents; each of it is recorded with its reason."""

    def __init__(self, database: Database, verifications: Verifications, now: Clock) -> None:
        self._database = database
        self._verifications = verifications
        self._now = now

    def retry(self, project: str, id: int, number: int, actor: Actor, reason: str) -> Incident:
        """Let a pointer move be tried again at once, as it was planned."""
        return self._again(project, id, number, actor, reason, "retry", force=False)

    def force(self, project: str, id: int, number: int, actor: Actor, reason: str) -> Incident:
        """Let a pointer be moved from wherever it is now."""
        return self._again(project, id, number, actor, reason, "force", force=True)

    def confirm(self, project: str, id: int, number: int, actor: Actor, reason: str) -> Incident:
        """Take somebody's word that a pointer is where it should be."""

        def settle(tx: Transaction, stored: StoredMove, now: datetime) -> None:
            settle_moves(tx, [stored.id], MoveStatus.CONFIRMED, reason, now)

        return self._on_move(project, id, number, actor, reason, "confirm", settle)

    def verify(self, project: str, id: int, actor: Actor, reason: str) -> Incident:
        """Take somebody's word that the release that came back is what users get.

        Raises:
            Refused: A pointer is not settled yet.
        """
        with self._database.write() as tx:
            incident, now = self._open(tx, project, id), self._now()
            refuse_unless_empty(_unsettled(tx, incident))
            if incident.verified_at is not None:
                raise Conflict("incident_verified", "it is verified already; close it")
            mark_verified(tx, incident, actor.name, reason, now)
            self._tell(tx, incident, "verified", "incident.verify", actor, reason, now)
            return get_incident(tx, incident.project_id, id)

    def close(self, project: str, id: int, actor: Actor, closing: Closing) -> Incident:
        """End an incident in a follow-up.

        Raises:
            Refused: It is not verified, or a pointer is not settled, and it is not closed by hand.
            InvalidInput: It is closed by hand without a reason.
        """
        if closing.by_hand and not closing.reason.strip():
            remedy = "say why it can be closed all the same"
            raise InvalidInput(Problem("reason", "is missing, and it is closed by hand", remedy))
        with self._database.write() as tx:
            incident, now = self._open(tx, project, id), self._now()
            against = (*_unsettled(tx, incident), *self._unverified(tx, incident))
            if not closing.by_hand:
                refuse_unless_empty(against)
            self._close(tx, incident, actor, closing, against, now)
            return get_incident(tx, incident.project_id, id)

    def _close(
        self,
        tx: Transaction,
        incident: Incident,
        actor: Actor,
        closing: Closing,
        against: tuple[Refusal, ...],
        now: datetime,
    ) -> None:
        left = [move.id for move in moves_of(tx, incident.id) if not move.status.is_settled]
        settle_moves(tx, left, MoveStatus.ABANDONED, "the incident was closed without it", now)
        ended = {
            "closed_at": now,
            "closed_by": actor.name,
            "by_hand": bool(against),
            "follow_up": closing.follow_up.value,
            "resolution": closing.text,
            "status": IncidentStatus.CLOSED.value,
        }
        change_incident(tx, incident.id, **ended)
        reason = closing.reason or closing.text
        told = {"follow_up": closing.follow_up.value, "resolution": closing.text}
        skipped = {"skipped": [refusal.message for refusal in against]} if against else {}
        self._tell(tx, incident, "closed", "incident.close", actor, reason, now, **told, **skipped)
        announce(tx, incident, "incident.closed", now, by=actor.name, by_hand=bool(against), **told)

    def _again(
        self, project: str, id: int, number: int, actor: Actor, reason: str, act: str, *, force: bool
    ) -> Incident:
        def begin_again(tx: Transaction, stored: StoredMove, now: datetime) -> None:
            if not stored.move.target:
                detail = "there is no version to move the pointer to; move it by hand, and confirm that"
                raise Conflict("pointer_manual", detail)
            status = MoveStatus.PENDING.value
            change_move(tx, stored.id, status=status, force=force, attempts=0, due_at=now)

        return self._on_move(project, id, number, actor, reason, act, begin_again)

    def _on_move(
        self,
        project: str,
        id: int,
        number: int,
        actor: Actor,
        reason: str,
        act: str,
        do: Callable[[Transaction, StoredMove, datetime], None],
    ) -> Incident:
        with self._database.write() as tx:
            incident, now = self._open(tx, project, id), self._now()
            stored = get_move(tx, id, number)
            if stored.status.is_settled:
                raise Conflict("pointer_settled", f"the pointer move is settled already: {stored.status}")
            do(tx, stored, now)
            what, name = f"pointer_{act}", f"pointer.{act}"
            told = {"pointer_move": number, "pointer": str(stored.move.place), "was": stored.status.value}
            self._tell(tx, incident, what, name, actor, reason, now, **told)
            bring_forward(tx, incident, now)
            return get_incident(tx, incident.project_id, id)

    def _open(self, tx: Transaction, project: str, id: int) -> Incident:
        """The incident, held, so that of two people the second sees what the first did."""
        project_id = get_project(tx, project).id
        hold_record(tx, project_id)
        incident = get_incident(tx, project_id, id)
        if incident.closed_at is not None:
            raise Conflict("incident_closed", f"the incident was closed by {incident.closed_by} before")
        return incident

    def _unverified(self, tx: Transaction, incident: Incident) -> Iterator[Refusal]:
        if incident.verified_at is None:
            yield from unverified(self._verifications.proof(tx, incident).sentence)

    def _tell(
        self,
        tx: Transaction,
        incident: Incident,
        what: str,
        name: str,
        actor: Actor,
        reason: str,
        now: datetime,
        **told: Any,
    ) -> None:
        """Write the same to the timeline and to the record of changes."""
        number = told.get("pointer_move")
        note(tx, incident, what, actor, now, result="done", message=reason, number=number)
        evidence: Mapping[str, Any] = {"incident": incident.id, **told}
        change = Change(
            project_id=incident.project_id,
            name=name,
            actor=actor,
            at=now,
            feature=incident.feature,
            environment=incident.environment,
            reason=reason,
            evidence=evidence,
        )
        record(tx, change)


def _unsettled(tx: Transaction, incident: Incident) -> tuple[Refusal, ...]:
    moves = moves_of(tx, incident.id)
    return tuple(unsettled((move.number, move.move.place, move.status, move.message) for move in moves))
