"""What an installation needs before anybody can use it: a schema, an admin key, a first person."""

from __future__ import annotations

import sys
import time

from controller.passwords import hash_password, new_password
from controller.plans import load_plans
from controller.services import Services
from controller.settings import BadSettingValue, Settings
from controller.sign_on import read_mapping
from controller.store.database import Database, DatabaseUnavailable
from controller.store.keys import KeyKind, add_key, any_admin_key, is_key, new_secret
from controller.store.migrate import is_migrated
from controller.store.users import add_user, any_user


def wait_until_migrated(database: Database, patience_s: float = 60.0) -> bool:
    """Wait for somebody else's migration; afterwards go on all the same, and let readiness tell."""
    until = time.monotonic() + patience_s
    while not _is_migrated(database):
        if time.monotonic() >= until:
            return False
        time.sleep(0.5)
    return True


def first_start(parts: Services) -> None:
    """Make the first admin key and the first user, unless there are some; what was made up here is printed once."""
    settings, now = parts.settings, parts.now()
    with parts.database.write_alone() as tx:
        if settings.admin_key:
            add_key(tx, settings.admin_key, settings.secret_key, name="first", by="settings", now=now)
        elif not any_admin_key(tx):
            text = new_secret(KeyKind.ADMIN)
            add_key(tx, text, settings.secret_key, name="first", by="first start", now=now)
            _tell("admin API key", text)
        if not any_user(tx):
            password = settings.admin_password or new_password()
            add_user(
                tx,
                settings.admin_email,
                hash_password(password),
                now,
                must_change=not settings.admin_password,
                is_admin=True,
            )
            if not settings.admin_password:
                _tell(f"one-time password of {settings.admin_email}", password)


def check_start(settings: Settings) -> None:
    """Find out, before anything runs, whether the settings that are read later can be used.

    Raises:
        BadSettingValue: The plans, the admin key or the roles of groups cannot be used.
    """
    load_plans(settings.plans)
    try:
        read_mapping(settings.oidc_roles)
    except ValueError as bad:
        form = '{"a group": {"a project": ["a role"]}}'
        raise BadSettingValue(f"HEADGATE_OIDC_ROLES is not {form}: {bad}") from bad
    if settings.admin_key:
        _check_key(settings.admin_key)


def _check_key(text: str) -> None:
    if not is_key(text) or not text.startswith(f"hg_{KeyKind.ADMIN}_"):
        raise BadSettingValue("HEADGATE_ADMIN_KEY is not an admin key; make one with: headgate new-key")


def _is_migrated(database: Database) -> bool:
    try:
        return is_migrated(database)
    except DatabaseUnavailable:
        return False


def _tell(what: str, secret: str) -> None:
    """Show a secret on standard output, not in the log: it is shown this once."""
    sys.stdout.write(f"Headgate first start: {what}: {secret}\n")
    sys.stdout.flush()
