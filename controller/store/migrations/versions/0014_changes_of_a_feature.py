"""What was done to one feature is found without looking through the record of its whole project."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add an index."""
    op.create_index("ix_changes_feature", "changes", ["project_id", "feature", "seq"], unique=False)


def downgrade() -> None:
    """Take it away."""
    op.drop_index("ix_changes_feature", table_name="changes")
