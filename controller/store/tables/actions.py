"""The tables of what triggers do, and of what follows from it."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from controller.store.columns import Instant, Json, Key
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

# Where a project wants notices to go.
destinations = Table(
    "destinations",
    metadata,
    own_id(),
    parent("projects"),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("settings", Json, nullable=False),
    Column("events", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("project_id", "key"),
)

# What waits for each destination.
deliveries = Table(
    "deliveries",
    metadata,
    own_id(),
    Column("outbox_id", Key, ForeignKey("outbox.id", ondelete="CASCADE"), nullable=False, index=True),
    parent("destinations"),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    text("message"),
    Column("added_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("settled_at", Instant),
    Column("lease_until", Instant),
    Column("fence", Integer, nullable=False, default=0),
    UniqueConstraint("destination_id", "outbox_id"),
    Index("ix_deliveries_due", "status", "due_at"),
)

# What several features suffer from together.
shared_incidents = Table(
    "shared_incidents",
    metadata,
    own_id(),
    parent("projects", index=True),
    Column("provider", Text, nullable=False),
    text("model"),
    Column("reason", Text, nullable=False),
    Column("opened_by", Text, nullable=False),
    Column("opened_at", Instant, nullable=False),
    text("closed_by"),
    Column("closed_at", Instant),
    text("resolution"),
)

shared_incident_members = Table(
    "shared_incident_members",
    metadata,
    own_id(),
    parent("shared_incidents"),
    parent("rollouts"),
    Column("trigger", Text, nullable=False),
    Column("joined_at", Instant, nullable=False),
    UniqueConstraint("shared_incident_id", "rollout_id"),
)

# Changes that would loosen a trigger, until somebody else has agreed to them.
trigger_proposals = Table(
    "trigger_proposals",
    metadata,
    own_id(),
    parent("triggers", index=True),
    Column("version", Integer, nullable=False),
    Column("definition", Json),
    Column("reason", Text, nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", Instant, nullable=False),
    Column("status", Text, nullable=False),
    text("decided_by"),
    Column("decided_at", Instant),
)

# Changes to what triggers depend on, until somebody else has agreed to them.
proposals = Table(
    "proposals",
    metadata,
    own_id(),
    parent("projects", index=True),
    Column("about", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("seen", Text, nullable=False),
    Column("wanted", Json, nullable=False),
    Column("reason", Text, nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", Instant, nullable=False),
    Column("status", Text, nullable=False),
    text("decided_by"),
    Column("decided_at", Instant),
)
