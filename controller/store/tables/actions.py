"""The tables of what triggers do, and of what follows from it."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Table, Text, UniqueConstraint

from controller.store.columns import Instant, Json
from controller.store.tables.schema import metadata, own_id, parent, text

# The narrower exposures that a ladder can name.
narrowings = Table(
    "narrowings",
    metadata,
    own_id(),
    parent("rollouts"),
    Column("key", Text, nullable=False),
    Column("exposure", Json, nullable=False),
    UniqueConstraint("rollout_id", "key"),
)

# What the last look at what a revert would bring back has found.
revert_checks = Table(
    "revert_checks",
    metadata,
    own_id(),
    parent("rollouts"),
    Column("release", Text, nullable=False),
    Column("checked_at", Instant, nullable=False),
    Column("missing", Json, nullable=False),
    Column("unknown", Json, nullable=False),
    Column("viable", Boolean, nullable=False),
    UniqueConstraint("rollout_id"),
)

# What triggers ask people to do.
tasks = Table(
    "tasks",
    metadata,
    own_id(),
    parent("rollouts", index=True),
    Column("kind", Text, nullable=False),
    text("owner"),
    text("reason"),
    Column("opened_by", Text, nullable=False),
    Column("opened_at", Instant, nullable=False),
    text("closed_by"),
    Column("closed_at", Instant),
    text("resolution"),
)
