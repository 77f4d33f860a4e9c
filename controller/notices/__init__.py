"""Telling the outside: the outbox is emptied into channels; one file each, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from controller.notices.channel import Channel
from controller.notices.email import Email
from controller.notices.events import wants
from controller.notices.log import write_log
from controller.notices.slack import Slack
from controller.notices.webhook import Webhook
from controller.store.database import Database, Transaction
from controller.store.deliveries import add_delivery
from controller.store.destinations import Destination, destinations_of
from controller.store.outbox import Message, anything_waits, take

CHANNELS: Mapping[str, type[Channel]] = {channel.kind: channel for channel in (Slack, Webhook, Email)}
"""The kinds of destinations that a project can be connected to."""

EVERYTHING: Mapping[str, Callable[[Message], None]] = {"log": write_log}
"""Who is told of everything, in this process."""


def deliver(database: Database, now: datetime) -> None:
    """Hand every waiting message to the log and to the destinations that want it; a failure leaves all waiting.

    A destination is only told that something waits for it: see `controller.notices.deliveries`.
    """
    with database.read() as tx:
        if not anything_waits(tx):
            return
    with database.write() as tx:
        wanted: dict[int, list[Destination]] = {}
        for message in take(tx, now):
            for tell in EVERYTHING.values():
                tell(message)
            if message.project_id not in wanted:
                wanted[message.project_id] = destinations_of(tx, message.project_id)
            _hand_out(tx, message, wanted[message.project_id], now)


def _hand_out(tx: Transaction, message: Message, destinations: list[Destination], now: datetime) -> None:
    for destination in destinations:
        if destination.key == message.destination or wants(destination.events, message.event):
            add_delivery(tx, message.id, destination.id, now)
