"""People who sign in to the console, and their sessions."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, or_, select, update

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
    is_admin: bool
    """Whether everything is open to them, because somebody here said so."""
    admin_by_group: bool
    """The same, because a group of the identity provider says so."""
    subject: str
    """What the identity provider calls them; empty for those who sign in with a password alone."""
    let_in_by: str
    """Who gave them their last one-time password; empty if that was nobody who could use it."""
    last_sign_in_at: datetime | None
    deactivated_at: datetime | None

    @property
    def runs_installation(self) -> bool:
        """Whether everything is open to them."""
        return self.is_admin or self.admin_by_group

    @property
    def actor(self) -> str:
        """How the record of changes names them."""
        return f"user:{self.email}"


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. ``csrf`` must come back with every form."""

    user: User
    csrf: str


def add_user(
    tx: Transaction,
    email: str,
    password_hash: str,
    now: datetime,
    *,
    must_change: bool,
    is_admin: bool = False,
    let_in_by: str = "",
    subject: str = "",
) -> None:
    """Add somebody, who sees no project yet unless everything is open to them.

    An empty ``password_hash`` is that of no password.
    """
    values = {"email": _address(email), "password_hash": password_hash, "created_at": now}
    told = {"is_admin": is_admin, "let_in_by": let_in_by, "subject": subject}
    tx.execute(insert(users).values(**values, **told, must_change_password=must_change))


def find_user(tx: Transaction, email: str) -> User | None:
    """The user with this address, if there is one."""
    row = tx.execute(select(users).where(users.c.email == _address(email))).one_or_none()
    return User(**row._mapping) if row else None


def user_by_subject(tx: Transaction, subject: str) -> User | None:
    """The user that the identity provider calls so, if there is one."""
    row = tx.execute(select(users).where(users.c.subject == subject, users.c.subject != "")).one_or_none()
    return User(**row._mapping) if row else None


def users_by_id(tx: Transaction, ids: Collection[int]) -> dict[int, User]:
    """Users by their ids."""
    return {row.id: User(**row._mapping) for row in tx.execute(select(users).where(users.c.id.in_(ids)))}


def all_users(tx: Transaction) -> list[User]:
    """Everybody who was ever let in, by their addresses."""
    return [User(**row._mapping) for row in tx.execute(select(users).order_by(users.c.email))]


def admins(tx: Transaction) -> list[User]:
    """Everybody to whom everything is open, and who can sign in, by their addresses."""
    mine = (or_(users.c.is_admin, users.c.admin_by_group), users.c.deactivated_at.is_(None))
    return [User(**row._mapping) for row in tx.execute(select(users).where(*mine).order_by(users.c.email))]


def lock_admins(tx: Transaction) -> list[User]:
    """Those to whom everything is open because somebody here said so, and who can sign in; nobody else changes them."""
    mine = (users.c.is_admin, users.c.deactivated_at.is_(None))
    return [User(**row._mapping) for row in tx.execute(select(users).where(*mine).with_for_update())]


def any_user(tx: Transaction) -> bool:
    """Whether anybody can sign in."""
    return tx.scalar(select(users.c.id).limit(1)) is not None


def set_password(
    tx: Transaction,
    user_id: int,
    password_hash: str,
    *,
    must_change: bool = False,
    let_in_by: str | None = None,
) -> None:
    """Give a user another password and end all of their sessions.

    ``let_in_by`` is who has seen it, or nobody; None: they chose it, and whoever let them in stays who did.
    """
    values: dict[str, Any] = {"password_hash": password_hash, "must_change_password": must_change}
    if let_in_by is not None:
        values["let_in_by"] = let_in_by
    change_user(tx, user_id, **values)
    end_sessions(tx, user_id)


def change_user(tx: Transaction, user_id: int, **values: Any) -> None:
    """Change what is known of a user; the names are those of the columns."""
    tx.execute(update(users).where(users.c.id == user_id).values(**values))


def end_sessions(tx: Transaction, user_id: int) -> None:
    """Sign a user out everywhere."""
    tx.execute(delete(sessions).where(sessions.c.user_id == user_id))


def open_session(
    tx: Transaction, user_id: int, token: str, csrf: str, now: datetime, until: datetime
) -> None:
    """Record a session; only the hash of its token is kept."""
    tx.execute(delete(sessions).where(sessions.c.expires_at <= now))
    change_user(tx, user_id, last_sign_in_at=now)
    values = {"token_hash": _hash(token), "user_id": user_id, "csrf": csrf}
    tx.execute(insert(sessions).values(**values, created_at=now, expires_at=until))


def find_session(tx: Transaction, token: str, now: datetime) -> Session | None:
    """The living session with this token, if there is one."""
    this = (
        sessions.c.token_hash == _hash(token),
        sessions.c.expires_at > now,
        users.c.deactivated_at.is_(None),
    )
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
