"""Users and admin keys have roles; whoever there was goes on with what they could do, which was everything."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make all who are there admins; a process of before, which knows no roles, lets them do what it did."""
    op.add_column("users", sa.Column("is_admin", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column(
        "users", sa.Column("admin_by_group", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    for name in ("subject", "let_in_by"):
        op.add_column("users", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    for name in ("last_sign_in_at", "deactivated_at"):
        op.add_column("users", sa.Column(name, sa.BigInteger(), nullable=True))
    op.create_index("ix_users_subject", "users", ["subject"])
    op.add_column("api_keys", sa.Column("roles", sa.Text(), nullable=False, server_default="[]"))
    op.execute("UPDATE api_keys SET roles = '[\"admin\"]' WHERE kind = 'admin'")
    op.add_column("api_keys", sa.Column("expires_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "memberships",
        sa.Column("id", KEY, nullable=False),
        sa.Column("project_id", KEY, nullable=False),
        sa.Column("user_id", KEY, nullable=False),
        sa.Column("by_group", sa.Boolean(), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("may_break_glass", sa.Boolean(), nullable=False),
        sa.Column("granted_by", sa.Text(), nullable=False),
        sa.Column("granted_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_memberships_project_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_memberships_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_memberships")),
        sa.UniqueConstraint(
            "project_id", "user_id", "by_group", name=op.f("uq_memberships_project_id_user_id_by_group")
        ),
    )
    op.create_index("ix_memberships_user_id", "memberships", ["user_id"])


def downgrade() -> None:
    """Forget who may do what: everybody who may sign in may do everything again."""
    op.drop_table("memberships")
    for name in ("roles", "expires_at"):
        op.drop_column("api_keys", name)
    op.drop_index("ix_users_subject", "users")
    for name in ("is_admin", "admin_by_group", "subject", "let_in_by", "last_sign_in_at", "deactivated_at"):
        op.drop_column("users", name)
