"""What all tables have in common: one schema, one way to name constraints, and the columns that most of them have."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, MetaData, Text

from controller.store.columns import Key

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def own_id() -> Column[int]:
    """The primary key."""
    return Column("id", Key, primary_key=True)


def parent(table: str, *, nullable: bool = False, index: bool = False) -> Column[int]:
    """The row of another table that a row belongs to, and goes with."""
    name = f"{table.removesuffix('s')}_id"
    return Column(name, Key, ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=nullable, index=index)


def text(name: str, default: str = "") -> Column[str]:
    """A text that is always there, if only an empty one."""
    return Column(name, Text, nullable=False, default=default)
