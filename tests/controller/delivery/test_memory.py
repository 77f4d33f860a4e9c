"""What is in memory follows the database, on both kinds of it, and outlives it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from controller.delivery.memory import Memory
from controller.delivery.refreshing import Refresher
from controller.delivery.uses import Uses
from controller.flags.compiled import CompiledFlags
from controller.flags.snapshots import Snapshots
from controller.store.announcements import announce, listening
from controller.store.database import Database, DatabaseUnavailable, Transaction
from controller.store.keys import KeyKind, add_key, keys_of, new_secret, revoke_key
from controller.store.projects import add_environment, add_project, raise_revision
from tests.conftest import SECRET, Clock

PATIENCE_S = 20.0


class House:
    """An environment with a key, and a memory of it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database, self.clock = database, clock
        with database.write() as tx:
            self.project = add_project(tx, "house", "House", "", clock())
            self.environment = add_environment(
                tx, self.project, "staging", "", protected=False, now=clock()
            ).id
        self.text = self.make_key()
        self.memory = Memory(database, Snapshots(database, 300), SECRET, clock)

    def make_key(self) -> str:
        text = new_secret(KeyKind.SERVER)
        owner = {"project_id": self.project.id, "environment_id": self.environment}
        with self.database.write() as tx:
            add_key(tx, text, SECRET, name="x", by="tests", now=self.clock(), **owner)
        return text

    def change(self) -> int:
        with self.database.write() as tx:
            return raise_revision(tx, self.environment, self.clock())

    def revoke(self, text: str) -> None:
        with self.database.write() as tx:
            revoke_key(tx, self.project.id, text.split("_")[2], self.clock())

    def revision(self) -> int:
        served = self.memory.served(self.environment)
        return served.snapshot.revision if served else 0

    @contextmanager
    def followed(self, poll_s: float = 3600.0) -> Iterator[Callable[[Callable[[], bool]], None]]:
        """Run the refreshing thread; gives a function that waits until something is true."""
        changed = threading.Condition()

        def tell() -> None:
            with changed:
                changed.notify_all()

        refresher = Refresher(self.memory, self.database, self.clock, poll_s, Uses(), tell)

        def until(what: Callable[[], bool]) -> None:
            with changed:
                assert changed.wait_for(what, PATIENCE_S)

        refresher.start()
        try:
            until(lambda: self.memory.is_loaded)
            yield until
        finally:
            refresher.stop()
            refresher.join(PATIENCE_S)


@pytest.fixture
def house(database: Database, clock: Clock) -> House:
    return House(database, clock)


def test_what_is_committed_is_in_memory_at_once_although_nobody_polls(house: House) -> None:
    with house.followed() as until:
        assert house.memory.key(house.text)
        newest = house.change()
        until(lambda: house.revision() == newest)
        other = house.make_key()
        until(lambda: house.memory.key(other) is not None)
        house.revoke(other)
        until(lambda: house.memory.key(other) is None)
        assert house.memory.key(house.text)


def test_what_is_taken_back_is_not_announced(house: House) -> None:
    with listening(house.database) as listener:
        with suppress(RuntimeError), house.database.write() as tx:
            announce(tx, "nothing")
            raise RuntimeError
        with house.database.write() as tx:
            announce(tx, "something")
        assert listener.wait(PATIENCE_S) == {"something"}
        assert listener.wait(0.01) == set()


def test_a_change_that_nobody_announced_is_found_by_looking(house: House) -> None:
    with house.followed(poll_s=0.05) as until:
        with house.database.write() as tx:
            tx.exec_driver_sql("UPDATE environments SET revision = 40")
        until(lambda: house.revision() == 40)


def test_a_database_that_was_restored_is_believed(house: House) -> None:
    house.change()
    house.memory.refresh()
    with house.database.write() as tx:
        tx.exec_driver_sql("UPDATE environments SET revision = 1")
    house.memory.refresh()
    assert house.revision() == 1


def test_a_use_of_a_key_is_written_down_when_it_is_looked_around(house: House) -> None:
    with house.followed(poll_s=0.05) as until:
        house.memory.key(house.text)

        def noted() -> bool:
            with house.database.read() as tx:
                return keys_of(tx, house.project.id)[0].last_used_at == house.clock()

        until(noted)


def test_without_a_database_all_stays_as_it_was_and_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.memory.refresh()
    refresher = Refresher(house.memory, house.database, house.clock, 5.0, Uses())
    known = house.memory.served(house.environment)

    def away(_database: Database) -> object:
        raise DatabaseUnavailable("OperationalError")

    with monkeypatch.context() as patch:
        patch.setattr(Database, "read", away)
        assert not refresher.look()
        assert house.memory.trouble == "OperationalError"
    assert house.memory.served(house.environment) is known
    assert house.memory.key(house.text)
    assert refresher.look()
    assert house.memory.trouble == ""


def test_an_environment_whose_flags_cannot_be_built_harms_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with house.database.write() as tx:
        other = add_environment(tx, house.project, "production", "", protected=False, now=house.clock()).id
        text = new_secret(KeyKind.SERVER)
        owner = {"project_id": house.project.id, "environment_id": other}
        add_key(tx, text, SECRET, name="y", by="tests", now=house.clock(), **owner)
    original = CompiledFlags.compile

    def failing(mine: CompiledFlags, tx: Transaction) -> object:
        if mine._environment_id == house.environment:
            raise RuntimeError("no memory")
        return original(mine, tx)

    with monkeypatch.context() as patch:
        patch.setattr(CompiledFlags, "compile", failing)
        house.memory.refresh()
        assert house.memory.served(other)
        assert house.memory.served(house.environment) is None
        assert house.memory.failed == 1
    house.memory.refresh()
    assert house.memory.served(house.environment)
    assert house.memory.failed == 0


def test_after_a_connection_was_cut_the_thread_listens_again(postgres_url: str, clock: Clock) -> None:
    database = Database(postgres_url)
    try:
        house = House(database, clock)
        with house.followed(poll_s=3600) as until:
            with psycopg.connect(postgres_url, autocommit=True) as admin:
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            newest = house.change()
            until(lambda: house.revision() == newest)
            again = house.change()
            until(lambda: house.revision() == again)
    finally:
        database.close()


def test_reading_a_key_from_memory_takes_no_database(house: House, tmp_path: Path) -> None:
    house.memory.refresh()
    house.database.close()
    house.database.engine = None  # type: ignore[assignment]
    began = time.monotonic()
    for _ in range(100):
        assert house.memory.key(house.text)
        assert house.memory.key(house.text[:-1] + "~") is None
    assert time.monotonic() - began < 5
    house.database.engine = Database(f"sqlite:///{tmp_path}/other.db").engine
