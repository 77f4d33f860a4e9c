"""Triggers that compare, and readings that can be judged again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0008"


def upgrade() -> None:
    """Add what the triggers are compared with. What older processes leave out has a default."""
    op.add_column("triggers", sa.Column("baseline", sa.Text(), nullable=False, server_default="none"))
    op.add_column(
        "triggers", sa.Column("baseline_offset_s", sa.Integer(), nullable=False, server_default="0")
    )


def downgrade() -> None:
    """Take it away again; triggers then judge by their limit alone."""
    op.drop_column("triggers", "baseline_offset_s")
    op.drop_column("triggers", "baseline")
