"""The tables of what triggers do, and of what follows from it."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text, UniqueConstraint

from controller.store.columns import Json
from controller.store.tables.schema import metadata, own_id, parent

# The narrower exposures that a ladder can name.
narrowings = Table(
    "narrowings",
    metadata,
    own_id(),
    parent("rollouts"),
    Column("key", Text, nullable=False),
    Column("exposure", Json, nullable=False),
    UniqueConstraint("rollout_id", "key"),
)
