"""A real ``headgate serve`` with something to evaluate: what clients of any language are tested against."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from controller.store.keys import KeyKind, new_secret
from tests.components import free_port, stop

PATIENCE_S = 60.0
FEATURE = "claims-assistant"
_ROLLOUT = f"/projects/acme/environments/staging/rollouts/{FEATURE}"


def eventually(what: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """What a question is answered with as soon as the answer counts as true; asks until the patience is over."""
    until = time.monotonic() + patience_s
    while not (found := what()):
        if time.monotonic() > until:
            pytest.fail(f"it did not come true within {patience_s} s; the last answer was {found!r}")
        time.sleep(0.02)
    return found


@dataclass
class Headgate:
    """A server process, and the API as an admin uses it."""

    url: str
    admin_key: str
    log: Path
    server_key: str = ""
    release: str = ""

    def ask(self, method: str, path: str, content: Any = None, **kwargs: Any) -> requests.Response:
        """Ask the API."""
        headers = {"Authorization": f"Bearer {self.admin_key}", **kwargs.pop("headers", {})}
        return requests.request(
            method, f"{self.url}/api/v1{path}", json=content, headers=headers, timeout=30, **kwargs
        )

    def ok(self, method: str, path: str, content: Any = None) -> Any:
        """Ask the API and expect success."""
        answer = self.ask(method, path, content)
        assert answer.ok, answer.text
        return answer.json()

    def move(self, move: str, **content: Any) -> Any:
        """Move the feature, and wait until clients are answered by it."""
        moved = self.ok("POST", f"{_ROLLOUT}/moves", {"move": move, "reason": "a test", **content})
        if self.server_key:
            eventually(lambda: self.served() >= moved["version"])
        return moved

    def served(self) -> int:
        """The version of the rollout that clients are answered by."""
        headers = {"Authorization": f"Bearer {self.server_key}"}
        flags = requests.get(f"{self.url}/sdk/v1/flags", headers=headers, timeout=30).json()["flags"]
        return int(flags[FEATURE]["metadata"]["rollout_version"])

    def build(self) -> None:
        """A project, and a feature that everybody has."""
        self.ok("POST", "/projects", {"key": "acme"})
        self.ok("POST", "/projects/acme/environments", {"key": "staging", "protected": False})
        feature = {
            "key": FEATURE,
            "owner": "claims",
            "risk_tier": "T1",
            "fallback": "search",
            "when_lost": "keep",
        }
        self.ok("POST", "/projects/acme/features", feature)
        bundle = {
            "prompt": {"ref": "x@1"},
            "model": {"provider": "p", "id": "m", "params": {"temperature": 0.5}},
        }
        path = f"/projects/acme/features/{FEATURE}/releases"
        self.release = self.ok("POST", path, {"bundle": bundle})["id"]
        self.move("introduce", release=self.release)
        exposure = {"share": 10_000, "autonomy": "execute"}
        promotion = {"stage": "beta", "reason": "x", "exposure": exposure}
        self.ok("POST", f"{_ROLLOUT}/promotions", promotion)
        made = {"kind": "server", "name": "clients", "environment": "staging"}
        self.server_key = self.ok("POST", "/projects/acme/keys", made)["text"]

    def is_ready(self) -> bool:
        """Whether it says that it can do its work."""
        try:
            return requests.get(f"{self.url}/readyz", timeout=5).ok
        except requests.ConnectionError:
            return False


@contextlib.contextmanager
def serving(directory: Path) -> Iterator[Headgate]:
    """A ``headgate serve`` on an embedded database in a directory, for the length of a with block."""
    port, admin_key = free_port(), new_secret(KeyKind.ADMIN)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}
    environment |= {
        "HEADGATE_DATABASE_URL": f"sqlite:///{directory / 'headgate.db'}",
        "HEADGATE_ADMIN_KEY": admin_key,
        "HEADGATE_ADMIN_PASSWORD": "a password for tests alone",
        "HEADGATE_TICK_SECONDS": "0.1",
    }
    command = [str(Path(sys.executable).with_name("headgate")), "serve", "--port", str(port)]
    log = directory / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file, cwd=directory)
        headgate = Headgate(f"http://127.0.0.1:{port}", admin_key, log)
        try:
            eventually(lambda: headgate.is_ready() or process.poll() is not None)
            assert process.poll() is None, log.read_text()
            headgate.build()
            yield headgate
        finally:
            stop(process)
        assert process.returncode == 0, "it did not leave by itself when it was told to"
