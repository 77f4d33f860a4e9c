"""What happens after a revert: an incident is opened, with the pointers that have to follow the flag.

It stands in the transaction of the revert itself, so that there is no revert without an incident. Nothing is sent to
a registry here; see `controller.restoring`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from controller.actors import SYSTEM, Actor
from controller.errors import NotFound
from controller.store.database import Transaction
from controller.store.incidents import (
    Event,
    Incident,
    add_event,
    change_incident,
    get_incident,
    open_incident,
)
from controller.store.outbox import put
from controller.store.pointer_moves import StoredMove, add_moves, moves_of, settle_moves, unfinished_moves
from controller.store.releases import get_release
from controller.store.rollouts import RolloutChange
from stages import IncidentStatus, MoveStatus, PointerMove, moves_back, propagation_s, status_of


def follow_revert(tx: Transaction, revert: RolloutChange, revision: int, began_at: datetime | None) -> int:
    """Open the incident of a revert that was just applied with a revision; returns its id.

    ``began_at`` is since when the trouble was known; None: only now. The transaction holds the project's record.
    """
    stored, now = revert.stored, revert.at
    away = stored.rollout.candidate or stored.rollout.stable or ""
    back = revert.after.stable or ""
    bundles = [_bundle(tx, stored.feature_id, release) for release in (away, back)]
    was_candidate = stored.rollout.candidate is not None
    unfinished = unfinished_moves(tx, stored.id)
    moves = moves_back(*bundles, candidate=was_candidate, unfinished=[each.move for each in unfinished])
    id = open_incident(
        tx,
        rollout_id=stored.id,
        began_at=min(began_at or now, now),
        opened_at=now,
        opened_by=revert.actor.name,
        reason=revert.reason,
        release_from=away,
        release_to=back,
        was_candidate=was_candidate,
        revision=revision,
        propagation_s=propagation_s(*bundles),
        status=IncidentStatus.CONTAINED.value,
    )
    add_moves(tx, id, moves, now)
    incident = get_incident(tx, stored.project_id, id)
    told = f"the flag went from {away} to {back} with revision {revision}: {revert.reason}"
    note(tx, incident, "contained", revert.actor, now, result="done", message=told)
    announce(tx, incident, "incident.opened", now, reason=revert.reason, pointer_moves=len(moves))
    _supersede(tx, incident, unfinished, moves, now)
    bring_forward(tx, incident, now)
    return id


def bring_forward(tx: Transaction, incident: Incident, now: datetime) -> None:
    """See how far an incident has come now that one of its pointers was settled."""
    settled = all(move.status.is_settled for move in moves_of(tx, incident.id))
    verified, closed = incident.verified_at is not None, incident.closed_at is not None
    status = status_of(settled=settled, verified=verified, closed=closed)
    if status is IncidentStatus.RESTORED and incident.restored_at is None:
        change_incident(tx, incident.id, restored_at=now)
        note(tx, incident, "restored", SYSTEM, now, result="done", message="no pointer is left to move")
    change_incident(tx, incident.id, status=status.value)


def note(
    tx: Transaction,
    incident: Incident,
    what: str,
    actor: Actor,
    now: datetime,
    *,
    result: str,
    message: str = "",
    number: int | None = None,
) -> None:
    """Add to the timeline of an incident."""
    event = Event(at=now, what=what, actor=actor.name, number=number, result=result, message=message)
    add_event(tx, incident.id, event)


def announce(tx: Transaction, incident: Incident, event: str, now: datetime, **told: Any) -> None:
    """Tell the outside about an incident."""
    payload = {
        "incident": incident.id,
        "feature": incident.feature,
        "environment": incident.environment,
        "release_from": incident.release_from,
        "release_to": incident.release_to,
        **told,
    }
    put(tx, incident.project_id, event, payload, now)


def _supersede(
    tx: Transaction,
    incident: Incident,
    unfinished: list[StoredMove],
    moves: tuple[PointerMove, ...],
    now: datetime,
) -> None:
    """A pointer is moved by the newest revert that has to do with it, and by no other."""
    taken_over = {move.place for move in moves}
    message = f"the revert of incident {incident.id} moves it"
    for each in unfinished:
        if each.move.place not in taken_over:
            continue
        settle_moves(tx, [each.id], MoveStatus.SUPERSEDED, message, now)
        earlier = get_incident(tx, incident.project_id, each.incident_id)
        result = MoveStatus.SUPERSEDED.value
        note(tx, earlier, "pointer_move", SYSTEM, now, result=result, message=message, number=each.number)
        bring_forward(tx, earlier, now)


def _bundle(tx: Transaction, feature_id: int, release: str) -> Mapping[str, Any]:
    """The bundle of a release; one that is gone names no pointers, and keeps nobody from reverting."""
    try:
        return get_release(tx, feature_id, release).bundle
    except NotFound:
        return {}
