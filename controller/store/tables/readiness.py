"""The tables of what it takes to go up, and of what a revert leaves to do."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from controller.store.columns import Instant, Json
from controller.store.tables.schema import metadata, own_id, parent, text

waivers = Table(
    "waivers",
    metadata,
    own_id(),
    parent("features", index=True),
    Column("requirement", Text, nullable=False),
    Column("release", Text),
    Column("approver", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)

measurements = Table(
    "measurements",
    metadata,
    own_id(),
    parent("features", index=True),
    Column("value", Float, nullable=False),
    Column("at", Instant, nullable=False),
    text("note"),
    Column("reported_by", Text, nullable=False),
    Column("reported_at", Instant, nullable=False),
)

ramps = Table(
    "ramps",
    metadata,
    own_id(),
    parent("rollouts"),
    Column("state", Text, nullable=False),
    text("why"),
    Column("started_by", Text, nullable=False),
    # The release that was stable when the present step began.
    Column("release", Text),
    Column("step_since", Instant, nullable=False),
    Column("credited_us", BigInteger, nullable=False, default=0),
    Column("counted_at", Instant, nullable=False),
    # Whether every condition held when it was counted last.
    Column("held", Boolean, nullable=False, default=False),
    Column("approvals", Json, nullable=False, default=list),
    UniqueConstraint("rollout_id"),
)

servings = Table(
    "servings",
    metadata,
    own_id(),
    parent("rollouts"),
    Column("release", Text, nullable=False),
    Column("good_us", BigInteger, nullable=False, default=0),
    Column("counted_at", Instant, nullable=False),
    Column("held", Boolean, nullable=False, default=False),
    UniqueConstraint("rollout_id", "release"),
)

release_approvals = Table(
    "release_approvals",
    metadata,
    own_id(),
    parent("rollouts"),
    Column("release", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("seen", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("rollout_id", "release", "actor", "seen"),
)

break_glasses = Table(
    "break_glasses",
    metadata,
    own_id(),
    parent("rollouts", index=True),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("skipped", Json, nullable=False),
    # Where the rollout was before, and goes back to.
    Column("from_stage", Text, nullable=False),
    Column("from_since", Instant, nullable=False),
    Column("from_exposure", Json, nullable=False),
    Column("to_stage", Text, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("ended_at", Instant),
    text("ended_how"),
    text("ended_by"),
    Column("reviewed_by", Text),
    Column("reviewed_at", Instant),
    text("review"),
)

groups = Table(
    "groups",
    metadata,
    own_id(),
    parent("projects"),
    Column("key", Text, nullable=False),
    Column("members", Json, nullable=False),
    UniqueConstraint("project_id", "key"),
)

registries = Table(
    "registries",
    metadata,
    own_id(),
    parent("projects"),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("settings", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("project_id", "key"),
)

incidents = Table(
    "incidents",
    metadata,
    own_id(),
    parent("rollouts", index=True),
    # Since when the trouble was known, and since when users are out of it.
    Column("began_at", Instant, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("opened_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("release_from", Text, nullable=False),
    Column("release_to", Text, nullable=False),
    Column("was_candidate", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("propagation_s", Integer, nullable=False),
    Column("status", Text, nullable=False, index=True),
    Column("restored_at", Instant),
    Column("verified_at", Instant),
    text("verified_by"),
    Column("closed_at", Instant),
    text("closed_by"),
    Column("by_hand", Boolean, nullable=False, default=False),
    text("follow_up"),
    text("resolution"),
)

incident_events = Table(
    "incident_events",
    metadata,
    own_id(),
    parent("incidents", index=True),
    Column("at", Instant, nullable=False),
    Column("what", Text, nullable=False),
    Column("actor", Text, nullable=False),
    # Which of its pointer moves it was about; None if it was about the incident as a whole.
    Column("number", Integer),
    Column("result", Text, nullable=False),
    text("message"),
)

pointer_moves = Table(
    "pointer_moves",
    metadata,
    own_id(),
    parent("incidents"),
    Column("number", Integer, nullable=False),
    Column("registry", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("pointer", Text, nullable=False),
    Column("expected", Text, nullable=False),
    # Versions it may stand at as well, because an earlier revert did not get done with it.
    Column("also", Json, nullable=False, default=list),
    Column("target", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("force", Boolean, nullable=False, default=False),
    Column("attempts", Integer, nullable=False, default=0),
    text("message"),
    Column("settled_at", Instant),
    # The row is the lock, as with triggers.
    Column("due_at", Instant, nullable=False),
    Column("lease_until", Instant),
    Column("fence", Integer, nullable=False, default=0),
    UniqueConstraint("incident_id", "number"),
    Index("ix_pointer_moves_due", "status", "due_at"),
)
