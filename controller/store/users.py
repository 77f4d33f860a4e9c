"""People who sign in to the console, and their sessions."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, update

from controller.store.database import Transaction
from controller.store.tables import sessions, users


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who may sign in."""

    id: int
    email: str
    password_hash: str
    must_change_password: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. ``csrf`` must come back with every form."""

    user: User
    csrf: str


def add_user(tx: Transaction, email: str, password_hash: str, now: datetime, *, must_change: bool) -> None:
    """Add somebody."""
    values = {"email": _address(email), "password_hash": password_hash, "created_at": now}
    tx.execute(insert(users).values(**values, must_change_password=must_change))


def find_user(tx: Transaction, email: str) -> User | None:
    """The user with this address, if there is one."""
    row = tx.execute(select(users).where(users.c.email == _address(email))).one_or_none()
    return User(**row._mapping) if row else None


def any_user(tx: Transaction) -> bool:
    """Whether anybody can sign in."""
    return tx.scalar(select(users.c.id).limit(1)) is not None


def set_password(tx: Transaction, user_id: int, password_hash: str, *, must_change: bool = False) -> None:
    """Give a user another password and end all of their sessions."""
    tx.execute(
        update(users)
        .where(users.c.id == user_id)
        .values(password_hash=password_hash, must_change_password=must_change)
    )
    tx.execute(delete(sessions).where(sessions.c.user_id == user_id))


def open_session(
    tx: Transaction, user_id: int, token: str, csrf: str, now: datetime, until: datetime
) -> None:
    """Record a session; only the hash of its token is kept."""
    tx.execute(delete(sessions).where(sessions.c.expires_at <= now))
    values = {"token_hash": _hash(token), "user_id": user_id, "csrf": csrf}
    tx.execute(insert(sessions).values(**values, created_at=now, expires_at=until))


def find_session(tx: Transaction, token: str, now: datetime) -> Session | None:
    """The living session with this token, if there is one."""
    this = (sessions.c.token_hash == _hash(token), sessions.c.expires_at > now)
    row = tx.execute(
        select(users, sessions.c.csrf).join(sessions, sessions.c.user_id == users.c.id).where(*this)
    ).one_or_none()
    if row is None:
        return None
    fields = dict(row._mapping)
    csrf = fields.pop("csrf")
    return Session(User(**fields), csrf)


def close_session(tx: Transaction, token: str) -> None:
    """End a session."""
    tx.execute(delete(sessions).where(sessions.c.token_hash == _hash(token)))


def _address(email: str) -> str:
    """One spelling for one address: nobody remembers in which case it was first typed."""
    return email.strip().lower()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
