"""Between Headgate and metric sources: how often they are asked, and what they tell of their own accord."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table, Text, UniqueConstraint

from controller.store.columns import Instant, Json
from controller.store.tables.schema import metadata, own_id, parent

# When the requests that were taken from a source's budget would be used up, if they came evenly.
source_budgets = Table(
    "source_budgets",
    metadata,
    Column("key", Text, primary_key=True),
    Column("free_at", Instant, nullable=False),
)

# An alert that fires, or no longer does. ``event`` is what the sender calls it, so that it counts once.
inbound_events = Table(
    "inbound_events",
    metadata,
    own_id(),
    parent("sources"),
    Column("event", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("alert", Text, nullable=False),
    Column("firing", Boolean, nullable=False),
    Column("labels", Json, nullable=False),
    Column("at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    UniqueConstraint("source_id", "event"),
    Index("ix_inbound_events_received_at", "source_id", "received_at"),
)
