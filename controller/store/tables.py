"""The tables. Every row but those of people and sessions belongs to a project, directly or through its parent."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from controller.store.columns import Instant, Json, Key

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[int]:
    return Column("id", Key, primary_key=True)


def _parent(table: str, *, nullable: bool = False, index: bool = False) -> Column[int]:
    name = f"{table.removesuffix('s')}_id"
    return Column(name, Key, ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=nullable, index=index)


def _text(name: str, default: str = "") -> Column[str]:
    return Column(name, Text, nullable=False, default=default)


projects = Table(
    "projects",
    metadata,
    _id(),
    Column("key", Text, nullable=False, unique=True),
    _text("name"),
    _text("business_unit"),
    Column("created_at", Instant, nullable=False),
    # Where the project asks for more than the installation's plans; None if nowhere.
    Column("tightening", Json),
    # The end of the project's chain of changes. Writers of changes queue here.
    Column("head_seq", Integer, nullable=False, default=0),
    _text("head_hash"),
)

environments = Table(
    "environments",
    metadata,
    _id(),
    _parent("projects"),
    Column("key", Text, nullable=False),
    _text("name"),
    Column("protected", Boolean, nullable=False),
    Column("revision", Integer, nullable=False, default=1),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("project_id", "key"),
)

features = Table(
    "features",
    metadata,
    _id(),
    _parent("projects"),
    Column("key", Text, nullable=False),
    _text("name"),
    _text("description"),
    _text("owner"),
    _text("budget_owner"),
    Column("risk_tier", Text, nullable=False),
    _text("risk_rationale"),
    _text("classified_by"),
    _text("hypothesis"),
    Column("business_metric", Json),
    Column("data_sources", Json, nullable=False, default=list),
    _text("success"),
    _text("oversight"),
    _text("autonomy_cap", "execute"),
    Column("people", Json),
    Column("reviewers", Json),
    Column("regulatory", Json),
    Column("expected_daily_answers", Integer),
    _text("fallback"),
    Column("when_lost", Text, nullable=False),
    Column("version", Integer, nullable=False, default=1),
    Column("created_at", Instant, nullable=False),
    # A deleted feature stays as a tombstone, so that its key never comes back with another meaning.
    Column("deleted_at", Instant),
    UniqueConstraint("project_id", "key"),
)

releases = Table(
    "releases",
    metadata,
    _id(),
    _parent("features"),
    Column("public_id", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("bundle", Json, nullable=False),
    _text("notes"),
    Column("verdict", Text, nullable=False, default="unknown"),
    _text("verdict_reason"),
    # Since when a revert keeps it from users; evidence from before says nothing about what was found then.
    Column("blocked_at", Instant),
    Column("created_by", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("feature_id", "public_id"),
    UniqueConstraint("feature_id", "number"),
)

evidence = Table(
    "evidence",
    metadata,
    _id(),
    _parent("features", index=True),
    Column("requirement", Text, nullable=False),
    Column("release", Text),
    _text("summary"),
    _text("uri"),
    Column("sha256", Text, nullable=False),
    Column("accepted_by", Text, nullable=False),
    Column("accepted_at", Instant, nullable=False),
    Column("expires_at", Instant),
    # When what it shows was found; None if that is when it was accepted.
    Column("made_at", Instant),
    Column("parts", Json),
    Column("report", Json),
)

waivers = Table(
    "waivers",
    metadata,
    _id(),
    _parent("features", index=True),
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
    _id(),
    _parent("features", index=True),
    Column("value", Float, nullable=False),
    Column("at", Instant, nullable=False),
    _text("note"),
    Column("reported_by", Text, nullable=False),
    Column("reported_at", Instant, nullable=False),
)

rollouts = Table(
    "rollouts",
    metadata,
    _id(),
    _parent("features"),
    _parent("environments", index=True),
    Column("version", Integer, nullable=False),
    Column("stage", Text, nullable=False),
    Column("stage_since", Instant, nullable=False),
    Column("mode", Text, nullable=False),
    Column("exposure", Json, nullable=False),
    Column("review", Json, nullable=False),
    Column("stable", Text),
    Column("candidate", Text),
    Column("candidate_share", Integer, nullable=False, default=0),
    Column("previous", Text),
    Column("holds", Json, nullable=False),
    Column("replacement", Text),
    Column("live_s", BigInteger, nullable=False, default=0),
    Column("live_since", Instant),
    UniqueConstraint("feature_id", "environment_id"),
)

# How far the ramp of a rollout has come. It is counted on far more often than the rollout changes.
ramps = Table(
    "ramps",
    metadata,
    _id(),
    _parent("rollouts"),
    Column("state", Text, nullable=False),
    _text("why"),
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

# For how long a release has served without a breach.
servings = Table(
    "servings",
    metadata,
    _id(),
    _parent("rollouts"),
    Column("release", Text, nullable=False),
    Column("good_us", BigInteger, nullable=False, default=0),
    Column("counted_at", Instant, nullable=False),
    Column("held", Boolean, nullable=False, default=False),
    UniqueConstraint("rollout_id", "release"),
)

break_glasses = Table(
    "break_glasses",
    metadata,
    _id(),
    _parent("rollouts", index=True),
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
    _text("ended_how"),
    _text("ended_by"),
    Column("reviewed_by", Text),
    Column("reviewed_at", Instant),
    _text("review"),
)

groups = Table(
    "groups",
    metadata,
    _id(),
    _parent("projects"),
    Column("key", Text, nullable=False),
    Column("members", Json, nullable=False),
    UniqueConstraint("project_id", "key"),
)

registries = Table(
    "registries",
    metadata,
    _id(),
    _parent("projects"),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("settings", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("project_id", "key"),
)

# What a revert began, until a person has closed it.
incidents = Table(
    "incidents",
    metadata,
    _id(),
    _parent("rollouts", index=True),
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
    _text("verified_by"),
    Column("closed_at", Instant),
    _text("closed_by"),
    Column("by_hand", Boolean, nullable=False, default=False),
    _text("follow_up"),
    _text("resolution"),
)

# What was done about an incident; rows are only ever added.
incident_events = Table(
    "incident_events",
    metadata,
    _id(),
    _parent("incidents", index=True),
    Column("at", Instant, nullable=False),
    Column("what", Text, nullable=False),
    Column("actor", Text, nullable=False),
    # Which of its pointer moves it was about; None if it was about the incident as a whole.
    Column("number", Integer),
    Column("result", Text, nullable=False),
    _text("message"),
)

pointer_moves = Table(
    "pointer_moves",
    metadata,
    _id(),
    _parent("incidents"),
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
    _text("message"),
    Column("settled_at", Instant),
    # The row is the lock, as with triggers.
    Column("due_at", Instant, nullable=False),
    Column("lease_until", Instant),
    Column("fence", Integer, nullable=False, default=0),
    UniqueConstraint("incident_id", "number"),
    Index("ix_pointer_moves_due", "status", "due_at"),
)

promotions = Table(
    "promotions",
    metadata,
    _id(),
    _parent("rollouts", index=True),
    Column("to_stage", Text, nullable=False),
    Column("exposure", Json),
    Column("requester", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("settled_at", Instant),
)

approvals = Table(
    "approvals",
    metadata,
    _id(),
    _parent("promotions"),
    Column("actor", Text, nullable=False),
    Column("seen", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("promotion_id", "actor", "seen"),
)

sources = Table(
    "sources",
    metadata,
    _id(),
    _parent("projects"),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("settings", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("project_id", "key"),
)

triggers = Table(
    "triggers",
    metadata,
    _id(),
    _parent("rollouts"),
    Column("source_id", Key, ForeignKey("sources.id"), nullable=False),
    Column("key", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("method", Text, nullable=False),
    Column("params", Json, nullable=False),
    Column("query", Json, nullable=False),
    Column("window_s", Integer, nullable=False),
    Column("interval_s", Integer, nullable=False),
    _text("trigger_class"),
    Column("hold_s", Integer, nullable=False),
    Column("clear_s", Integer, nullable=False),
    Column("latch", Boolean, nullable=False),
    Column("max_staleness_s", Integer, nullable=False),
    Column("arming", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("ladder", Json, nullable=False),
    # What the trigger remembers and last said.
    Column("state", Json, nullable=False),
    Column("verdict", Text),
    _text("sentence"),
    Column("evaluated_at", Instant),
    # A row that cannot be read is set aside with the reason, and is not claimed again until it is changed.
    Column("broken", Text),
    # The row is the lock: whoever holds the lease may write, and only under the fence it was given.
    Column("due_at", Instant, nullable=False),
    Column("lease_until", Instant),
    Column("fence", Integer, nullable=False, default=0),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("rollout_id", "key"),
    Index("ix_triggers_source_due", "source_id", "due_at"),
)

readings = Table(
    "readings",
    metadata,
    _id(),
    _parent("triggers"),
    Column("slot", Instant, nullable=False),
    Column("status", Text, nullable=False),
    Column("window_start", Instant, nullable=False),
    Column("window_end", Instant, nullable=False),
    Column("bad", BigInteger),
    Column("total", BigInteger),
    Column("value", Float),
    Column("samples", BigInteger),
    Column("newest_sample_at", Instant),
    _text("message"),
    Column("warnings", Json, nullable=False),
    Column("asked", Json, nullable=False),
    Column("verdict", Text, nullable=False),
    _text("sentence"),
    Column("numbers", Json, nullable=False),
    Column("phase", Text, nullable=False),
    Column("due", Json, nullable=False),
    Column("evaluated_at", Instant, nullable=False),
    UniqueConstraint("trigger_id", "slot"),
)

changes = Table(
    "changes",
    metadata,
    _id(),
    _parent("projects"),
    Column("seq", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("name", Text, nullable=False),
    _text("feature"),
    _text("environment"),
    Column("actor", Text, nullable=False),
    Column("actor_kind", Text, nullable=False),
    _text("reason"),
    Column("before", Json, nullable=False),
    Column("after", Json, nullable=False),
    Column("evidence", Json, nullable=False),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    UniqueConstraint("project_id", "seq"),
)

outbox = Table(
    "outbox",
    metadata,
    _id(),
    _parent("projects"),
    Column("event", Text, nullable=False),
    Column("payload", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("delivered_at", Instant, index=True),
)

outcomes = Table(
    "outcomes",
    metadata,
    _id(),
    _parent("environments"),
    Column("public_id", Text, nullable=False),
    Column("feature", Text, nullable=False),
    Column("release", Text),
    Column("at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("task", Text),
    Column("mode", Text),
    Column("latency_ms", Integer),
    Column("cost_usd", Float),
    Column("input_tokens", Integer),
    Column("output_tokens", Integer),
    Column("grounded", Boolean),
    Column("citations_valid", Boolean),
    Column("sensitive_data", Boolean),
    Column("review", Text),
    Column("abandoned", Boolean),
    Column("escalated", Boolean),
    Column("error", Boolean),
    UniqueConstraint("environment_id", "public_id"),
    Index("ix_outcomes_window", "environment_id", "feature", "received_at"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    _text("name"),
    _parent("projects", nullable=True),
    _parent("environments", nullable=True),
    # Whether its holder may enter a stage without the evidence, for a while.
    Column("may_break_glass", Boolean, nullable=False, default=False),
    Column("secret_hash", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_used_at", Instant),
    Column("revoked_at", Instant),
)

users = Table(
    "users",
    metadata,
    _id(),
    Column("email", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("must_change_password", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", Text, primary_key=True),
    _parent("users"),
    Column("csrf", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("actor", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("result", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
)
