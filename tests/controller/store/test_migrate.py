from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

from controller.store.database import Database
from controller.store.migrate import _config, is_migrated, migrate, newest_migration
from controller.store.tables import metadata


def test_the_migrations_make_the_tables_that_the_code_knows(database: Database) -> None:
    with database.read() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_migrating_again_changes_nothing(database: Database) -> None:
    assert is_migrated(database)
    migrate(database)
    migrate(database)
    assert is_migrated(database)


def test_a_downgrade_leaves_nothing_behind_and_the_way_up_works_again(database: Database) -> None:
    with database.write_alone() as tx:
        config = _config()
        config.attributes["connection"] = tx
        command.downgrade(config, "base")
    with database.read() as tx:
        assert set(inspect(tx).get_table_names()) == {"alembic_version"}
    assert not is_migrated(database)
    migrate(database)
    assert is_migrated(database)


def test_a_database_that_was_never_migrated_says_so(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'new' / 'headgate.db'}")
    assert not is_migrated(database)
    assert newest_migration() is not None
    database.close()


MIGRATE = "import sys; from controller.store.database import Database; from controller.store.migrate import migrate;"


@pytest.fixture
def empty_postgres(postgres_server: str) -> Iterator[str]:
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE empty_headgate")
    yield postgres_server.replace("/postgres?", "/empty_headgate?")
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("DROP DATABASE empty_headgate WITH (FORCE)")


def test_processes_that_migrate_at_the_same_time_do_not_disturb_one_another(empty_postgres: str) -> None:
    code = f"{MIGRATE} migrate(Database(sys.argv[1]))"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, empty_postgres],
            cwd=Path(__file__).parents[3],
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    errors = [process.communicate(timeout=60)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], errors
    database = Database(empty_postgres)
    assert is_migrated(database)
    database.close()
