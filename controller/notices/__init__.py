"""Telling the outside: the outbox is emptied into channels; one file each, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from controller.notices.log import write_log
from controller.store.database import Database
from controller.store.outbox import Message, anything_waits, take

Channel = Callable[[Message], None]

CHANNELS: Mapping[str, Channel] = {"log": write_log}


def deliver(database: Database, now: datetime) -> None:
    """Give every waiting message to every channel; a failure leaves the messages waiting."""
    with database.read() as tx:
        if not anything_waits(tx):
            return
    with database.write() as tx:
        for message in take(tx, now):
            for channel in CHANNELS.values():
                channel(message)
