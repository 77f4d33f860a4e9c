"""Approvals of releases that come to users of a stage."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "release_approvals",
        sa.Column("id", KEY, nullable=False),
        sa.Column("rollout_id", KEY, nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["rollout_id"], ["rollouts.id"], name=op.f("fk_release_approvals_rollout_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_release_approvals")),
        sa.UniqueConstraint(
            "rollout_id",
            "release",
            "actor",
            "seen",
            name=op.f("uq_release_approvals_rollout_id_release_actor_seen"),
        ),
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_table("release_approvals")
