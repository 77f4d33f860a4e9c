from __future__ import annotations

import re

import pytest
from sqlalchemy import text

from controller.errors import NotFound
from controller.store.database import Database
from controller.store.keys import (
    KeyKind,
    add_key,
    any_admin_key,
    find_key,
    is_key,
    keys_of,
    mark_used,
    new_secret,
    revoke_key,
    was_used_lately,
)
from controller.store.projects import add_project
from tests.conftest import SECRET, Clock


@pytest.fixture
def secret(database: Database, clock: Clock) -> str:
    """The text of an admin key that is known."""
    made = new_secret(KeyKind.ADMIN)
    with database.write() as tx:
        add_key(tx, made, SECRET, name="tests", by="tests", now=clock())
    return made


def opens(database: Database, key: str, pepper: str = SECRET) -> bool:
    with database.read() as tx:
        return find_key(tx, key, pepper) is not None


def test_a_key_opens_with_its_own_secret_and_pepper_alone(database: Database, secret: str) -> None:
    assert opens(database, secret)
    assert not opens(database, secret[:-1] + ("a" if secret[-1] != "a" else "b"))
    assert not opens(database, secret.replace("hg_admin_", "hg_server_"))
    assert not opens(database, re.sub("_[0-9a-f]{12}_", "_0123456789ab_", secret))
    assert not opens(database, secret, "another pepper")
    for malformed in ("", "hg_admin_x_y", secret + "\n", f" {secret}"):
        assert not is_key(malformed)
        assert not opens(database, malformed)


def test_the_secret_is_not_in_the_database(database: Database, secret: str) -> None:
    with database.read() as tx:
        [row] = tx.execute(text("SELECT * FROM api_keys")).all()
    assert secret.rsplit("_", 1)[1] not in str(row)


def test_a_key_is_marked_as_used_once_a_minute(database: Database, secret: str, clock: Clock) -> None:
    def used() -> object:
        with database.write() as tx:
            found = find_key(tx, secret, SECRET)
            assert found is not None
            if not was_used_lately(found, clock()):
                mark_used(tx, found.id, clock())
            again = find_key(tx, secret, SECRET)
        assert again is not None
        return again.last_used_at

    first = used()
    assert first == clock()
    clock.pass_(60)
    assert used() == first
    clock.pass_(1)
    assert used() == clock()


def test_a_revoked_key_opens_nothing_and_stays_revoked(database: Database, secret: str, clock: Clock) -> None:
    id = secret.split("_")[2]
    with database.write() as tx:
        project = add_project(tx, "acme", "", "", clock()).id
        with pytest.raises(NotFound):
            revoke_key(tx, project, id, clock())
        first = revoke_key(tx, None, id, clock()).revoked_at
        again = revoke_key(tx, None, id, clock.pass_(10)).revoked_at
        add_key(tx, secret, SECRET, name="tests", by="tests", now=clock())
    assert first == again
    assert not opens(database, secret)


def test_the_keys_of_a_project_are_its_own(database: Database, secret: str, clock: Clock) -> None:
    with database.write() as tx:
        project = add_project(tx, "acme", "", "", clock()).id
        owner = {"name": "product", "by": "tests", "now": clock(), "project_id": project}
        mine = add_key(tx, new_secret(KeyKind.SERVER), SECRET, **owner)
        assert keys_of(tx, project) == [mine]
        assert [key.name for key in keys_of(tx, None)] == ["tests"]
        assert any_admin_key(tx)


def test_a_project_key_is_no_admin_key_of_the_installation(database: Database, clock: Clock) -> None:
    with database.write() as tx:
        assert not any_admin_key(tx)
        project = add_project(tx, "acme", "", "", clock()).id
        add_key(tx, new_secret(KeyKind.ADMIN), SECRET, name="x", by="x", now=clock(), project_id=project)
        assert not any_admin_key(tx)
        with pytest.raises(ValueError, match="an API key reads"):
            add_key(tx, "secret", SECRET, name="x", by="x", now=clock())
