"""Features may be marked as client-visible."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add a mark that no feature has yet; processes of before go on without it."""
    op.add_column(
        "features", sa.Column("client_visible", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    """Forget which features were marked."""
    op.drop_column("features", "client_visible")
