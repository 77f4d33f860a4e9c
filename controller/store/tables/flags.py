"""The tables of plain flags, and of what product code says of the flags it runs."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text, UniqueConstraint

from controller.store.columns import Instant, Json
from controller.store.tables.schema import metadata, own_id, parent, text

plain_flags = Table(
    "plain_flags",
    metadata,
    own_id(),
    parent("environments"),
    Column("key", Text, nullable=False),
    Column("type", Text, nullable=False),
    # State, variants, default variant, targeting and metadata, in the words of flagd.
    Column("definition", Json, nullable=False),
    text("description"),
    text("owner"),
    Column("tags", Json, nullable=False, default=list),
    Column("client_visible", Boolean, nullable=False, default=False),
    # How many bytes it is as it is served.
    Column("size", Integer, nullable=False, default=0),
    Column("version", Integer, nullable=False, default=1),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("changed_at", Instant, nullable=False),
    # A deleted flag stays as a tombstone, so that its key never comes back with another meaning.
    Column("deleted_at", Instant),
    text("deleted_by"),
    text("deleted_because"),
    UniqueConstraint("environment_id", "key"),
)

# What the plain flags of an environment share: the rules they refer to, and the metadata of all of them.
flag_sets = Table(
    "flag_sets",
    metadata,
    own_id(),
    parent("environments"),
    Column("evaluators", Json, nullable=False, default=dict),
    Column("metadata", Json, nullable=False, default=dict),
    UniqueConstraint("environment_id"),
)

# When each revision was made; kept for as long as somebody may be behind it.
revisions = Table(
    "revisions",
    metadata,
    own_id(),
    parent("environments"),
    Column("number", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    UniqueConstraint("environment_id", "number"),
)

instances = Table(
    "instances",
    metadata,
    own_id(),
    parent("environments"),
    Column("instance", Text, nullable=False),
    text("sdk"),
    text("app"),
    text("app_version"),
    Column("revision", Integer),
    text("etag"),
    # When it put this revision in use by its own clock, and when we first heard of that.
    Column("applied_at", Instant, nullable=False),
    Column("told_at", Instant, nullable=False),
    Column("first_seen_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    UniqueConstraint("environment_id", "instance"),
    Index("ix_instances_seen", "environment_id", "seen_at"),
)

# How often a flag was answered with a variant on a day.
flag_counts = Table(
    "flag_counts",
    metadata,
    own_id(),
    parent("environments"),
    Column("flag", Text, nullable=False),
    Column("variant", Text, nullable=False),
    Column("day", Instant, nullable=False),
    Column("count", BigInteger, nullable=False),
    UniqueConstraint("environment_id", "day", "flag", "variant"),
)

# Who last read all flags at once, by which door, and on which day.
document_reads = Table(
    "document_reads",
    metadata,
    own_id(),
    parent("environments"),
    Column("key_id", Text, nullable=False),
    Column("reader", Text, nullable=False),
    Column("day", Instant, nullable=False),
    UniqueConstraint("environment_id", "key_id", "reader"),
)

# How an environment rehearses a stop. What the canary says stands here too: it is on unless a drill is running.
drills = Table(
    "drills",
    metadata,
    own_id(),
    parent("environments"),
    Column("enabled", Boolean, nullable=False, default=False),
    Column("every_hours", Integer, nullable=False),
    Column("limit_s", Integer, nullable=False),
    Column("requirement", Text),
    Column("expires_days", Integer, nullable=False),
    Column("canary_on", Boolean, nullable=False, default=True),
    # When the next one begins; who begins it moves it on.
    Column("due_at", Instant, nullable=False),
    UniqueConstraint("environment_id"),
)

drill_runs = Table(
    "drill_runs",
    metadata,
    own_id(),
    parent("environments", index=True),
    Column("state", Text, nullable=False, index=True),
    Column("started_by", Text, nullable=False),
    text("reason"),
    Column("started_at", Instant, nullable=False),
    Column("limit_s", Integer, nullable=False),
    # The revision that flipped the canary.
    Column("revision", Integer, nullable=False),
    Column("live", Integer, nullable=False, default=0),
    Column("reached", Integer, nullable=False, default=0),
    Column("took_us", BigInteger),
    Column("ended_at", Instant),
    text("sentence"),
    # The evidence that was filed, by feature.
    Column("evidence", Json, nullable=False, default=dict),
)
