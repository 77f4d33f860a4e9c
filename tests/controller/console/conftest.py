"""An installation of its own for each test, and somebody who looks at it without a browser."""

from __future__ import annotations

import html
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from controller.store.users import find_user, open_session
from stages import Stage
from tests.browser.story import EMAIL, PASSWORD, PRODUCTION, PROJECT, Installation

BEGAN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LIVE_AT = datetime(2026, 3, 2, 9, 2, tzinfo=UTC)


class Visitor:
    """Somebody with a cookie jar; forms are sent with the hidden fields of the page they were last shown on."""

    def __init__(self, house: Installation) -> None:
        self.house = house
        self.client = house.app.test_client()

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.client.get(path, **options)

    def post(self, path: str, _form: str | None = None, **fields: str) -> TestResponse:
        shown = self.get(_form or path).get_data(as_text=True)
        hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', shown)
        return self.client.post(path, data={name: html.unescape(value) for name, value in hidden} | fields)

    def sign_in(self, email: str = EMAIL, password: str = PASSWORD, **fields: str) -> TestResponse:
        return self.post("/sign-in", email=email, password=password, **fields)

    def act(self, what: str, feature: str, *rest: str, **fields: str) -> TestResponse:
        return self.post("/".join(("", what, PROJECT, PRODUCTION, feature, *rest)), **fields)

    def board(self) -> str:
        return self.get(f"/?project={PROJECT}&environment={PRODUCTION}").get_data(as_text=True)


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Databases to start from: one with a user, one with a live feature as well."""
    folder = tmp_path_factory.mktemp("kept")
    made = Installation(folder / "plain.db")
    made.user()
    made.close()
    shutil.copy(folder / "plain.db", folder / "live.db")
    made = Installation(folder / "live.db")
    _go_live(made)
    made.close()
    return folder


@pytest.fixture
def house(kept: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Installation]:
    name = "live.db" if "live" in request.fixturenames else "plain.db"
    shutil.copy(kept / name, tmp_path / "headgate.db")
    made = Installation(tmp_path / "headgate.db", BEGAN if name == "plain.db" else LIVE_AT)
    yield made
    made.close()


@pytest.fixture
def visitor(house: Installation) -> Visitor:
    """Somebody who has not signed in."""
    return Visitor(house)


@pytest.fixture
def ada(house: Installation, visitor: Visitor) -> Visitor:
    """Somebody who has signed in."""
    with house.parts.database.write() as tx:
        user, now = find_user(tx, EMAIL), house.clock()
        assert user is not None
        open_session(tx, user.id, "token-of-ada", "csrf-of-ada", now, now + timedelta(hours=12))
    visitor.client.set_cookie("headgate_session", "token-of-ada")
    return visitor


@pytest.fixture
def live() -> str:
    """The key of a feature that is live for a quarter of the users, in beta, with a candidate."""
    return "claims"


def let_it_fire(house: Installation) -> None:
    """Answers that the trigger does not like, and their evaluation."""
    house.outcomes("claims", 100, unsupported=60)
    house.clock.pass_(minutes=1)
    house.tick()


def _go_live(house: Installation) -> None:
    house.project()
    house.feature("claims", "Claims assistant", "Claims team", "T1", fallback="classic-search")
    first, second = (house.release("claims", f"prompts/claims@{number}") for number in (1, 2))
    house.move("claims", "first", move="introduce", release=first)
    for release in (first, second):
        house.prove("claims", release)
    house.trigger("claims", "unsupported", "unsupported", 0.05)
    house.tick()
    house.promote("claims", Stage.BETA, "evidence complete", share=2500)
    house.move("claims", "shorter answers", move="introduce", release=second, share=1000)
    house.clock.pass_(minutes=1)
    house.tick()
    house.outcomes("claims", 100)
    house.clock.now = LIVE_AT
    house.tick()
