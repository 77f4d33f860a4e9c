"""Trying a source that is Headgate's own store."""

from __future__ import annotations

from controller.sources.source import Tried
from controller.store.database import Database, DatabaseUnavailable
from controller.store.projects import project_keys


def own_store_works(database: Database) -> Tried:
    """Whether the database answers."""
    try:
        with database.read() as tx:
            project_keys(tx)
            return Tried(works=True, message="Headgate's own database answers")
    except DatabaseUnavailable as error:
        return Tried(works=False, message=str(error))
