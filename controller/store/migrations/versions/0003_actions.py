"""Actions: narrower exposures by name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what ladders do more than before. What older processes leave out has a default."""
    op.create_table(
        "narrowings",
        sa.Column("id", KEY, nullable=False),
        sa.Column("rollout_id", KEY, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("exposure", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["rollout_id"], ["rollouts.id"], name=op.f("fk_narrowings_rollout_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_narrowings")),
        sa.UniqueConstraint("rollout_id", "key", name=op.f("uq_narrowings_rollout_id_key")),
    )
    op.create_table(
        "revert_checks",
        sa.Column("id", KEY, nullable=False),
        sa.Column("rollout_id", KEY, nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.BigInteger(), nullable=False),
        sa.Column("missing", sa.Text(), nullable=False),
        sa.Column("unknown", sa.Text(), nullable=False),
        sa.Column("viable", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["rollout_id"], ["rollouts.id"], name=op.f("fk_revert_checks_rollout_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revert_checks")),
        sa.UniqueConstraint("rollout_id", name=op.f("uq_revert_checks_rollout_id")),
    )
    op.create_table(
        "tasks",
        sa.Column("id", KEY, nullable=False),
        sa.Column("rollout_id", KEY, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_by", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["rollout_id"], ["rollouts.id"], name=op.f("fk_tasks_rollout_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
    )
    op.create_index(op.f("ix_tasks_rollout_id"), "tasks", ["rollout_id"], unique=False)
    op.create_table(
        "destinations",
        sa.Column("id", KEY, nullable=False),
        sa.Column("project_id", KEY, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_destinations_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destinations")),
        sa.UniqueConstraint("project_id", "key", name=op.f("uq_destinations_project_id_key")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", KEY, nullable=False),
        sa.Column("outbox_id", KEY, nullable=False),
        sa.Column("destination_id", KEY, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["destination_id"],
            ["destinations.id"],
            name=op.f("fk_deliveries_destination_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["outbox_id"], ["outbox.id"], name=op.f("fk_deliveries_outbox_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint(
            "destination_id", "outbox_id", name=op.f("uq_deliveries_destination_id_outbox_id")
        ),
    )
    op.create_index("ix_deliveries_due", "deliveries", ["status", "due_at"], unique=False)
    op.create_index(op.f("ix_deliveries_outbox_id"), "deliveries", ["outbox_id"], unique=False)
    op.create_table(
        "shared_incidents",
        sa.Column("id", KEY, nullable=False),
        sa.Column("project_id", KEY, nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_by", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_shared_incidents_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shared_incidents")),
    )
    op.create_index(op.f("ix_shared_incidents_project_id"), "shared_incidents", ["project_id"], unique=False)
    op.create_table(
        "shared_incident_members",
        sa.Column("id", KEY, nullable=False),
        sa.Column("shared_incident_id", KEY, nullable=False),
        sa.Column("rollout_id", KEY, nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("joined_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["rollout_id"],
            ["rollouts.id"],
            name=op.f("fk_shared_incident_members_rollout_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["shared_incident_id"],
            ["shared_incidents.id"],
            name=op.f("fk_shared_incident_members_shared_incident_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shared_incident_members")),
        sa.UniqueConstraint(
            "shared_incident_id",
            "rollout_id",
            name=op.f("uq_shared_incident_members_shared_incident_id_rollout_id"),
        ),
    )
    op.create_table(
        "trigger_proposals",
        sa.Column("id", KEY, nullable=False),
        sa.Column("trigger_id", KEY, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["trigger_id"], ["triggers.id"], name=op.f("fk_trigger_proposals_trigger_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trigger_proposals")),
    )
    op.create_index(
        op.f("ix_trigger_proposals_trigger_id"), "trigger_proposals", ["trigger_id"], unique=False
    )
    op.add_column("triggers", sa.Column("watching_since", sa.BigInteger(), nullable=True))
    op.add_column("triggers", sa.Column("muted_until", sa.BigInteger(), nullable=True))
    op.add_column("triggers", sa.Column("muted_by", sa.Text(), nullable=False, server_default=""))
    op.add_column("triggers", sa.Column("mute_reason", sa.Text(), nullable=False, server_default=""))
    op.add_column("outbox", sa.Column("destination", sa.Text(), nullable=False, server_default=""))
    op.add_column("triggers", sa.Column("cooldown_s", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("features", sa.Column("automatic_moves_per_day", sa.Integer(), nullable=True))
    op.add_column("features", sa.Column("on_switch", sa.Text(), nullable=False, server_default="move"))
    op.add_column("features", sa.Column("review_capacity_per_day", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Take it away again."""
    op.drop_column("features", "review_capacity_per_day")
    op.drop_column("features", "on_switch")
    op.drop_column("features", "automatic_moves_per_day")
    op.drop_column("triggers", "cooldown_s")
    op.drop_column("triggers", "mute_reason")
    op.drop_column("triggers", "muted_by")
    op.drop_column("triggers", "muted_until")
    op.drop_column("triggers", "watching_since")
    op.drop_table("trigger_proposals")
    op.drop_column("outbox", "destination")
    op.drop_table("shared_incident_members")
    op.drop_table("shared_incidents")
    op.drop_table("deliveries")
    op.drop_table("destinations")
    op.drop_index(op.f("ix_tasks_rollout_id"), table_name="tasks")
    op.drop_table("tasks")
    op.drop_table("revert_checks")
    op.drop_table("narrowings")
