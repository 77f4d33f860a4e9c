"""The channel that is always there: one line in the log for each message."""

from __future__ import annotations

import json
import logging

from controller.store.outbox import Message

log = logging.getLogger("headgate.notices")


def write_log(message: Message) -> None:
    """Write a message as one JSON line; JSON escapes whatever could break out of the line."""
    log.info("%s %s", message.event, json.dumps(message.payload))
