"""Bring the schema up to date, and say whether it is."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from controller.store.database import Database, DatabaseUnavailable


def migrate(database: Database) -> None:
    """Run every migration that has not run yet.

    Raises:
        DatabaseUnavailable: It does not answer, or its schema is none that this version of Headgate knows.
    """
    with database.write_alone() as tx:
        config = _config()
        config.attributes["connection"] = tx
        try:
            command.upgrade(config, "head")
        except CommandError as unknown:
            told = f"its schema is of another version of Headgate ({unknown}); start that version, or a newer one"
            raise DatabaseUnavailable(told) from unknown


def is_migrated(database: Database) -> bool:
    """Whether the schema is at least the one this code was written for.

    A revision this code has never heard of is a newer one: during an upgrade old processes go on beside it, because
    a migration only ever adds to what they need.
    """
    with database.read() as tx:
        current = MigrationContext.configure(tx).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    return current is not None and (current == newest_migration() or current not in known)


def newest_migration() -> str | None:
    """The revision this code was written for."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
