"""Who reads the flags of an environment all at once, so that it is not known which of them are used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add a table that nobody has written yet."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "document_reads",
        sa.Column("id", key, nullable=False),
        sa.Column("environment_id", key, nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("reader", sa.Text(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["environment_id"],
            ["environments.id"],
            name=op.f("fk_document_reads_environment_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_reads")),
        sa.UniqueConstraint(
            "environment_id", "key_id", "reader", name=op.f("uq_document_reads_environment_id_key_id_reader")
        ),
    )


def downgrade() -> None:
    """Forget who read."""
    op.drop_table("document_reads")
