"""The doors' small installation."""

from tests.controller.api.conftest import sqlite_url, still, world, world_template

__all__ = ["sqlite_url", "still", "world", "world_template"]
