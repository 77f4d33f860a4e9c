"""Moving pointers back after a revert: due moves are claimed, carried out over the network, and recorded.

Whatever a registry does or fails to do, the flag stays as the revert left it, and other registries are served at the
same time.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from controller.actors import SYSTEM
from controller.errors import BadConfiguration
from controller.registries import Moved, Outcome, Pointer, Registry, move_pointer
from controller.registry_desk import RegistryDesk
from controller.reverts import announce, bring_forward, note
from controller.rollouts import Clock
from controller.store.changes import Change, record
from controller.store.database import Database, Transaction
from controller.store.incidents import Incident, hold_record, incident_by_id
from controller.store.pointer_moves import (
    MoveClaim,
    StoredMove,
    any_move_due,
    change_move,
    claim_moves,
    claimed_move,
)
from controller.store.registries import StoredRegistry, find_registry
from stages import MoveStatus, pause_s

log = logging.getLogger(__name__)

MOVE_EVERY_S = 1.0
"""How often due moves are looked for."""

_AT_ONCE = 8
_CALLS = 3
"""A move is a read, a write and a read again."""
_LONGEST_WAIT_S = 3600
"""The most that a registry can ask to be left alone for."""


@dataclass(frozen=True, slots=True)
class _Task:
    """A move that was claimed, and all that is needed to carry it out."""

    claim: MoveClaim
    stored: StoredMove
    incident: Incident
    registry: StoredRegistry | None


class Restoring:
    """Carries out the pointer moves that are due. ``deadline_s`` is how long one call to a registry may take."""

    def __init__(
        self, database: Database, desk: RegistryDesk, now: Clock, *, lease_s: float, deadline_s: float
    ) -> None:
        self._database = database
        self._desk = desk
        self._now = now
        self._lease_s = lease_s
        self._deadline_s = min(_CALLS * deadline_s, lease_s)

    def run(self) -> None:
        """Carry out what is due, several at once: a registry that hangs keeps no other one waiting."""
        with self._database.read() as tx:
            if not any_move_due(tx, self._now()):
                return
        with self._database.write() as tx:
            claims = claim_moves(tx, self._now(), self._lease_s, _AT_ONCE)
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="pointer-move") as threads:
            list(threads.map(self._carry_out, claims))

    def _carry_out(self, claim: MoveClaim) -> None:
        try:
            with self._database.read() as tx:
                task = _task(tx, claim)
            if task is not None:
                moved = self._moved(task)
                with self._database.write() as tx:
                    self._write(tx, task, moved)
        except Exception:
            # The lease runs out and the move is tried again; the others go on.
            log.exception("the pointer move of %s failed", claim)

    def _moved(self, task: _Task) -> Moved:
        """What became of the move. Nothing is open in the database meanwhile."""
        if task.registry is None:
            return _failed(f"there is no registry {task.stored.move.place.registry!r} in this project")
        try:
            registry = self._desk.adapter(task.registry)
            return self._move(registry, task.stored)
        except BadConfiguration as bad:
            return _failed(f"the registry cannot be used: {bad}")
        except Exception as error:
            # A registry promises not to raise anything else. One that does must not be tried without a pause.
            log.exception("registry %s failed", task.registry.key)
            return _failed(f"the registry failed: {type(error).__name__}")

    def _move(self, registry: Registry, stored: StoredMove) -> Moved:
        """Move from where the pointer is expected; if it is where an earlier revert may have left it, from there."""
        move = stored.move
        pointer, half = Pointer(move.place.name, move.place.pointer), self._deadline_s / 2
        moved = move_pointer(
            registry,
            pointer,
            expected=move.expected,
            target=move.target,
            deadline_s=half if move.also else self._deadline_s,
            force=stored.force,
        )
        if moved.outcome is Outcome.CONFLICT and moved.now in move.also:
            return move_pointer(registry, pointer, expected=moved.now, target=move.target, deadline_s=half)
        return moved

    def _write(self, tx: Transaction, task: _Task, moved: Moved) -> None:
        incident, now = task.incident, self._now()
        hold_record(tx, incident.project_id)
        if claimed_move(tx, task.claim) is None:
            return
        result, message = _result(task, moved), self._desk.secrets.redact(_message(task, moved))
        number = task.stored.number
        note(tx, incident, "pointer_move", SYSTEM, now, result=result, message=message, number=number)
        if result == Outcome.FAILED:
            change_move(tx, task.stored.id, **_later(task, moved, now), message=message)
            return
        self._settle(tx, task, MoveStatus(result), message, now)

    def _settle(self, tx: Transaction, task: _Task, status: MoveStatus, message: str, now: datetime) -> None:
        stored, incident = task.stored, task.incident
        values: dict[str, Any] = {"status": status.value, "message": message, "attempts": stored.attempts + 1}
        change_move(tx, stored.id, **values, settled_at=now if status.is_settled else None)
        record(tx, _change(task, status, message, now))
        if status is MoveStatus.CONFLICT:
            told = {"pointer_move": stored.number, "pointer": str(stored.move.place), "message": message}
            announce(tx, incident, "incident.pointer_conflict", now, **told)
        bring_forward(tx, incident, now)


def _task(tx: Transaction, claim: MoveClaim) -> _Task | None:
    stored = claimed_move(tx, claim)
    incident = incident_by_id(tx, stored.incident_id) if stored else None
    if stored is None or incident is None:
        return None
    return _Task(claim, stored, incident, find_registry(tx, incident.project_id, stored.move.place.registry))


def _result(task: _Task, moved: Moved) -> str:
    """A dropped candidate leaves a pointer alone that does not stand on its version: users never had it from there."""
    return MoveStatus.UNNEEDED.value if _is_unneeded(task, moved) else moved.outcome.value


def _message(task: _Task, moved: Moved) -> str:
    """What became of a move, in words. Nobody need have moved a pointer that the candidate never had."""
    if not _is_unneeded(task, moved):
        return moved.message
    place, candidate = task.stored.move.place, task.stored.move.expected
    at = f"{place.pointer} of {place.name} is at {moved.now}, not at {candidate} of the candidate that was dropped"
    return f"{at}; it was left there"


def _is_unneeded(task: _Task, moved: Moved) -> bool:
    return moved.outcome is Outcome.CONFLICT and task.incident.was_candidate


def _later(task: _Task, moved: Moved, now: datetime) -> dict[str, Any]:
    attempts = task.stored.attempts + 1
    pause = max(pause_s(attempts, str(task.stored.id)), min(moved.retry_after_s or 0, _LONGEST_WAIT_S))
    return {"attempts": attempts, "due_at": now + timedelta(seconds=pause)}


def _failed(message: str) -> Moved:
    return Moved(Outcome.FAILED, message)


def _change(task: _Task, status: MoveStatus, message: str, now: datetime) -> Change:
    stored, incident = task.stored, task.incident
    move = stored.move
    told = {
        "incident": incident.id,
        "pointer_move": stored.number,
        "registry": move.place.registry,
        "name": move.place.name,
        "pointer": move.place.pointer,
        "target": move.target,
        "result": status.value,
        "forced": stored.force,
    }
    return Change(
        project_id=incident.project_id,
        name="pointer.move",
        actor=SYSTEM,
        at=now,
        feature=incident.feature,
        environment=incident.environment,
        reason=message,
        evidence=told,
    )
