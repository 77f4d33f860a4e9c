"""Actions: narrower exposures by name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
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
    op.add_column("outbox", sa.Column("destination", sa.Text(), nullable=False, server_default=""))
    op.add_column("features", sa.Column("review_capacity_per_day", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Take it away again."""
    op.drop_column("features", "review_capacity_per_day")
    op.drop_column("outbox", "destination")
    op.drop_index(op.f("ix_tasks_rollout_id"), table_name="tasks")
    op.drop_table("tasks")
    op.drop_table("revert_checks")
    op.drop_table("narrowings")
