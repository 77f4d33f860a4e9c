"""Stages that were entered without what they ask for, in an emergency and for a while."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, or_, select, update

from controller.actors import Actor
from controller.errors import NotFound
from controller.store.columns import readable_instant
from controller.store.database import Transaction
from controller.store.outbox import put
from controller.store.rollouts import StoredRollout, exposure_from_json, exposure_to_json
from controller.store.tables import break_glasses
from stages import NOBODY, Exposure, Refusal, Stage

_LADDER = (Stage.STOPPED, Stage.READINESS, Stage.BETA, Stage.PILOT, Stage.SCALED)


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakGlass:
    """A stage that ``actor`` entered at ``opened_at``, to leave it again at ``until``.

    ``skipped`` are the reasons against it that did not count: code, field and message of each. ``from_stage``,
    ``from_since`` and ``from_exposure`` tell where the rollout was before. ``ended_how`` is ``expired``,
    ``regularise`` or the move that led out of the stage.
    """

    id: int
    rollout_id: int
    actor: str
    reason: str
    skipped: tuple[Mapping[str, str], ...]
    from_stage: Stage
    from_since: datetime
    from_exposure: Exposure
    to_stage: Stage
    opened_at: datetime
    until: datetime
    ended_at: datetime | None
    ended_how: str
    ended_by: str
    reviewed_by: str | None
    reviewed_at: datetime | None
    review: str

    @property
    def is_running(self) -> bool:
        """Whether the rollout is where it is because of this."""
        return self.ended_at is None

    @property
    def is_reviewed(self) -> bool:
        """Whether somebody else has looked at it."""
        return self.reviewed_at is not None


def is_below(stage: Stage, other: Stage) -> bool:
    """Whether a stage comes before another one on the way up; stopped comes before all."""
    return _LADDER.index(stage) < _LADDER.index(other)


def add_break_glass(
    tx: Transaction,
    before: StoredRollout,
    *,
    actor: str,
    reason: str,
    skipped: Iterable[Refusal],
    to_stage: Stage,
    opened_at: datetime,
    until: datetime,
) -> BreakGlass:
    """Record that a rollout enters a stage; ``before`` is how it stands until then."""
    rollout = before.rollout
    values = {
        "rollout_id": before.id,
        "actor": actor,
        "reason": reason,
        "skipped": [{"code": each.code, "field": each.field, "message": each.message} for each in skipped],
        "from_stage": rollout.stage.value,
        "from_since": rollout.stage_since,
        "from_exposure": exposure_to_json(rollout.exposure),
        "to_stage": to_stage.value,
        "opened_at": opened_at,
        "until": until,
    }
    return _glass(tx.execute(insert(break_glasses).values(**values).returning(break_glasses)).one())


def get_break_glass(tx: Transaction, rollout_id: int, id: int) -> BreakGlass:
    """One of a rollout, or NotFound."""
    this = select(break_glasses).where(break_glasses.c.rollout_id == rollout_id, break_glasses.c.id == id)
    row = tx.execute(this).one_or_none()
    if row is None:
        raise NotFound("break-glass", str(id))
    return _glass(row)


def break_glasses_of(
    tx: Transaction, rollout_id: int, after: int = 0, limit: int = 1_000_000
) -> list[BreakGlass]:
    """Those of a rollout, oldest first."""
    page = select(break_glasses).where(break_glasses.c.rollout_id == rollout_id, break_glasses.c.id > after)
    return [_glass(row) for row in tx.execute(page.order_by(break_glasses.c.id).limit(limit))]


def open_break_glass(tx: Transaction, rollout_id: int) -> BreakGlass | None:
    """The newest of a rollout that is still running or was not reviewed; None if all are over and reviewed."""
    return open_break_glasses(tx, [rollout_id]).get(rollout_id)


def open_break_glasses(tx: Transaction, rollout_ids: Iterable[int]) -> dict[int, BreakGlass]:
    """The same for many rollouts at once, by their ids."""
    unsettled = or_(break_glasses.c.ended_at.is_(None), break_glasses.c.reviewed_at.is_(None))
    found = select(break_glasses).where(break_glasses.c.rollout_id.in_(list(rollout_ids)), unsettled)
    return {row.rollout_id: _glass(row) for row in tx.execute(found.order_by(break_glasses.c.id))}


def unreviewed(tx: Transaction, rollout_id: int) -> list[int]:
    """The ids of those that nobody has reviewed."""
    open_ = (break_glasses.c.rollout_id == rollout_id, break_glasses.c.reviewed_at.is_(None))
    return list(tx.scalars(select(break_glasses.c.id).where(*open_).order_by(break_glasses.c.id)))


def overdue(tx: Transaction, now: datetime) -> list[tuple[int, int]]:
    """Those that run past their time, the longest first: the id of the rollout and their own."""
    late = (break_glasses.c.ended_at.is_(None), break_glasses.c.until <= now)
    found = select(break_glasses.c.rollout_id, break_glasses.c.id).where(*late)
    return [(row.rollout_id, row.id) for row in tx.execute(found.order_by(break_glasses.c.until))]


def end_break_glass(
    tx: Transaction, stored: StoredRollout, glass: BreakGlass, how: str, actor: Actor, now: datetime
) -> bool:
    """Note that it is over, and announce it; False if it was over before."""
    this = (break_glasses.c.id == glass.id, break_glasses.c.ended_at.is_(None))
    ended = update(break_glasses).where(*this).values(ended_at=now, ended_how=how, ended_by=actor.name)
    if not tx.execute(ended).rowcount:
        return False
    told = announcement(stored, glass) | {"how": how, "by": actor.name, "at": now.isoformat()}
    put(tx, stored.project_id, "break_glass.ended", told, now)
    return True


def end_those_left(
    tx: Transaction, stored: StoredRollout, stage: Stage, how: str, actor: Actor, now: datetime
) -> None:
    """End what ran for stages above the one that the rollout is in now."""
    running = (break_glasses.c.rollout_id == stored.id, break_glasses.c.ended_at.is_(None))
    for row in tx.execute(select(break_glasses).where(*running).order_by(break_glasses.c.id)).all():
        glass = _glass(row)
        if is_below(stage, glass.to_stage):
            end_break_glass(tx, stored, glass, how, actor, now)


def review_break_glass(tx: Transaction, id: int, by: str, review: str, now: datetime) -> None:
    """Note what somebody found who looked at it."""
    values = {"reviewed_by": by, "reviewed_at": now, "review": review}
    tx.execute(update(break_glasses).where(break_glasses.c.id == id).values(**values))


def announcement(stored: StoredRollout, glass: BreakGlass) -> dict[str, Any]:
    """What is told to the outside: who entered which stage, why, until when, and what was skipped."""
    return {
        "break_glass": glass.id,
        "feature": stored.rollout.feature,
        "environment": stored.rollout.environment,
        "actor": glass.actor,
        "reason": glass.reason,
        "from_stage": glass.from_stage.value,
        "to_stage": glass.to_stage.value,
        "until": glass.until.isoformat(),
        "skipped": [dict(each) for each in glass.skipped],
    }


def _glass(row: Row[Any]) -> BreakGlass:
    """What cannot be read of it counts as the least: the lowest stage, nobody, the earliest time."""
    readable = {
        "skipped": _skipped(row.skipped),
        "from_stage": _stage(row.from_stage),
        "from_since": readable_instant(row.from_since),
        "from_exposure": _exposure(row.from_exposure),
        "to_stage": _stage(row.to_stage),
        "opened_at": readable_instant(row.opened_at),
        "until": readable_instant(row.until),
        "ended_at": None if row.ended_at is None else readable_instant(row.ended_at),
        "reviewed_at": None if row.reviewed_at is None else readable_instant(row.reviewed_at),
    }
    return BreakGlass(**{**row._mapping, **readable})


def _stage(stored: object) -> Stage:
    return Stage(str(stored)) if stored in list(Stage) else Stage.READINESS


def _exposure(stored: Any) -> Exposure:
    try:
        return exposure_from_json(stored)
    except (ValueError, TypeError, LookupError):
        return NOBODY


def _skipped(stored: object) -> tuple[Mapping[str, str], ...]:
    return tuple(each for each in stored if isinstance(each, dict)) if isinstance(stored, list) else ()
