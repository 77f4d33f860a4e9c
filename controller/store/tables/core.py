"""The tables of features, flags, triggers and people."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy import text as sql_text

from controller.store.columns import Instant, Json, Key
from controller.store.tables.schema import metadata, own_id, parent, text


def _only(condition: str) -> dict[str, Any]:
    """An index over a part of the rows, on either database."""
    return {"sqlite_where": sql_text(condition), "postgresql_where": sql_text(condition)}


projects = Table(
    "projects",
    metadata,
    own_id(),
    Column("key", Text, nullable=False, unique=True),
    text("name"),
    text("business_unit"),
    Column("created_at", Instant, nullable=False),
    # Where the project asks for more than the installation's plans; None if nowhere.
    Column("tightening", Json),
    # The end of the project's chain of changes. Writers of changes queue here.
    Column("head_seq", Integer, nullable=False, default=0),
    text("head_hash"),
)

environments = Table(
    "environments",
    metadata,
    own_id(),
    parent("projects"),
    Column("key", Text, nullable=False),
    text("name"),
    Column("protected", Boolean, nullable=False),
    Column("revision", Integer, nullable=False, default=1),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("project_id", "key"),
)

features = Table(
    "features",
    metadata,
    own_id(),
    parent("projects"),
    Column("key", Text, nullable=False),
    text("name"),
    text("description"),
    text("owner"),
    text("budget_owner"),
    Column("risk_tier", Text, nullable=False),
    text("risk_rationale"),
    text("classified_by"),
    # Who made the tier a lower one; empty if nobody did.
    text("tier_lowered_by"),
    text("hypothesis"),
    Column("business_metric", Json),
    Column("data_sources", Json, nullable=False, default=list),
    text("success"),
    text("oversight"),
    text("autonomy_cap", "execute"),
    Column("people", Json),
    Column("reviewers", Json),
    Column("regulatory", Json),
    Column("expected_daily_answers", Integer),
    Column("review_capacity_per_day", Integer),
    Column("automatic_moves_per_day", Integer),
    # Whether conversations stay on the release they began with when it is replaced.
    text("on_switch", "move"),
    text("fallback"),
    Column("when_lost", Text, nullable=False),
    # Whether keys that sit in browsers and apps may see its answers.
    Column("client_visible", Boolean, nullable=False, default=False, server_default=false()),
    Column("version", Integer, nullable=False, default=1),
    Column("created_at", Instant, nullable=False),
    # A deleted feature stays as a tombstone, so that its key never comes back with another meaning.
    Column("deleted_at", Instant),
    UniqueConstraint("project_id", "key"),
)

releases = Table(
    "releases",
    metadata,
    own_id(),
    parent("features"),
    Column("public_id", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("bundle", Json, nullable=False),
    text("notes"),
    Column("verdict", Text, nullable=False, default="unknown"),
    text("verdict_reason"),
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
    own_id(),
    parent("features", index=True),
    Column("requirement", Text, nullable=False),
    Column("release", Text),
    text("summary"),
    text("uri"),
    Column("sha256", Text, nullable=False),
    Column("accepted_by", Text, nullable=False),
    Column("accepted_at", Instant, nullable=False),
    Column("expires_at", Instant),
    # When what it shows was found; None if that is when it was accepted.
    Column("made_at", Instant),
    Column("parts", Json),
    Column("report", Json),
)

rollouts = Table(
    "rollouts",
    metadata,
    own_id(),
    parent("features"),
    parent("environments", index=True),
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
    Column("serving_since", Instant),
    UniqueConstraint("feature_id", "environment_id"),
)

# How far the ramp of a rollout has come. It is counted on far more often than the rollout changes.
# For how long a release has served without a breach.
# What a revert began, until a person has closed it.
# What was done about an incident; rows are only ever added.
promotions = Table(
    "promotions",
    metadata,
    own_id(),
    parent("rollouts", index=True),
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
    own_id(),
    parent("promotions"),
    Column("actor", Text, nullable=False),
    Column("seen", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("promotion_id", "actor", "seen"),
)

sources = Table(
    "sources",
    metadata,
    own_id(),
    parent("projects"),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("settings", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("project_id", "key"),
)

triggers = Table(
    "triggers",
    metadata,
    own_id(),
    parent("rollouts"),
    Column("source_id", Key, ForeignKey("sources.id"), nullable=False),
    Column("key", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("method", Text, nullable=False),
    Column("params", Json, nullable=False),
    Column("query", Json, nullable=False),
    Column("window_s", Integer, nullable=False),
    Column("interval_s", Integer, nullable=False),
    text("trigger_class"),
    Column("hold_s", Integer, nullable=False),
    Column("clear_s", Integer, nullable=False),
    Column("cooldown_s", Integer, nullable=False, default=0),
    Column("latch", Boolean, nullable=False),
    Column("max_staleness_s", Integer, nullable=False),
    # What to do when there is nothing to judge; what is left out goes by the tier of the feature.
    Column("policies", Json),
    Column("use_partial", Boolean, nullable=False, default=False),
    Column("arming", Text, nullable=False),
    Column("scope", Text, nullable=False),
    text("baseline", "none"),
    Column("baseline_offset_s", Integer, nullable=False, default=0),
    Column("ladder", Json, nullable=False),
    # Since when it watches by this rule, however it is armed; None: since it was made.
    Column("watching_since", Instant),
    Column("muted_until", Instant),
    text("muted_by"),
    text("mute_reason"),
    # What the trigger remembers and last said.
    Column("state", Json, nullable=False),
    Column("verdict", Text),
    text("sentence"),
    Column("evaluated_at", Instant),
    # When a source last said something that could be judged.
    Column("seen_at", Instant),
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

IS_QUIET = "phase = 'quiet' AND verdict IN ('ok', 'insufficient')"
"""Readings in which nothing was wrong. Written out, because an index that holds a part of the rows goes by its text."""
IS_TELLING = f"NOT ({IS_QUIET})"

# Rules by which readings were judged that have been replaced since.
trigger_rules = Table(
    "trigger_rules",
    metadata,
    own_id(),
    parent("triggers"),
    Column("version", Integer, nullable=False),
    Column("rule", Json, nullable=False),
    UniqueConstraint("trigger_id", "version"),
)

readings = Table(
    "readings",
    metadata,
    own_id(),
    parent("triggers"),
    Column("slot", Instant, nullable=False),
    Column("status", Text, nullable=False),
    Column("window_start", Instant, nullable=False),
    Column("window_end", Instant, nullable=False),
    Column("bad", BigInteger),
    Column("total", BigInteger),
    Column("value", Float),
    Column("samples", BigInteger),
    Column("newest_sample_at", Instant),
    text("message"),
    Column("warnings", Json, nullable=False),
    Column("asked", Json, nullable=False),
    Column("verdict", Text, nullable=False),
    text("sentence"),
    Column("numbers", Json, nullable=False),
    Column("phase", Text, nullable=False),
    Column("due", Json, nullable=False),
    Column("evaluated_at", Instant, nullable=False),
    # What it takes to judge it again: the version of the rule, over how many it divided its false alarms, how old
    # samples could be (by the rule or by the source), what the trigger remembered, what was changed in that, and the
    # readings of further windows.
    Column("rule_version", Integer),
    Column("sharing", Integer),
    Column("max_staleness_s", Integer),
    Column("before", Json),
    Column("changed", Json),
    Column("others", Json),
    UniqueConstraint("trigger_id", "slot"),
    # For forgetting what is old. Each reading is in one of the two.
    Index("ix_readings_quiet", "evaluated_at", **_only(IS_QUIET)),
    Index("ix_readings_telling", "evaluated_at", **_only(IS_TELLING)),
)

# Times in which a source says nothing, or nobody asks it; a row lasts as long as that does.
blindness = Table(
    "blindness",
    metadata,
    own_id(),
    parent("sources"),
    Column("reason", Text, nullable=False),
    Column("since", Instant, nullable=False),
    UniqueConstraint("source_id", "reason"),
)

changes = Table(
    "changes",
    metadata,
    own_id(),
    parent("projects"),
    Column("seq", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("name", Text, nullable=False),
    text("feature"),
    text("environment"),
    Column("actor", Text, nullable=False),
    Column("actor_kind", Text, nullable=False),
    text("reason"),
    Column("before", Json, nullable=False),
    Column("after", Json, nullable=False),
    Column("evidence", Json, nullable=False),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    UniqueConstraint("project_id", "seq"),
    # What was done to one feature is asked by its page, and before each move of a trigger.
    Index("ix_changes_feature", "project_id", "feature", "seq"),
)

outbox = Table(
    "outbox",
    metadata,
    own_id(),
    parent("projects"),
    Column("event", Text, nullable=False),
    Column("payload", Json, nullable=False),
    # The one destination it goes to, whatever the destination asks for; empty: those that ask for its event.
    text("destination"),
    Column("created_at", Instant, nullable=False),
    Column("delivered_at", Instant, index=True),
)

outcomes = Table(
    "outcomes",
    metadata,
    own_id(),
    parent("environments"),
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

idempotency = Table(
    "idempotency",
    metadata,
    Column("actor", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("result", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
)
