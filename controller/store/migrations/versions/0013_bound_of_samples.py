"""How old the samples of a reading were allowed to be, by its rule and its source, so that it can be judged again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add a column; readings from before go by their rule alone."""
    op.add_column("readings", sa.Column("max_staleness_s", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Take it away."""
    op.drop_column("readings", "max_staleness_s")
