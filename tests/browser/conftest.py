"""A real browser, and real servers for it to look at."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from controller.store.keys import KeyKind, new_secret
from tests.browser.story import EMAIL, PASSWORD, PLANS, SECRET, Installation, tell
from tests.components import free_port, stop

CHROMIUM = Path("/usr/bin/chromium")
ROOT = Path(__file__).parents[2]
START_S = 60.0
_COMMAND = [sys.executable, "-c", "from controller.cli import main; main()", "serve"]


@dataclass(frozen=True)
class Served:
    """A `headgate serve` that is ready."""

    port: int
    admin_key: str
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def call(self, method: str, path: str, body: Any = None, key: str = "") -> Any:
        """Ask the API."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Authorization": f"Bearer {key or self.admin_key}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status < 300, content
            return json.loads(content) if content else None
        finally:
            connection.close()

    def one_time_password(self) -> str:
        """What the first start printed."""
        found = re.search(r"one-time password of \S+: (\S+)", self.log.read_text())
        assert found, self.log.read_text()
        return found[1]


@dataclass
class Watched:
    """A page, and what went wrong on it."""

    page: Page
    server: Served
    troubles: list[str] = field(default_factory=list)

    def sign_in(self, email: str = EMAIL, password: str = PASSWORD) -> None:
        self.page.goto(f"{self.server.url}/sign-in")
        self.page.get_by_label("E-mail address").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()

    def fits(self) -> bool:
        """See `fits`."""
        return fits(self.page)


def fits(page: Page) -> bool:
    """Whether nothing has to be scrolled to sideways; a page without its style yet is wider than it will be."""
    page.wait_for_load_state("load")
    size = page.viewport_size
    width: int = page.evaluate("document.documentElement.scrollWidth")
    return size is not None and width <= size["width"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        reason = f"there is no {CHROMIUM}; install Debian's chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Served]:
    """An installation at its first start."""
    with serving(tmp_path) as server:
        yield server


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a story, told up to now."""
    database = tmp_path_factory.mktemp("story") / "headgate.db"
    stage = Installation(database)
    stage.user()
    stage.user("ben@acme.example")
    tell(stage, datetime.now(UTC))
    stage.close()
    return database


@pytest.fixture
def told(story: Path, tmp_path: Path) -> Iterator[Served]:
    """An installation with a story."""
    shutil.copy(story, tmp_path / "headgate.db")
    with serving(tmp_path) as server:
        yield server


@pytest.fixture(scope="module")
def kept(story: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The same for all tests of a module, which only look."""
    folder = tmp_path_factory.mktemp("kept")
    shutil.copy(story, folder / "headgate.db")
    with serving(folder) as server:
        yield server


@pytest.fixture
def look(chromium: Browser) -> Iterator[Callable[..., Watched]]:
    """Opens pages that must stay without errors and violations of the content security policy."""
    opened: list[Watched] = []
    contexts: list[BrowserContext] = []

    def open_page(server: Served, **options: Any) -> Watched:
        context = chromium.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(20_000)
        watched = Watched(context.new_page(), server)
        watched.page.on("console", lambda message: _note(watched, message))
        watched.page.on("pageerror", lambda error: watched.troubles.append(str(error)))
        opened.append(watched)
        return watched

    yield open_page
    for context in contexts:
        context.close()
    assert [trouble for watched in opened for trouble in watched.troubles] == []


def _note(watched: Watched, message: ConsoleMessage) -> None:
    if message.type in ("error", "warning"):
        watched.troubles.append(message.text)


@contextlib.contextmanager
def serving(directory: Path) -> Iterator[Served]:
    server = Served(free_port(), new_secret(KeyKind.ADMIN), directory / "log")
    environ = {
        **{key: value for key, value in os.environ.items() if not key.startswith("HEADGATE_")},
        "HEADGATE_DATABASE_URL": f"sqlite:///{directory / 'headgate.db'}",
        "HEADGATE_SECRET_KEY": SECRET,
        "HEADGATE_PLANS": str(PLANS),
        "HEADGATE_PORT": str(server.port),
        "HEADGATE_ADMIN_KEY": server.admin_key,
        "PYTHONUNBUFFERED": "1",
    }
    with server.log.open("wb") as log:
        process = subprocess.Popen(_COMMAND, cwd=ROOT, env=environ, stdout=log, stderr=log)
        try:
            _wait_until_ready(server, process)
            yield server
        finally:
            stop(process)


def _wait_until_ready(server: Served, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        with contextlib.suppress(OSError, AssertionError):
            server.call("GET", "/readyz")
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.1)
            break
    pytest.fail(f"Headgate did not become ready:\n{server.log.read_text()[-2000:]}")
