"""API keys: shown once, stored as keyed hashes."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import insert, or_, select, update

from controller.errors import InvalidInput, NotFound, Problem
from controller.permissions import Role, roles_from
from controller.store.announcements import KEYS, announce
from controller.store.database import Transaction
from controller.store.tables import api_keys


class KeyKind(StrEnum):
    """What a key opens."""

    ADMIN = "admin"
    """The API: of one project, as far as its roles go, or of all projects."""
    SERVER = "server"
    """The flags of one environment, with their rules."""
    CLIENT = "client"
    """What one user sees of the flags of one environment that are marked as client-visible; never a rule."""

    @property
    def is_of_environment(self) -> bool:
        """Whether keys of this kind belong to one environment, and open nothing but its flags."""
        return self is not KeyKind.ADMIN


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as it is known here: everything but its secret."""

    id: str
    kind: KeyKind
    name: str
    project_id: int | None
    environment_id: int | None
    may_break_glass: bool
    roles: tuple[Role, ...]
    """What an admin key lets its holder do in its project; for one of the installation everything is open."""
    created_by: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    expires_at: datetime | None
    """From when on it opens nothing; None: it goes on."""

    def has_expired(self, now: datetime) -> bool:
        """Whether it opens nothing any more, because its time is over."""
        return _is_over(self.expires_at, now)


_FORM = re.compile(r"hg_(admin|server|client)_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_PUBLIC = [column for column in api_keys.c if column.name != "secret_hash"]
_USED_EVERY = timedelta(minutes=1)


def new_secret(kind: KeyKind) -> str:
    """A fresh key: 256 random bits behind a public id."""
    return f"hg_{kind}_{secrets.token_hex(6)}_{secrets.token_urlsafe(32)}"


def is_key(text: str) -> bool:
    """Whether a text has the form of a key."""
    return _FORM.fullmatch(text) is not None


def add_key(
    tx: Transaction,
    text: str,
    pepper: str,
    *,
    name: str,
    by: str,
    now: datetime,
    project_id: int | None = None,
    environment_id: int | None = None,
    may_break_glass: bool = False,
    roles: Collection[Role] = (),
    expires_at: datetime | None = None,
) -> ApiKey:
    """Record a key made by `new_secret`; one with a known id stays as it is but for its secret.

    Raises:
        ValueError: The text does not have the form of a key.
    """
    kind, id, secret = _parts(text)
    if not tx.scalar(select(api_keys.c.id).where(api_keys.c.id == id)):
        values = {"id": id, "kind": kind, "name": name, "created_by": by, "created_at": now}
        owner = {
            "project_id": project_id,
            "environment_id": environment_id,
            "may_break_glass": may_break_glass,
            "roles": [role.value for role in roles],
            "expires_at": expires_at,
        }
        tx.execute(insert(api_keys).values(**values, **owner, secret_hash=_hash(secret, pepper)))
    else:
        # The pepper may have been changed since; whoever may set the key itself may set its hash.
        tx.execute(update(api_keys).where(api_keys.c.id == id).values(secret_hash=_hash(secret, pepper)))
    announce(tx, KEYS)
    return _key(tx.execute(select(*_PUBLIC).where(api_keys.c.id == id)).one())


@dataclass(frozen=True, slots=True)
class Lock:
    """A living key, as a process keeps it in memory: enough to know it again, not to make it."""

    id: str
    kind: KeyKind
    environment_id: int | None
    secret_hash: str
    expires_at: datetime | None = None

    def has_expired(self, now: datetime) -> bool:
        """Whether it opens nothing any more, because its time is over."""
        return _is_over(self.expires_at, now)

    def opens(self, kind: str, secret: str, pepper: str) -> bool:
        """Whether this is the key; takes as long for one that is almost right as for any other."""
        return hmac.compare_digest(self.secret_hash, _hash(secret, pepper)) and kind == self.kind


def parts_of(text: str) -> tuple[str, str, str] | None:
    """Kind, public id and secret in a key's text; None if the text does not have the form of a key."""
    match = _FORM.fullmatch(text)
    return (match[1], match[2], match[3]) if match else None


def locks(tx: Transaction) -> dict[str, Lock]:
    """Every living key, by its id."""
    names = ("id", "kind", "environment_id", "secret_hash", "expires_at")
    columns = [api_keys.c[name] for name in names]
    rows = tx.execute(select(*columns).where(api_keys.c.revoked_at.is_(None)))
    return {row.id: _lock(row) for row in rows}


def _lock(row: Any) -> Lock:
    return Lock(row.id, KeyKind(row.kind), row.environment_id, row.secret_hash, row.expires_at)


def _is_over(expires_at: object, now: datetime) -> bool:
    """Whether a time is over; one that cannot be read is."""
    return expires_at is not None and (not isinstance(expires_at, datetime) or expires_at <= now)


def find_key(tx: Transaction, text: str, pepper: str) -> ApiKey | None:
    """The key with this text, which may have expired; None if it is malformed, unknown, wrong or revoked."""
    try:
        kind, id, secret = _parts(text)
    except ValueError:
        return None
    row = tx.execute(select(api_keys).where(api_keys.c.id == id)).one_or_none()
    # An unknown id costs the same comparison as a wrong secret.
    stored = row.secret_hash if row else ""
    if not hmac.compare_digest(stored, _hash(secret, pepper)) or row is None:
        return None
    return _key(row) if row.revoked_at is None and row.kind == kind else None


def mark_used(tx: Transaction, id: str, now: datetime) -> None:
    """Note that a key was used; at most once a minute."""
    stale = or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < now - _USED_EVERY)
    tx.execute(update(api_keys).where(api_keys.c.id == id, stale).values(last_used_at=now))


def was_used_lately(key: ApiKey, now: datetime) -> bool:
    """Whether `mark_used` would change nothing."""
    return key.last_used_at is not None and key.last_used_at >= now - _USED_EVERY


def keys_of(tx: Transaction, project_id: int | None) -> list[ApiKey]:
    """The keys of a project, or of the whole installation, oldest first."""
    rows = tx.execute(
        select(*_PUBLIC).where(api_keys.c.project_id == project_id).order_by(api_keys.c.created_at)
    )
    return [_key(row) for row in rows]


def makers_of(tx: Transaction, project_id: int) -> dict[str, str]:
    """Who made each admin key of a project, by its name, also of those that were revoked."""
    mine = (api_keys.c.project_id == project_id, api_keys.c.kind == KeyKind.ADMIN.value)
    return {row.name or row.id: row.created_by for row in tx.execute(select(*_PUBLIC).where(*mine))}


def any_admin_key(tx: Transaction) -> bool:
    """Whether somebody has ever been given an admin key for all projects."""
    everywhere = (api_keys.c.kind == KeyKind.ADMIN, api_keys.c.project_id.is_(None))
    return tx.scalar(select(api_keys.c.id).where(*everywhere).limit(1)) is not None


def revoke_key(tx: Transaction, project_id: int | None, id: str, now: datetime) -> ApiKey:
    """Make a key of a project, or of the whole installation, useless from now on; NotFound if it has no such key."""
    this = (api_keys.c.id == id, api_keys.c.project_id == project_id)
    tx.execute(update(api_keys).where(*this, api_keys.c.revoked_at.is_(None)).values(revoked_at=now))
    row = tx.execute(select(*_PUBLIC).where(*this)).one_or_none()
    if row is None:
        raise NotFound("key", id)
    announce(tx, KEYS)
    return _key(row)


def expire_key(
    tx: Transaction, project_id: int | None, id: str, expires_at: datetime
) -> tuple[datetime | None, ApiKey]:
    """Let a key run out sooner than it would; gives when it would have, and the key.

    Raises:
        NotFound: There is no such key.
        InvalidInput: It runs out before that anyway.
    """
    this = (api_keys.c.id == id, api_keys.c.project_id == project_id)
    row = tx.execute(select(*_PUBLIC).where(*this)).one_or_none()
    if row is None:
        raise NotFound("key", id)
    before = _key(row).expires_at
    if before is not None and before < expires_at:
        raise InvalidInput(
            Problem("expires_at", f"it runs out at {before.isoformat()}", "name a sooner time")
        )
    tx.execute(update(api_keys).where(*this).values(expires_at=expires_at))
    announce(tx, KEYS)
    return before, _key(tx.execute(select(*_PUBLIC).where(*this)).one())


def _parts(text: str) -> tuple[str, str, str]:
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError("an API key reads hg_<kind>_<12 hex digits>_<43 characters>")
    return match[1], match[2], match[3]


def _hash(secret: str, pepper: str) -> str:
    return hmac.digest(pepper.encode(), secret.encode(), hashlib.sha256).hex()


def _key(row: object) -> ApiKey:
    fields = {name: getattr(row, name) for name in ApiKey.__slots__}
    return ApiKey(**(fields | {"kind": KeyKind(fields["kind"]), "roles": roles_from(fields["roles"])}))
