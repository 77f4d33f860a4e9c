"""How far ramps have come, and for how long releases have served without a breach."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, or_, select, update

from controller.store.columns import readable_instant, texts, typed
from controller.store.database import Transaction
from controller.store.tables import (
    environments,
    features,
    ramps,
    readings,
    releases,
    rollouts,
    servings,
    triggers,
)
from stages import EXPOSED, Approval, Credit, Goodness, Mode, Ramp, RampState
from triggers import Arming, Verdict

_MICROSECOND = timedelta(microseconds=1)
_LATE_SLOT = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """For how long one release of a rollout has served without a breach."""

    rollout_id: int
    release: str
    good: Credit


def running_ramps(tx: Transaction) -> list[int]:
    """The ids of the rollouts whose ramp goes on by itself."""
    running = select(ramps.c.rollout_id).where(ramps.c.state == RampState.RUNNING.value)
    return list(tx.scalars(running.order_by(ramps.c.rollout_id)))


def ramp_of(tx: Transaction, rollout_id: int) -> Ramp | None:
    """The ramp of a rollout, or None if it never had one. One that cannot be read is off, and says so."""
    row = tx.execute(select(ramps).where(ramps.c.rollout_id == rollout_id)).one_or_none()
    if row is None:
        return None
    try:
        return _ramp(row)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        credit = Credit(counted_at=readable_instant(row.counted_at))
        why = f"its row in the database cannot be read: {error}"[:500]
        since = readable_instant(row.step_since)
        return Ramp(
            state=RampState.OFF, why=why, started_by="", release=None, step_since=since, credit=credit
        )


def keep_ramp(tx: Transaction, rollout_id: int, ramp: Ramp) -> None:
    """Write how far a ramp has come. The rollout is locked by whoever calls."""
    values = {
        "state": ramp.state.value,
        "why": ramp.why,
        "started_by": ramp.started_by,
        "release": ramp.release,
        "step_since": ramp.step_since,
        "credited_us": ramp.credit.earned // _MICROSECOND,
        "counted_at": ramp.credit.counted_at,
        "held": ramp.credit.held,
        "approvals": [{"actor": approval.actor, "seen": approval.seen} for approval in ramp.approvals],
    }
    this = update(ramps).where(ramps.c.rollout_id == rollout_id)
    if not tx.execute(this.values(**values)).rowcount:
        tx.execute(insert(ramps).values(rollout_id=rollout_id, **values))


def rollouts_on_probation(tx: Transaction) -> list[int]:
    """The ids of the rollouts that serve a release nobody knows enough about, or did so when it was counted last.

    Of a candidate it is never known how long it has served here, whatever is known of it otherwise.
    """
    unknown = releases.c.verdict == Goodness.UNKNOWN.value
    served = or_(
        (releases.c.public_id == rollouts.c.stable) & unknown, releases.c.public_id == rollouts.c.candidate
    )
    live = (
        select(rollouts.c.id)
        .join(features, features.c.id == rollouts.c.feature_id)
        .join(releases, releases.c.feature_id == rollouts.c.feature_id)
        .join(environments, environments.c.id == rollouts.c.environment_id)
        .where(
            served,
            rollouts.c.stage.in_([stage.value for stage in EXPOSED]),
            rollouts.c.mode == Mode.LIVE.value,
            features.c.deleted_at.is_(None),
            # Where nothing is asked for, nothing is proved.
            environments.c.protected.is_(True),
        )
    )
    counted = select(servings.c.rollout_id).where(servings.c.held.is_(True))
    return sorted({*tx.scalars(live), *tx.scalars(counted)})


def servings_of(tx: Transaction, rollout_id: int) -> list[Serving]:
    """The releases of a rollout that were counted."""
    rows = tx.execute(select(servings).where(servings.c.rollout_id == rollout_id).order_by(servings.c.id))
    return [
        Serving(rollout_id=row.rollout_id, release=row.release, good=_credit(row.good_us, row))
        for row in rows
    ]


def keep_serving(tx: Transaction, serving: Serving) -> None:
    """Write for how long a release has served. The rollout is locked by whoever calls."""
    values = {
        "good_us": serving.good.earned // _MICROSECOND,
        "counted_at": serving.good.counted_at,
        "held": serving.good.held,
    }
    this = (servings.c.rollout_id == serving.rollout_id, servings.c.release == serving.release)
    if not tx.execute(update(servings).where(*this).values(**values)).rowcount:
        new = {"rollout_id": serving.rollout_id, "release": serving.release}
        tx.execute(insert(servings).values(**new, **values))


def drop_servings(tx: Transaction, rollout_id: int, kept: Iterable[str]) -> None:
    """Forget the releases of a rollout that are not ``kept``: whatever is known of them begins anew."""
    others = (servings.c.rollout_id == rollout_id, servings.c.release.not_in(list(kept)))
    tx.execute(delete(servings).where(*others))


def unknown_releases(tx: Transaction, feature_id: int) -> set[str]:
    """The ids of the releases of a feature of which neither good nor bad is known."""
    unknown = (releases.c.feature_id == feature_id, releases.c.verdict == Goodness.UNKNOWN.value)
    return set(tx.scalars(select(releases.c.public_id).where(*unknown)))


def find_good(tx: Transaction, feature_id: int, release: str, reason: str) -> bool:
    """Let a release be good, unless somebody judged it meanwhile; whether it became so."""
    this = (
        releases.c.feature_id == feature_id,
        releases.c.public_id == release,
        releases.c.verdict == Goodness.UNKNOWN.value,
        releases.c.blocked_at.is_(None),
    )
    values = {"verdict": Goodness.GOOD.value, "verdict_reason": reason}
    return bool(tx.execute(update(releases).where(*this).values(**values)).rowcount)


def breached_since(tx: Transaction, rollout_id: int, since: datetime) -> bool:
    """Whether an armed trigger of a rollout was in breach after an instant."""
    breach = (
        triggers.c.rollout_id == rollout_id,
        triggers.c.arming != Arming.SHADOW.value,
        # The slot is what rows are found by; an evaluation is seldom much later than its slot.
        readings.c.slot > since - _LATE_SLOT,
        readings.c.evaluated_at > since,
        readings.c.verdict == Verdict.BREACH.value,
    )
    found = (
        select(readings.c.id).join(triggers, triggers.c.id == readings.c.trigger_id).where(*breach).limit(1)
    )
    return tx.scalar(found) is not None


def _ramp(row: Row[Any]) -> Ramp:
    return Ramp(
        state=RampState(row.state),
        why=row.why,
        started_by=typed(str, row.started_by),
        release=None if row.release is None else typed(str, row.release),
        step_since=typed(datetime, row.step_since),
        credit=_credit(row.credited_us, row),
        approvals=tuple(_approval(stored) for stored in typed(list, row.approvals)),
    )


def _approval(stored: Any) -> Approval:
    actor, seen = texts([stored["actor"], stored["seen"]])
    return Approval(actor, seen)


def _credit(microseconds: object, row: Row[Any]) -> Credit:
    return Credit(
        earned=typed(int, microseconds) * _MICROSECOND,
        counted_at=typed(datetime, row.counted_at),
        held=typed(bool, row.held),
    )
