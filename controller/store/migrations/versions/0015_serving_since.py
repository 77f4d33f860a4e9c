"""Since when users get the releases that they get, so that triggers judge a new one from its first answer on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add the instant; of what is served now it is not known."""
    op.add_column("rollouts", sa.Column("serving_since", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Forget it."""
    op.drop_column("rollouts", "serving_since")
