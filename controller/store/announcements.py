"""Word of what was committed, for whoever keeps a copy of it in memory: in this process, or in any other.

PostgreSQL carries it from process to process (``NOTIFY``, sent with the commit); on SQLite there is no other process.
Word may be lost, so whoever listens also looks now and then.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any, Protocol

import psycopg
from sqlalchemy import text

from controller.store.database import ANNOUNCED, Database, DatabaseUnavailable, Transaction

KEYS = "keys"
"""An API key was made or revoked."""
_CHANNEL = "headgate"
# A peer that has vanished without a word is noticed within half a minute.
_KEEPALIVE: dict[str, Any] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "connect_timeout": 5,
}


def flags_of(environment_id: int) -> str:
    """The topic of an environment's flags."""
    return f"flags:{environment_id}"


def announce(tx: Transaction, topic: str) -> None:
    """Let everybody who listens know, once this transaction is committed."""
    if tx.dialect.name == "sqlite":
        tx.info[ANNOUNCED].add(topic)
    else:
        tx.execute(text("SELECT pg_notify(:channel, :topic)"), {"channel": _CHANNEL, "topic": topic})


class Listener(Protocol):
    """Hears what is announced from the moment it was opened."""

    def wait(self, timeout_s: float) -> frozenset[str]:
        """The topics announced since the last call; waits for the first one, at most so long.

        Raises:
            DatabaseUnavailable: Nothing can be heard any more.
        """


@contextmanager
def listening(database: Database) -> Iterator[Listener]:
    """Listen for the length of a with block.

    Raises:
        DatabaseUnavailable: The database does not answer.
    """
    if database.is_sqlite:
        with _listening_here(database) as listener:
            yield listener
        return
    url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with psycopg.connect(url, autocommit=True, **_KEEPALIVE) as connection:
            connection.execute(f"LISTEN {_CHANNEL}".encode())
            yield _Notified(connection)
    except psycopg.Error as error:
        raise DatabaseUnavailable(type(error).__name__) from error


class _Notified:
    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def wait(self, timeout_s: float) -> frozenset[str]:
        first = {one.payload for one in self._connection.notifies(timeout=timeout_s, stop_after=1)}
        more = {one.payload for one in self._connection.notifies(timeout=0)} if first else set()
        return frozenset(first | more)


@contextmanager
def _listening_here(database: Database) -> Iterator[Listener]:
    listener = _Queued()
    database.on_announced.append(listener.heard.put)
    try:
        yield listener
    finally:
        database.on_announced.remove(listener.heard.put)


class _Queued:
    def __init__(self) -> None:
        self.heard: SimpleQueue[frozenset[str]] = SimpleQueue()

    def wait(self, timeout_s: float) -> frozenset[str]:
        until, topics = time.monotonic() + timeout_s, frozenset[str]()
        while not topics or not self.heard.empty():
            try:
                topics |= self.heard.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                break
        return topics
