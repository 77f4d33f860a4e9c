from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from controller.store.database import Database
from controller.store.users import (
    User,
    add_user,
    any_user,
    close_session,
    find_session,
    find_user,
    open_session,
    set_password,
)
from tests.conftest import START

UNTIL = START + timedelta(hours=12)


@pytest.fixture
def ada(database: Database) -> User:
    with database.write() as tx:
        assert not any_user(tx)
        add_user(tx, "Ada@Example.com", "hash", START, must_change=True)
        assert any_user(tx)
        found = find_user(tx, " ada@example.com")
    assert found is not None
    return found


def test_nobody_is_found_under_another_address(database: Database, ada: User) -> None:
    with database.read() as tx:
        assert find_user(tx, "eve@example.com") is None
    assert ada.must_change_password


def test_a_session_lasts_until_its_end_and_its_token_is_not_kept(database: Database, ada: User) -> None:
    with database.write() as tx:
        open_session(tx, ada.id, "token", "csrf", START, UNTIL)
        found = find_session(tx, "token", UNTIL - timedelta(seconds=1))
        assert found is not None
        assert (found.user, found.csrf) == (find_user(tx, ada.email), "csrf")
        assert find_session(tx, "token", UNTIL) is None
        assert find_session(tx, "other", START) is None
        assert "token" not in str(tx.execute(text("SELECT token_hash FROM sessions")).all())


def test_a_session_that_was_closed_is_over(database: Database, ada: User) -> None:
    with database.write() as tx:
        open_session(tx, ada.id, "token", "csrf", START, UNTIL)
        close_session(tx, "token")
        assert find_session(tx, "token", START) is None


def test_a_new_password_ends_every_session(database: Database, ada: User) -> None:
    with database.write() as tx:
        for token in ("one", "two"):
            open_session(tx, ada.id, token, "csrf", START, UNTIL)
        set_password(tx, ada.id, "another hash")
        assert find_session(tx, "one", START) is None
        assert find_session(tx, "two", START) is None
        changed = find_user(tx, "ada@example.com")
    assert changed is not None
    assert (changed.password_hash, changed.must_change_password) == ("another hash", False)


def test_sessions_that_are_over_are_cleared_away(database: Database, ada: User) -> None:
    with database.write() as tx:
        open_session(tx, ada.id, "one", "csrf", START, UNTIL)
        open_session(tx, ada.id, "two", "csrf", UNTIL, UNTIL + timedelta(hours=1))
        assert len(tx.execute(text("SELECT * FROM sessions")).all()) == 1
