"""What a source may be made from."""

from __future__ import annotations

from dataclasses import dataclass, field

from controller.http import Outbound
from controller.model_calendar import ModelCalendar
from controller.sources.memory import Memory
from controller.store.database import Database


@dataclass(frozen=True, slots=True)
class Access:
    """The ways to numbers: out to the network, into our own store, and to what is known of models.

    ``memory`` is what the sources of the process remember from one reading to the next.
    """

    outbound: Outbound
    database: Database
    calendar: ModelCalendar
    memory: Memory = field(default_factory=Memory)
