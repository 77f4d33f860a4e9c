"""The doors' small installation, for the tests of what stands behind them."""

from tests.controller.api.conftest import sqlite_url, world, world_template

__all__ = ["sqlite_url", "world", "world_template"]
