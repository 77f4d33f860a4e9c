"""The command ``headgate``."""

from __future__ import annotations

import sys

import click
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from controller.settings import BadSettingValue, Settings, load_settings
from controller.store.changes import verify
from controller.store.database import Database, DatabaseUnavailable
from controller.store.keys import KeyKind, new_secret
from controller.store.migrate import migrate as run_migrations


class _Failed(click.ClickException):
    """A command could not do its work; told on one line."""


@click.group()
@click.version_option(package_name="headgate-server")
def main() -> None:
    """Headgate: takes GenAI features from demo to production, and back out when they misbehave."""


@main.command()
@click.option("--host", help="Address to listen on; instead of HEADGATE_HOST.")
@click.option("--port", type=int, help="Port to listen on; instead of HEADGATE_PORT.")
def serve(host: str | None, port: int | None) -> None:
    """Start the controller on the settings of the environment."""
    settings = _settings()
    address, at_port = host or settings.host, port or settings.port
    click.echo(f"Headgate listens on http://{address}:{at_port}")
    server = Granian(
        target="app:serve",
        factory=True,
        interface=Interfaces.WSGI,
        address=address,
        port=at_port,
        workers=1,
        blocking_threads=settings.threads,
        respawn_failed_workers=True,
        workers_kill_timeout=10,
        websockets=False,
        log_level=LogLevels.error,
    )
    server.serve()


@main.command()
def migrate() -> None:
    """Bring the database's schema up to date."""
    database = Database(_settings().database_url)
    try:
        run_migrations(database)
    except DatabaseUnavailable as unavailable:
        raise _Failed(f"the database does not answer: {unavailable}") from unavailable
    click.echo("The schema is up to date.")


@main.command("verify-audit")
def verify_audit() -> None:
    """Recompute the record of changes, and name the first bad row of each project."""
    with Database(_settings().database_url).read() as tx:
        bad = list(verify(tx))
    for row in bad:
        click.echo(f"project {row.project}: change {row.seq} is bad: {row.why}")
    if bad:
        sys.exit(1)
    click.echo("The record of changes is whole.")


@main.command("new-key")
def new_key() -> None:
    """Make up an admin key for HEADGATE_ADMIN_KEY; it opens nothing until the controller starts with it."""
    click.echo(new_secret(KeyKind.ADMIN))


def _settings() -> Settings:
    try:
        return load_settings()
    except BadSettingValue as bad:
        raise _Failed(str(bad)) from bad
