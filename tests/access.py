"""Access to the network for sources that need no store."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from controller.http import Outbound
from controller.model_calendar import ModelCalendar
from controller.sources.access import Access
from controller.sources.memory import Memory
from controller.store.database import Database
from stages import Calendar

ACCESS = Access(
    Outbound(),
    Database("postgresql://nobody@127.0.0.1/nothing"),
    ModelCalendar(Calendar(), {}, lambda: datetime.now(UTC)),
)


def fresh_access(**parts: Any) -> Access:
    """The same with nothing in its memory."""
    return replace(ACCESS, memory=Memory(), **parts)
