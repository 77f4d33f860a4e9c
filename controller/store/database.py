"""One engine, two kinds of transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from controller.errors import Conflict
from controller.settings import SQLITE

Transaction = Connection
"""What the functions of the store are given: an open transaction, ended by whoever opened it."""

ANNOUNCED = "headgate.announced"
"""Where a connection keeps what its open transaction announces."""
RAISED = "headgate.raised"
"""Where a connection keeps the revisions that its open transaction makes, by the ids of their environments."""
HEADS = "headgate.heads"
"""Where a connection keeps the ends of the records that its open transaction writes, by the ids of their projects."""
_BUSY_MS = 10_000
_ALONE = 7_355_608
"""The advisory lock of `Database.write_alone`: an arbitrary number, the same in every process."""

_ONE_INSTANT = {"isolation_level": "REPEATABLE READ"}


class DatabaseUnavailable(Exception):
    """The database did not answer, or refused."""


class Database:
    """The database behind one URL: SQLite (one process) or PostgreSQL (any number)."""

    def __init__(self, url: str) -> None:
        self.is_sqlite = url.startswith(SQLITE)
        self.engine = _sqlite_engine(url) if self.is_sqlite else _postgres_engine(url)
        self.on_announced: list[Callable[[frozenset[str]], None]] = []
        """Who is told, after a commit in this process, what `controller.store.announcements` was asked to announce."""

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A short transaction that changes nothing."""
        with self._transaction(writes=False) as tx:
            yield tx

    @contextmanager
    def snapshot(self) -> Iterator[Transaction]:
        """A transaction that changes nothing and sees everything as of one instant, however long it takes."""
        with self._transaction(writes=False, **({} if self.is_sqlite else _ONE_INSTANT)) as tx:
            yield tx

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction that is committed at the end, and taken back as a whole on any exception.

        SQLite takes its write lock at once: a transaction that read first could not get it any more.
        """
        with self._transaction(writes=True) as tx:
            yield tx

    @contextmanager
    def write_alone(self) -> Iterator[Transaction]:
        """A transaction that no other of its kind runs beside, in whatever process: for what is done once."""
        with self.write() as tx:
            if not self.is_sqlite:
                tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ALONE})
            yield tx

    @contextmanager
    def _transaction(self, *, writes: bool, **options: str) -> Iterator[Transaction]:
        """A transaction; a database that cannot be reached, or stays locked, is told as DatabaseUnavailable.

        What the checks before a write could not see yet, because somebody wrote it at the same moment, is a Conflict.
        """
        try:
            with self.engine.connect().execution_options(writes=writes, **options) as connection:
                announced: set[str] = set()
                connection.info.update({ANNOUNCED: announced, RAISED: {}, HEADS: {}})
                with connection.begin():
                    yield connection
        except (OperationalError, IntegrityError, PoolTimeout) as error:
            if isinstance(error, IntegrityError) or _gave_way(error):
                told = "somebody wrote the same at the same moment; look, and ask again"
                raise Conflict("same_moment", told) from error
            raise DatabaseUnavailable(type(error).__name__) from error
        except DatabaseError as error:
            if type(error.orig) is not sqlite3.DatabaseError:
                raise
            # The file is none of a database, or is damaged.
            raise DatabaseUnavailable(str(error.orig)) from error
        if announced:
            for tell in self.on_announced:
                tell(frozenset(announced))

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def _gave_way(error: Exception) -> bool:
    """Whether PostgreSQL took a transaction back because it and another waited for each other (class 40)."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
    return str(state).startswith("40")


def _postgres_engine(url: str) -> Engine:
    driver = url if "+" in url.split(":", 1)[0] else url.replace("://", "+psycopg://", 1)
    return create_engine(driver, pool_pre_ping=True, pool_size=10, max_overflow=20, pool_timeout=10)


def _sqlite_engine(url: str) -> Engine:
    Path(url.removeprefix(SQLITE)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": _BUSY_MS / 1000}, pool_size=10, max_overflow=40)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # We begin transactions ourselves.
    # One text that is not UTF-8 must not fail the query that reads it beside a thousand others.
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_BUSY_MS}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
