from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import insert, text, update

from controller.errors import Conflict
from controller.store.database import Database, DatabaseUnavailable
from controller.store.projects import add_project, all_projects
from controller.store.tables import projects
from tests.conftest import START


def keys(database: Database) -> list[str]:
    with database.read() as tx:
        return [project.key for project in all_projects(tx)]


def test_a_transaction_is_kept_at_its_end_and_taken_back_on_an_exception(database: Database) -> None:
    with database.write() as tx:
        add_project(tx, "kept", "", "", START)

    def fail() -> None:
        with database.write() as tx:
            add_project(tx, "gone", "", "", START)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert keys(database) == ["kept"]


def test_readers_do_not_wait_for_a_writer(database: Database) -> None:
    with database.write() as tx:
        add_project(tx, "new", "", "", START)
        assert keys(database) == []
    assert keys(database) == ["new"]


def test_what_is_done_alone_is_done_by_one_at_a_time(database: Database) -> None:
    start, seen = threading.Barrier(5), list[int]()

    def work() -> None:
        start.wait(30)
        with database.write_alone() as tx:
            seen.append(len(all_projects(tx)))
            add_project(tx, f"project-{len(all_projects(tx))}", "", "", START)

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(seen) == [0, 1, 2, 3, 4]


def test_a_server_that_is_not_there_is_unavailable() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(DatabaseUnavailable), database.read():
        pass
    database.close()


def test_the_embedded_database_keeps_what_it_confirmed_and_its_references(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'deep' / 'down' / 'headgate.db'}")
    with database.read() as tx:
        pragmas = {
            name: tx.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}
    database.close()


def test_text_that_is_not_utf_8_does_not_fail_the_query(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with database.write() as tx:
        add_project(tx, "first", "", "", START)
        add_project(tx, "second", "", "", START)
        tx.execute(text("UPDATE projects SET name = CAST(x'61ff62' AS TEXT) WHERE key = 'first'"))
    assert keys(database) == ["first", "second"]
    database.close()


def test_what_is_written_at_the_same_moment_is_a_conflict_and_nothing_is_half_written(
    database: Database,
) -> None:
    """The check for a taken key sees nothing of a transaction that is not committed yet."""

    def add(*names: str) -> None:
        with database.write() as tx:
            for key in names:
                values = {"key": key, "name": "", "business_unit": "", "created_at": START}
                tx.execute(insert(projects).values(**values))

    add("acme")
    with pytest.raises(Conflict, match="at the same moment"):
        add("other", "acme")
    assert keys(database) == ["acme"]


def test_of_two_who_wait_for_each_other_one_gives_way_and_is_told_so(postgres_url: str) -> None:
    database, both_hold_one = Database(postgres_url), threading.Barrier(2)
    with database.write() as tx:
        for key in ("one", "two"):
            add_project(tx, key, "", "", START)
    told: list[str] = []

    def rename(*keys: str) -> None:
        try:
            with database.write() as tx:
                for number, key in enumerate(keys):
                    tx.execute(update(projects).where(projects.c.key == key).values(name=keys[0]))
                    if number == 0:
                        both_hold_one.wait(30)
        except Conflict as conflict:
            told.append(conflict.code)

    threads = [threading.Thread(target=rename, args=keys) for keys in (("one", "two"), ("two", "one"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    database.close()
    assert told == ["same_moment"]
