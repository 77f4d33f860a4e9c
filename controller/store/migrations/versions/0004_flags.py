"""Plain flags, and what product code says of the flags it runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables; nothing older needs them."""
    op.create_table(
        "plain_flags",
        sa.Column("id", KEY, nullable=False),
        sa.Column("environment_id", KEY, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("client_visible", sa.Boolean(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.Column("deleted_by", sa.Text(), nullable=False),
        sa.Column("deleted_because", sa.Text(), nullable=False),
        _parent("plain_flags"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plain_flags")),
        sa.UniqueConstraint("environment_id", "key", name=op.f("uq_plain_flags_environment_id_key")),
    )
    op.create_table(
        "flag_sets",
        sa.Column("id", KEY, nullable=False),
        sa.Column("environment_id", KEY, nullable=False),
        sa.Column("evaluators", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        _parent("flag_sets"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flag_sets")),
        sa.UniqueConstraint("environment_id", name=op.f("uq_flag_sets_environment_id")),
    )
    op.create_table(
        "revisions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("environment_id", KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        _parent("revisions"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revisions")),
        sa.UniqueConstraint("environment_id", "number", name=op.f("uq_revisions_environment_id_number")),
    )
    op.create_table(
        "instances",
        sa.Column("id", KEY, nullable=False),
        sa.Column("environment_id", KEY, nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("sdk", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("app_version", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=True),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("applied_at", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        _parent("instances"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instances")),
        sa.UniqueConstraint("environment_id", "instance", name=op.f("uq_instances_environment_id_instance")),
    )
    op.create_index("ix_instances_seen", "instances", ["environment_id", "seen_at"])
    op.create_table(
        "flag_counts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("environment_id", KEY, nullable=False),
        sa.Column("flag", sa.Text(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        _parent("flag_counts"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flag_counts")),
        sa.UniqueConstraint(
            "environment_id",
            "day",
            "flag",
            "variant",
            name=op.f("uq_flag_counts_environment_id_day_flag_variant"),
        ),
    )
    op.create_table(
        "drills",
        sa.Column("id", KEY, nullable=False),
        sa.Column("environment_id", KEY, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("every_hours", sa.Integer(), nullable=False),
        sa.Column("limit_s", sa.Integer(), nullable=False),
        sa.Column("requirement", sa.Text(), nullable=True),
        sa.Column("expires_days", sa.Integer(), nullable=False),
        sa.Column("canary_on", sa.Boolean(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        _parent("drills"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drills")),
        sa.UniqueConstraint("environment_id", name=op.f("uq_drills_environment_id")),
    )
    op.create_table(
        "drill_runs",
        sa.Column("id", KEY, nullable=False),
        sa.Column("environment_id", KEY, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("limit_s", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("live", sa.Integer(), nullable=False),
        sa.Column("reached", sa.Integer(), nullable=False),
        sa.Column("took_us", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        _parent("drill_runs"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drill_runs")),
    )
    op.create_index(op.f("ix_drill_runs_environment_id"), "drill_runs", ["environment_id"])
    op.create_index(op.f("ix_drill_runs_state"), "drill_runs", ["state"])


def downgrade() -> None:
    """Drop them."""
    for table in (
        "drill_runs",
        "drills",
        "flag_counts",
        "instances",
        "revisions",
        "flag_sets",
        "plain_flags",
    ):
        op.drop_table(table)


def _parent(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_environment_id")
    return sa.ForeignKeyConstraint(["environment_id"], ["environments.id"], name=name, ondelete="CASCADE")
