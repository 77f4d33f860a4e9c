"""Commands for whoever runs an installation: they work on its settings and its database."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

import click

from controller.bootstrap import check_start
from controller.errors import NotFound
from controller.passwords import hash_password, new_password
from controller.renewal import renew_secrets as renew
from controller.server.processes import run, take
from controller.settings import BadSettingValue, Settings, load_settings
from controller.store.changes import verify
from controller.store.database import Database, DatabaseUnavailable
from controller.store.keys import KeyKind, new_secret
from controller.store.keys import revoke_key as revoke_installation_key
from controller.store.migrate import is_migrated
from controller.store.migrate import migrate as run_migrations
from controller.store.users import add_user as add_console_user
from controller.store.users import change_user, find_user, set_password
from controller.vault import CannotOpen, Vault


class _Failed(click.ClickException):
    """A command could not do its work; told on one line."""


@click.command()
@click.option("--host", help="Address to listen on; instead of HEADGATE_HOST.")
@click.option("--port", type=int, help="Port to listen on; instead of HEADGATE_PORT.")
def serve(host: str | None, port: int | None) -> None:
    """Start the controller on the settings of the environment."""
    settings = _settings()
    with _told_on_one_line():
        check_start(settings)
    address, at_port = host or settings.host, port or settings.port
    with _place(address, at_port) as place:
        shown = f"[{address}]" if ":" in address else address
        click.echo(f"Headgate starts on http://{shown}:{at_port}")
        run("app:serve", place, workers=settings.workers, streams=settings.streams)


@click.command()
def migrate() -> None:
    """Bring the database's schema up to date."""
    with _database() as database:
        run_migrations(database)
    click.echo("The schema is up to date.")


@click.command("verify-audit")
def verify_audit() -> None:
    """Recompute the record of changes, and name the first bad row of each project."""
    with _database() as database:
        if not is_migrated(database):
            raise _Failed("the schema is not up to date; run: headgate migrate")
        with database.snapshot() as tx:
            bad = list(verify(tx))
    for row in bad:
        click.echo(f"project {row.project}: change {row.seq} is bad: {row.why}")
    if bad:
        sys.exit(1)
    click.echo("The record of changes is whole.")


@click.command("revoke-key")
@click.argument("id")
def revoke_key(id: str) -> None:
    """Make an admin key of the whole installation useless; ID is the part after hg_admin_."""
    with _database() as database, database.write() as tx:
        try:
            key = revoke_installation_key(tx, None, id, datetime.now(UTC))
        except NotFound as missing:
            raise _Failed(missing.detail) from missing
    click.echo(f"The key {key.id} ({key.name}) opens nothing any more.")


@click.command("add-user")
@click.argument("email")
@click.option("--admin", is_flag=True, help="Everything in every project is open to them.")
def add_user(email: str, *, admin: bool) -> None:
    """Let somebody sign in to the console; prints a one-time password. For a known EMAIL: a new password.

    Without --admin they see no project until somebody makes them a member of it.
    """
    password = new_password()
    with _database() as database, database.write() as tx:
        user = find_user(tx, email)
        if user:
            set_password(tx, user.id, hash_password(password), must_change=True, let_in_by="")
            change_user(tx, user.id, deactivated_at=None, is_admin=user.is_admin or admin)
        else:
            add_console_user(
                tx, email, hash_password(password), datetime.now(UTC), must_change=True, is_admin=admin
            )
    click.echo(f"One-time password of {email}: {password}")


@click.command("new-key")
def new_key() -> None:
    """Make up an admin key for HEADGATE_ADMIN_KEY; it opens nothing until the controller starts with it."""
    click.echo(new_secret(KeyKind.ADMIN))


@click.command("renew-secrets")
def renew_secrets() -> None:
    """Bring the secrets of sources under HEADGATE_SECRET_KEY, from those in HEADGATE_FORMER_SECRET_KEYS."""
    settings = _settings()
    vault = Vault(settings.secret_key, settings.former_keys)
    with _database() as database:
        try:
            renewed = renew(database, vault)
        except CannotOpen as error:
            raise _Failed(f"{error}; name its key in HEADGATE_FORMER_SECRET_KEYS") from error
    click.echo(f"The secrets of {renewed} sources and destinations are under the current secret key.")


@contextmanager
def _database() -> Iterator[Database]:
    """The database of the settings for the length of a command; that it does not answer is told on one line."""
    database = Database(_settings().database_url)
    try:
        yield database
    except DatabaseUnavailable as unavailable:
        raise _Failed(f"the database does not answer: {unavailable}") from unavailable
    finally:
        database.close()


def _settings() -> Settings:
    with _told_on_one_line():
        return load_settings()


def _place(address: str, port: int) -> socket.socket:
    try:
        return take(address, port)
    except OSError as taken:
        why = f"cannot listen on {address}:{port} ({taken.strerror}); stop what listens there, or set HEADGATE_PORT"
        raise _Failed(why) from taken


@contextmanager
def _told_on_one_line() -> Iterator[None]:
    try:
        yield
    except BadSettingValue as bad:
        raise _Failed(str(bad)) from bad


COMMANDS: Mapping[str, click.Command] = {
    "serve": serve,
    "migrate": migrate,
    "verify-audit": verify_audit,
    "revoke-key": revoke_key,
    "add-user": add_user,
    "new-key": new_key,
    "renew-secrets": renew_secrets,
}
