"""Who evaluates what: the trigger's row is the lock.

A claim is a lease with a fencing number. Whoever still holds the newest number when the evaluation is written has
done it; everybody else has done nothing. A worker that dies leaves a lease that runs out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    tuple_,
    type_coerce,
    update,
)

from controller.store.columns import Instant, microseconds
from controller.store.database import Transaction
from controller.store.tables import rollouts, sources, triggers
from triggers import State

_HIGHEST_FENCE = 2**31 - 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to evaluate one trigger once. ``slot`` is when it fell due."""

    trigger_id: int
    slot: datetime
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What an evaluation leaves in its trigger's row. ``seen``: whether there was something to judge."""

    claim: Claim
    state: State
    verdict: str
    sentence: str
    due_at: datetime
    seen: bool = True


def sources_with_due(tx: Transaction, now: datetime) -> list[int]:
    """The ids of sources for which at least one trigger waits to be evaluated."""
    waits = select(triggers.c.id).where(triggers.c.source_id == sources.c.id, _is_free(now)).exists()
    return list(tx.scalars(select(sources.c.id).where(waits)))


def oldest_due(tx: Transaction, now: datetime) -> datetime | None:
    """When the trigger that waits longest fell due."""
    mine = (triggers.c.source_id == sources.c.id, triggers.c.broken.is_(None), triggers.c.due_at <= now)
    # By source, because the index goes by it.
    first = select(func.min(triggers.c.due_at)).where(*mine).correlate(sources).scalar_subquery()
    firsts = select(first.label("due_at")).select_from(sources).subquery()
    oldest = tx.scalar(select(func.min(firsts.c.due_at)))
    return oldest if isinstance(oldest, datetime) else None


def bring_back(tx: Transaction, now: datetime, lease_s: float) -> None:
    """Make due at once what is due later than it can be, and let no lease last longer than one can.

    Both is so only after a clock was set back.
    """
    latest = microseconds(now) + cast(triggers.c.interval_s, BigInteger) * 1_000_000
    ahead = type_coerce(triggers.c.due_at, BigInteger) > latest
    tx.execute(update(triggers).where(ahead).values(due_at=now))
    longest = now + timedelta(seconds=lease_s)
    tx.execute(update(triggers).where(triggers.c.lease_until > longest).values(lease_until=longest))


def claim(tx: Transaction, source_id: int, now: datetime, lease_s: float, limit: int) -> list[Claim]:
    """Take up to ``limit`` due triggers of a source, the longest waiting first."""
    waiting = select(triggers.c.id).where(_is_free(now), triggers.c.source_id == source_id)
    # As a common table expression it runs once; PostgreSQL may run a plain subquery again and lock more than the limit.
    chosen = waiting.order_by(triggers.c.due_at).limit(limit).with_for_update(skip_locked=True).cte("chosen")
    taken = (
        update(triggers)
        .where(triggers.c.id.in_(select(chosen.c.id)))
        .values(lease_until=now + timedelta(seconds=lease_s), fence=next_fence())
        .returning(triggers.c.id, triggers.c.due_at, triggers.c.fence)
    )
    # A slot that is no instant does not harm the others; what is wrong with its row is found out when it is evaluated.
    claims = [
        Claim(
            trigger_id=row.id, slot=row.due_at if isinstance(row.due_at, datetime) else now, fence=row.fence
        )
        for row in tx.execute(taken)
    ]
    return sorted(claims, key=lambda claim: claim.slot)


def hold(tx: Transaction, claims: Sequence[Claim]) -> dict[Claim, tuple[object, object]]:
    """The claims that still hold, each with the stable and the candidate release of its rollout as they stand.

    The rows of the triggers are locked until the transaction ends, in one order.
    """
    by_key = {(claim.trigger_id, claim.fence): claim for claim in claims}
    mine = (
        select(triggers.c.id, triggers.c.fence, rollouts.c.stable, rollouts.c.candidate)
        .join(rollouts, rollouts.c.id == triggers.c.rollout_id)
        .where(tuple_(triggers.c.id, triggers.c.fence).in_(by_key))
        .order_by(triggers.c.id)
        .with_for_update(of=triggers)
    )
    return {by_key[row.id, row.fence]: (row.stable, row.candidate) for row in tx.execute(mine)}


def settle(tx: Transaction, settlements: Sequence[Settlement], now: datetime) -> None:
    """Write evaluations and give their triggers back; where a claim has passed to somebody else, nothing is written."""
    mine = triggers.c.id == bindparam("trigger"), triggers.c.fence == bindparam("held")
    rows = [
        {
            "trigger": each.claim.trigger_id,
            "held": each.claim.fence,
            "state": each.state.to_json(),
            "verdict": each.verdict,
            "sentence": each.sentence,
            "due_at": each.due_at,
            "seen": each.seen,
        }
        for each in settlements
    ]
    seen_at = case((bindparam("seen", type_=Boolean), literal(now, Instant)), else_=triggers.c.seen_at)
    values = {"evaluated_at": now, "lease_until": None, "seen_at": seen_at}
    tx.execute(update(triggers).where(*mine).values(**values), rows)


def set_aside(tx: Transaction, claim: Claim, why: str) -> None:
    """Stop claiming a trigger that cannot be evaluated, and say why."""
    tx.execute(update(triggers).where(*_mine(claim)).values(broken=why, lease_until=None))


def give_back(tx: Transaction, claim: Claim, due_at: datetime) -> None:
    """Let the trigger be claimed again at ``due_at``, without an evaluation."""
    tx.execute(update(triggers).where(*_mine(claim)).values(lease_until=None, due_at=due_at))


def next_fence() -> ColumnElement[int]:
    """The number after the present one. One that is out of range begins anew, so that it blocks no other row."""
    return case((triggers.c.fence.between(0, _HIGHEST_FENCE), triggers.c.fence + 1), else_=1)


def next_slot(slot: datetime, interval_s: int, now: datetime) -> tuple[datetime, int]:
    """The first slot after ``now`` on the trigger's own grid, and how many slots before it were missed."""
    interval = timedelta(seconds=interval_s)
    passed = max(0, (now - slot) // interval)
    return slot + (passed + 1) * interval, passed


def _is_free(now: datetime) -> ColumnElement[bool]:
    unleased = or_(triggers.c.lease_until.is_(None), triggers.c.lease_until <= now)
    return and_(triggers.c.broken.is_(None), triggers.c.due_at <= now, unleased)


def _mine(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return triggers.c.id == claim.trigger_id, triggers.c.fence == claim.fence
