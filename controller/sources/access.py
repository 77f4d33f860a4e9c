"""What a source may be made from."""

from __future__ import annotations

from dataclasses import dataclass

from controller.http import Outbound
from controller.model_calendar import ModelCalendar
from controller.store.database import Database


@dataclass(frozen=True, slots=True)
class Access:
    """The ways to numbers: out to the network, into our own store, and to what is known of models."""

    outbound: Outbound
    database: Database
    calendar: ModelCalendar
