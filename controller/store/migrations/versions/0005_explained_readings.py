"""Triggers that compare, and readings that can be judged again."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_FOR_READINGS: dict[str, sa.types.TypeEngine[Any]] = {
    "rule_version": sa.Integer(),
    "sharing": sa.Integer(),
    "before": sa.Text(),
    "changed": sa.Text(),
    "others": sa.Text(),
}


def upgrade() -> None:
    """Add what triggers are compared with and what explains a reading. What older processes leave out has a default."""
    op.add_column("triggers", sa.Column("baseline", sa.Text(), nullable=False, server_default="none"))
    op.add_column(
        "triggers", sa.Column("baseline_offset_s", sa.Integer(), nullable=False, server_default="0")
    )
    op.create_table(
        "trigger_rules",
        sa.Column("id", KEY, nullable=False),
        sa.Column("trigger_id", KEY, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["trigger_id"], ["triggers.id"], name=op.f("fk_trigger_rules_trigger_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trigger_rules")),
        sa.UniqueConstraint("trigger_id", "version", name=op.f("uq_trigger_rules_trigger_id_version")),
    )
    for name, kind in _FOR_READINGS.items():
        op.add_column("readings", sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    """Take it away again; triggers then judge by their limit alone."""
    for name in reversed(_FOR_READINGS):
        op.drop_column("readings", name)
    op.drop_table("trigger_rules")
    op.drop_column("triggers", "baseline_offset_s")
    op.drop_column("triggers", "baseline")
