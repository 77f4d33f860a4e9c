"""Pointer moves as they are stored, and who carries them out: the row is the lock, as with triggers.

A claim is a lease with a fencing number. Whoever still holds the newest number when the result is written has done
it. A worker that dies leaves a lease that runs out, and the next one begins with a look at where the pointer is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, insert, or_, select, update

from controller.errors import NotFound
from controller.store.columns import texts
from controller.store.database import Transaction
from controller.store.tables import features, incidents, pointer_moves, rollouts
from stages import MoveStatus, Place, PointerMove

_HIGHEST = 2**31 - 2


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMove:
    """A pointer move of an incident; ``number`` counts them from 1.

    ``message`` is what the last attempt said. ``force``: it moves from wherever the pointer is.
    """

    id: int
    incident_id: int
    number: int
    move: PointerMove
    status: MoveStatus
    force: bool
    attempts: int
    message: str
    due_at: datetime | None
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class MoveClaim:
    """The right to carry out one pointer move once."""

    id: int
    fence: int


def add_moves(tx: Transaction, incident_id: int, moves: Sequence[PointerMove], now: datetime) -> None:
    """Add the moves of an incident; they are due at once, but for those that a person has to make."""
    rows = [_row(incident_id, number, move, now) for number, move in enumerate(moves, start=1)]
    if rows:
        tx.execute(insert(pointer_moves), rows)


def moves_of(tx: Transaction, incident_id: int) -> list[StoredMove]:
    """The pointer moves of an incident, by their numbers."""
    mine = select(pointer_moves).where(pointer_moves.c.incident_id == incident_id)
    return [_move(row) for row in tx.execute(mine.order_by(pointer_moves.c.number))]


def get_move(tx: Transaction, incident_id: int, number: int) -> StoredMove:
    """One pointer move of an incident, or NotFound."""
    found = [move for move in moves_of(tx, incident_id) if move.number == number]
    if not found:
        raise NotFound("pointer move", str(number))
    return found[0]


def unfinished_moves(tx: Transaction, rollout_id: int) -> list[StoredMove]:
    """The moves that reverts of a rollout have not got done with, oldest first."""
    mine = select(pointer_moves).join(incidents, incidents.c.id == pointer_moves.c.incident_id)
    rows = tx.execute(mine.where(incidents.c.rollout_id == rollout_id).order_by(pointer_moves.c.id))
    return [move for move in map(_move, rows) if not move.status.is_settled]


def has_open_moves(tx: Transaction, project_id: int, registry: str) -> bool:
    """Whether something is left to do about pointers of a registry, for a worker or for a person."""
    mine = (
        select(pointer_moves)
        .join(incidents, incidents.c.id == pointer_moves.c.incident_id)
        .join(rollouts, rollouts.c.id == incidents.c.rollout_id)
        .join(features, features.c.id == rollouts.c.feature_id)
        .where(features.c.project_id == project_id, pointer_moves.c.registry == registry)
    )
    rows = tx.execute(mine)
    return any(not move.status.is_settled for move in map(_move, rows))


def any_move_due(tx: Transaction, now: datetime) -> bool:
    """Whether there is a move that somebody could carry out now."""
    return tx.scalar(select(pointer_moves.c.id).where(_is_free(now)).limit(1)) is not None


def claim_moves(tx: Transaction, now: datetime, lease_s: float, limit: int) -> list[MoveClaim]:
    """Take up to ``limit`` moves that are due, the longest waiting first."""
    waiting = select(pointer_moves.c.id).where(_is_free(now)).order_by(pointer_moves.c.due_at).limit(limit)
    # As a common table expression it runs once; PostgreSQL may run a plain subquery again and lock more than the limit.
    chosen = waiting.with_for_update(skip_locked=True).cte("chosen")
    taken = (
        update(pointer_moves)
        .where(pointer_moves.c.id.in_(select(chosen.c.id)))
        .values(lease_until=now + timedelta(seconds=lease_s), fence=_next_fence())
        .returning(pointer_moves.c.id, pointer_moves.c.fence)
    )
    return [MoveClaim(row.id, row.fence) for row in tx.execute(taken)]


def claimed_move(tx: Transaction, claim: MoveClaim) -> StoredMove | None:
    """The move of a claim; None if the claim has passed to somebody else."""
    this = (pointer_moves.c.id == claim.id, pointer_moves.c.fence == claim.fence)
    row = tx.execute(select(pointer_moves).where(*this)).one_or_none()
    return _move(row) if row else None


def change_move(tx: Transaction, id: int, **values: Any) -> None:
    """Write what is now known of a move. Whatever is under way about it counts for nothing any more."""
    this = update(pointer_moves).where(pointer_moves.c.id == id)
    tx.execute(this.values(fence=_next_fence(), lease_until=None, **values))


def settle_moves(
    tx: Transaction, ids: Iterable[int], status: MoveStatus, message: str, now: datetime
) -> None:
    """Let nothing more be done about these moves."""
    for id in ids:
        change_move(tx, id, status=status.value, message=message, settled_at=now)


def _row(incident_id: int, number: int, move: PointerMove, now: datetime) -> dict[str, Any]:
    return {
        "incident_id": incident_id,
        "number": number,
        "registry": move.place.registry,
        "name": move.place.name,
        "pointer": move.place.pointer,
        "expected": move.expected,
        "also": list(move.also),
        "target": move.target,
        "status": (MoveStatus.PENDING if move.target else MoveStatus.MANUAL).value,
        "due_at": now,
    }


def _move(row: Row[Any]) -> StoredMove:
    """A move; one whose status cannot be read waits for a person."""
    known = row.status in list(MoveStatus)
    place = Place(str(row.registry), str(row.name), str(row.pointer))
    return StoredMove(
        id=row.id,
        incident_id=row.incident_id,
        number=row.number,
        move=PointerMove(place, str(row.expected), str(row.target), _also(row.also)),
        status=MoveStatus(row.status) if known else MoveStatus.CONFLICT,
        force=bool(row.force),
        attempts=row.attempts if isinstance(row.attempts, int) else 0,
        message=str(row.message),
        due_at=row.due_at if isinstance(row.due_at, datetime) else None,
        settled_at=row.settled_at if isinstance(row.settled_at, datetime) else None,
    )


def _also(stored: object) -> tuple[str, ...]:
    try:
        return tuple(texts(stored))
    except TypeError:
        return ()


def _is_free(now: datetime) -> ColumnElement[bool]:
    unleased = or_(pointer_moves.c.lease_until.is_(None), pointer_moves.c.lease_until <= now)
    return and_(pointer_moves.c.status == MoveStatus.PENDING.value, pointer_moves.c.due_at <= now, unleased)


def _next_fence() -> ColumnElement[int]:
    return case((pointer_moves.c.fence.between(0, _HIGHEST), pointer_moves.c.fence + 1), else_=1)
