"""Readiness: what features say of themselves, checked evidence, waivers, ramps, incidents, registries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what the gates need. What older processes leave out has a default."""
    op.create_table(
        "groups",
        sa.Column("id", KEY, nullable=False),
        sa.Column("project_id", KEY, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("members", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_groups_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
        sa.UniqueConstraint("project_id", "key", name=op.f("uq_groups_project_id_key")),
    )
    op.create_table(
        "registries",
        sa.Column("id", KEY, nullable=False),
        sa.Column("project_id", KEY, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_registries_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registries")),
        sa.UniqueConstraint("project_id", "key", name=op.f("uq_registries_project_id_key")),
    )
    op.create_table(
        "measurements",
        sa.Column("id", KEY, nullable=False),
        sa.Column("feature_id", KEY, nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("reported_by", sa.Text(), nullable=False),
        sa.Column("reported_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["feature_id"], ["features.id"], name=op.f("fk_measurements_feature_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measurements")),
    )
    op.create_index(op.f("ix_measurements_feature_id"), "measurements", ["feature_id"], unique=False)
    op.create_table(
        "waivers",
        sa.Column("id", KEY, nullable=False),
        sa.Column("feature_id", KEY, nullable=False),
        sa.Column("requirement", sa.Text(), nullable=False),
        sa.Column("release", sa.Text(), nullable=True),
        sa.Column("approver", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["feature_id"], ["features.id"], name=op.f("fk_waivers_feature_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waivers")),
    )
    op.create_index(op.f("ix_waivers_feature_id"), "waivers", ["feature_id"], unique=False)
    op.create_table(
        "break_glasses",
        sa.Column("id", KEY, nullable=False),
        sa.Column("rollout_id", KEY, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("skipped", sa.Text(), nullable=False),
        sa.Column("from_stage", sa.Text(), nullable=False),
        sa.Column("from_since", sa.BigInteger(), nullable=False),
        sa.Column("from_exposure", sa.Text(), nullable=False),
        sa.Column("to_stage", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_how", sa.Text(), nullable=False),
        sa.Column("ended_by", sa.Text(), nullable=False),
        sa.Column("reviewed_by", sa.Text(), nullable=True),
        sa.Column("reviewed_at", sa.BigInteger(), nullable=True),
        sa.Column("review", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["rollout_id"], ["rollouts.id"], name=op.f("fk_break_glasses_rollout_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_break_glasses")),
    )
    op.create_index(op.f("ix_break_glasses_rollout_id"), "break_glasses", ["rollout_id"], unique=False)
    op.create_table(
        "incidents",
        sa.Column("id", KEY, nullable=False),
        sa.Column("rollout_id", KEY, nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("release_from", sa.Text(), nullable=False),
        sa.Column("release_to", sa.Text(), nullable=False),
        sa.Column("was_candidate", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("propagation_s", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("restored_at", sa.BigInteger(), nullable=True),
        sa.Column("verified_at", sa.BigInteger(), nullable=True),
        sa.Column("verified_by", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=False),
        sa.Column("by_hand", sa.Boolean(), nullable=False),
        sa.Column("follow_up", sa.Text(), nullable=False),
        sa.Column("resolution", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["rollout_id"], ["rollouts.id"], name=op.f("fk_incidents_rollout_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
    )
    op.create_index(op.f("ix_incidents_rollout_id"), "incidents", ["rollout_id"], unique=False)
    op.create_index(op.f("ix_incidents_status"), "incidents", ["status"], unique=False)
    op.create_table(
        "incident_events",
        sa.Column("id", KEY, nullable=False),
        sa.Column("incident_id", KEY, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_incident_events_incident_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_events")),
    )
    op.create_index(op.f("ix_incident_events_incident_id"), "incident_events", ["incident_id"], unique=False)
    op.create_table(
        "ramps",
        sa.Column("id", KEY, nullable=False),
        sa.Column("rollout_id", KEY, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("release", sa.Text(), nullable=True),
        sa.Column("step_since", sa.BigInteger(), nullable=False),
        sa.Column("credited_us", sa.BigInteger(), nullable=False),
        sa.Column("counted_at", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("approvals", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["rollout_id"], ["rollouts.id"], name=op.f("fk_ramps_rollout_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ramps")),
        sa.UniqueConstraint("rollout_id", name=op.f("uq_ramps_rollout_id")),
    )
    op.create_table(
        "servings",
        sa.Column("id", KEY, nullable=False),
        sa.Column("rollout_id", KEY, nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("good_us", sa.BigInteger(), nullable=False),
        sa.Column("counted_at", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["rollout_id"], ["rollouts.id"], name=op.f("fk_servings_rollout_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_servings")),
        sa.UniqueConstraint("rollout_id", "release", name=op.f("uq_servings_rollout_id_release")),
    )
    op.create_table(
        "pointer_moves",
        sa.Column("id", KEY, nullable=False),
        sa.Column("incident_id", KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("registry", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("pointer", sa.Text(), nullable=False),
        sa.Column("expected", sa.Text(), nullable=False),
        sa.Column("also", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("force", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_pointer_moves_incident_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pointer_moves")),
        sa.UniqueConstraint("incident_id", "number", name=op.f("uq_pointer_moves_incident_id_number")),
    )
    op.create_index("ix_pointer_moves_due", "pointer_moves", ["status", "due_at"], unique=False)
    op.add_column(
        "api_keys", sa.Column("may_break_glass", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("evidence", sa.Column("made_at", sa.BigInteger(), nullable=True))
    op.add_column("evidence", sa.Column("parts", sa.Text(), nullable=True))
    op.add_column("evidence", sa.Column("report", sa.Text(), nullable=True))
    op.add_column("features", sa.Column("tier_lowered_by", sa.Text(), nullable=False, server_default=""))
    op.add_column("features", sa.Column("success", sa.Text(), nullable=False, server_default=""))
    op.add_column("features", sa.Column("oversight", sa.Text(), nullable=False, server_default=""))
    op.add_column("features", sa.Column("autonomy_cap", sa.Text(), nullable=False, server_default="execute"))
    op.add_column("features", sa.Column("people", sa.Text(), nullable=True))
    op.add_column("features", sa.Column("reviewers", sa.Text(), nullable=True))
    op.add_column("features", sa.Column("regulatory", sa.Text(), nullable=True))
    op.add_column("features", sa.Column("expected_daily_answers", sa.Integer(), nullable=True))
    op.add_column("projects", sa.Column("tightening", sa.Text(), nullable=True))
    op.add_column("releases", sa.Column("blocked_at", sa.BigInteger(), nullable=True))
    op.add_column("rollouts", sa.Column("replacement", sa.Text(), nullable=True))
    op.add_column("rollouts", sa.Column("live_s", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("rollouts", sa.Column("live_since", sa.BigInteger(), nullable=True))
    op.add_column("triggers", sa.Column("trigger_class", sa.Text(), nullable=False, server_default=""))
    # Nobody counted before how long a feature was live; it has been since it entered its stage, as far as is known.
    op.execute(
        "UPDATE rollouts SET live_since = stage_since WHERE mode = 'live' AND stage IN ('beta', 'pilot', 'scaled')"
    )
    op.execute(
        "INSERT INTO sources (project_id, key, kind, settings, created_at) "
        "SELECT id, 'records', 'records', '{}', created_at FROM projects "
        "WHERE NOT EXISTS (SELECT 1 FROM sources WHERE project_id = projects.id AND key = 'records')"
    )


def downgrade() -> None:
    """Take it away again."""
    op.drop_column("triggers", "trigger_class")
    op.drop_column("rollouts", "live_since")
    op.drop_column("rollouts", "live_s")
    op.drop_column("rollouts", "replacement")
    op.drop_column("releases", "blocked_at")
    op.drop_column("projects", "tightening")
    op.drop_column("features", "tier_lowered_by")
    op.drop_column("features", "expected_daily_answers")
    op.drop_column("features", "regulatory")
    op.drop_column("features", "reviewers")
    op.drop_column("features", "people")
    op.drop_column("features", "autonomy_cap")
    op.drop_column("features", "oversight")
    op.drop_column("features", "success")
    op.drop_column("evidence", "report")
    op.drop_column("evidence", "parts")
    op.drop_column("evidence", "made_at")
    op.drop_column("api_keys", "may_break_glass")
    op.drop_index("ix_pointer_moves_due", table_name="pointer_moves")
    op.drop_table("pointer_moves")
    op.drop_index(op.f("ix_incident_events_incident_id"), table_name="incident_events")
    op.drop_table("incident_events")
    op.drop_table("servings")
    op.drop_table("ramps")
    op.drop_index(op.f("ix_incidents_status"), table_name="incidents")
    op.drop_index(op.f("ix_incidents_rollout_id"), table_name="incidents")
    op.drop_table("incidents")
    op.drop_index(op.f("ix_break_glasses_rollout_id"), table_name="break_glasses")
    op.drop_table("break_glasses")
    op.drop_index(op.f("ix_waivers_feature_id"), table_name="waivers")
    op.drop_table("waivers")
    op.drop_index(op.f("ix_measurements_feature_id"), table_name="measurements")
    op.drop_table("measurements")
    op.drop_table("registries")
    op.drop_table("groups")
