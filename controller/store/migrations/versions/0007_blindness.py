"""Policies for when nothing can be judged, the blind alarm, and readings forgotten as fast as they come."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
QUIET = "phase = 'quiet' AND verdict IN ('ok', 'insufficient')"


def upgrade() -> None:
    """Add them. What older processes leave out has a default."""
    op.add_column("triggers", sa.Column("policies", sa.Text()))
    op.add_column(
        "triggers", sa.Column("use_partial", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("triggers", sa.Column("seen_at", sa.BigInteger()))
    op.create_table(
        "blindness",
        sa.Column("id", KEY, nullable=False),
        sa.Column("source_id", KEY, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("fk_blindness_source_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blindness")),
        sa.UniqueConstraint("source_id", "reason", name=op.f("uq_blindness_source_id_reason")),
    )
    for name, condition in (("quiet", QUIET), ("telling", f"NOT ({QUIET})")):
        only: dict[str, Any] = {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}
        op.create_index(f"ix_readings_{name}", "readings", ["evaluated_at"], unique=False, **only)
    if op.get_context().dialect.name == "postgresql":
        # Rows go as fast as they come: with the usual fifth of a table dead, it would be cleaned too seldom.
        op.execute("ALTER TABLE readings SET (autovacuum_vacuum_scale_factor = 0.02)")


def downgrade() -> None:
    """Take it away again."""
    op.drop_index("ix_readings_telling", table_name="readings")
    op.drop_index("ix_readings_quiet", table_name="readings")
    op.drop_table("blindness")
    op.drop_column("triggers", "seen_at")
    op.drop_column("triggers", "use_partial")
    op.drop_column("triggers", "policies")
