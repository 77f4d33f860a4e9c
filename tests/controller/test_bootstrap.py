from __future__ import annotations

import re

import pytest

from controller.bootstrap import check_start, first_start, wait_until_migrated
from controller.passwords import is_password
from controller.settings import BadSettingValue, Settings
from controller.store.database import Database
from controller.store.keys import KeyKind, find_key, new_secret
from controller.store.users import find_user
from tests.conftest import SECRET, Clock
from tests.controller.tenant import services_on


def test_the_first_start_makes_a_key_and_a_person_and_shows_their_secrets_once(
    database_url: str, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = services_on(database_url, clock)
    first_start(parts)
    shown = capsys.readouterr().out
    key = re.search(r"admin API key: (\S+)", shown)
    password = re.search(r"one-time password of admin@headgate.local: (\S+)", shown)
    assert key
    assert password
    with parts.database.read() as tx:
        found, user = find_key(tx, key[1], SECRET), find_user(tx, "admin@headgate.local")
    assert found is not None
    assert (found.kind, found.project_id) == (KeyKind.ADMIN, None)
    assert user is not None
    assert user.must_change_password
    assert is_password(user.password_hash, password[1])
    first_start(parts)
    assert capsys.readouterr().out == ""
    parts.database.close()


def test_secrets_that_were_given_are_used_and_not_shown(
    sqlite_url: str, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    key = new_secret(KeyKind.ADMIN)
    given = {"admin_key": key, "admin_email": "ada@example.com", "admin_password": "correct horse battery"}
    parts = services_on(sqlite_url, clock, **given)
    first_start(parts)
    first_start(parts)
    assert capsys.readouterr().out == ""
    with parts.database.read() as tx:
        user = find_user(tx, "ada@example.com")
        assert find_key(tx, key, SECRET) is not None
    assert user is not None
    assert not user.must_change_password
    parts.database.close()


@pytest.mark.parametrize("key", ["secret", "hg_server_0123456789ab_" + "x" * 43])
def test_a_key_that_is_no_admin_key_is_refused_before_anything_starts(key: str) -> None:
    settings = Settings(database_url="sqlite:///x", secret_key=SECRET, admin_key=key)
    with pytest.raises(BadSettingValue, match="HEADGATE_ADMIN_KEY is not an admin key"):
        check_start(settings)


def test_plans_that_cannot_be_used_are_refused_before_anything_starts() -> None:
    settings = Settings(database_url="sqlite:///x", secret_key=SECRET, plans="/nowhere/plans.yaml")
    with pytest.raises(BadSettingValue, match="HEADGATE_PLANS=/nowhere"):
        check_start(settings)


@pytest.mark.parametrize(
    "roles",
    ["risk", '{"risk": "approver"}', '{"risk": {"acme": ["root"]}}', '["risk"]', '{"risk": {"acme": 1}}'],
)
def test_roles_of_groups_that_cannot_be_read_are_refused_before_anything_starts(roles: str) -> None:
    settings = Settings(database_url="sqlite:///x", secret_key=SECRET, oidc_roles=roles)
    with pytest.raises(BadSettingValue, match="HEADGATE_OIDC_ROLES is not"):
        check_start(settings)


def test_settings_that_can_be_used_are_let_through() -> None:
    check_start(Settings(database_url="sqlite:///x", secret_key=SECRET, admin_key=new_secret(KeyKind.ADMIN)))


def test_a_migrated_database_is_not_waited_for(database: Database) -> None:
    assert wait_until_migrated(database, patience_s=0)


def test_one_that_is_not_there_is_waited_for_no_longer_than_told() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/nothing")
    assert not wait_until_migrated(database, patience_s=0)
    database.close()
