"""Bring the schema up to date, and say whether it is."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from controller.store.database import Database


def migrate(database: Database) -> None:
    """Run every migration that has not run yet."""
    with database.write_alone() as tx:
        config = _config()
        config.attributes["connection"] = tx
        command.upgrade(config, "head")


def is_migrated(database: Database) -> bool:
    """Whether the schema is the one this code was written for."""
    with database.read() as tx:
        return MigrationContext.configure(tx).get_current_revision() == newest_migration()


def newest_migration() -> str | None:
    """The revision this code was written for."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
