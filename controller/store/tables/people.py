"""The tables of who may come in, and what they may do: keys, users, their roles and their sessions."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table, Text, UniqueConstraint

from controller.store.columns import Instant, Json
from controller.store.tables.schema import metadata, own_id, parent, text

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    text("name"),
    parent("projects", nullable=True),
    parent("environments", nullable=True),
    # Whether its holder may enter a stage without the evidence, for a while.
    Column("may_break_glass", Boolean, nullable=False, default=False),
    # What an admin key lets its holder do in its project; a key of the installation needs none.
    Column("roles", Json, nullable=False, default=list),
    Column("secret_hash", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_used_at", Instant),
    Column("revoked_at", Instant),
    # From when on it opens nothing; None: it goes on.
    Column("expires_at", Instant),
)

users = Table(
    "users",
    metadata,
    own_id(),
    Column("email", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("must_change_password", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    # Whether everything is open to them: as it was said here, and as a group of the identity provider says.
    Column("is_admin", Boolean, nullable=False, default=False),
    Column("admin_by_group", Boolean, nullable=False, default=False),
    # What the identity provider calls them; empty for those who sign in with a password alone.
    text("subject"),
    # Who gave them their last one-time password, and so could have signed in as them; empty if nobody of the users.
    text("let_in_by"),
    Column("last_sign_in_at", Instant),
    Column("deactivated_at", Instant),
    Index("ix_users_subject", "subject"),
)

# What users may do in projects: as somebody said here, and apart from that as groups of the identity provider say.
memberships = Table(
    "memberships",
    metadata,
    own_id(),
    parent("projects"),
    parent("users", index=True),
    Column("by_group", Boolean, nullable=False),
    Column("roles", Json, nullable=False),
    Column("may_break_glass", Boolean, nullable=False),
    Column("granted_by", Text, nullable=False),
    Column("granted_at", Instant, nullable=False),
    UniqueConstraint("project_id", "user_id", "by_group"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", Text, primary_key=True),
    parent("users"),
    Column("csrf", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
)
