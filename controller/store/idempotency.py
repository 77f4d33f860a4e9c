"""Requests that may be sent twice and must count once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from controller.errors import Conflict
from controller.store.database import Transaction
from controller.store.tables import idempotency


@dataclass(frozen=True, slots=True)
class Once:
    """The key under which an actor sent a request, and the digest of what it asked."""

    actor: str
    key: str
    fingerprint: str


def earlier_result(tx: Transaction, once: Once) -> Mapping[str, Any] | None:
    """What the same request gave before, or None if it is new.

    Raises:
        Conflict: The key was used for another request.
    """
    this = (idempotency.c.actor == once.actor, idempotency.c.key == once.key)
    row = tx.execute(select(idempotency).where(*this)).one_or_none()
    if row is None:
        return None
    if row.fingerprint != once.fingerprint:
        raise Conflict(
            "idempotency_key_reused", f"the key {once.key!r} was used for another request; use a new one"
        )
    return dict(row.result)


def keep_result(tx: Transaction, once: Once, result: Mapping[str, Any], now: datetime) -> None:
    """Remember what a request gave, in the transaction that did it.

    Raises:
        Conflict: The same request, sent at the same moment, has been carried out meanwhile.
    """
    values = {"actor": once.actor, "key": once.key, "fingerprint": once.fingerprint}
    dialect = sqlite if tx.dialect.name == "sqlite" else postgresql
    new = dialect.insert(idempotency).values(**values, result=dict(result), created_at=now)
    if tx.execute(new.on_conflict_do_nothing().returning(idempotency.c.key)).one_or_none() is None:
        detail = (
            f"the request with the key {once.key!r} has just been carried out; send it again for its result"
        )
        raise Conflict("idempotency_key_reused", detail)


def forget_results(tx: Transaction, before: datetime) -> int:
    """Delete results from before an instant."""
    return tx.execute(delete(idempotency).where(idempotency.c.created_at < before)).rowcount
