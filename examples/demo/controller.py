"""A controller of our own: a process on an embedded SQLite file, and the few requests the story needs."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import requests

_START_S = 30.0
EMAIL = "you@demo.example"


class DemoError(Exception):
    """Something of the story did not happen."""


class Controller:
    """The controller as a child process; its data is in ``folder``, which is emptied first."""

    def __init__(self, folder: Path, plans: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._folder = folder
        self.password = secrets.token_urlsafe(12)
        self.admin_key = _command("new-key").strip()
        self._environment = os.environ | {
            "HEADGATE_DATABASE_URL": f"sqlite:///{folder / 'headgate.db'}",
            "HEADGATE_PLANS": str(plans),
            "HEADGATE_ADMIN_KEY": self.admin_key,
            "HEADGATE_ADMIN_EMAIL": EMAIL,
            "HEADGATE_ADMIN_PASSWORD": self.password,
            "HEADGATE_TICK_SECONDS": "0.25",
        }
        port = _free_port(8080)
        self.url = f"http://127.0.0.1:{port}"
        self._log = (folder / "controller.log").open("wb")
        self._process = subprocess.Popen(  # noqa: S603 - our own command, with our own arguments
            [_headgate(), "serve", "--port", str(port)],
            env=self._environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> Self:
        until = time.monotonic() + _START_S
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > until:
                self.close()
                raise DemoError(f"the controller did not start; its log is {self._folder / 'controller.log'}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the process."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._log.close()

    def wait(self) -> None:
        """Stay until the process ends."""
        self._process.wait()

    def verify_audit(self) -> str:
        """What ``headgate verify-audit`` says; raises DemoError when the record is not whole."""
        return _command("verify-audit", environment=self._environment).strip()

    def _is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/readyz", timeout=1).ok
        except requests.ConnectionError:
            return False


class Api:
    """The API as one person or team uses it."""

    def __init__(self, url: str, key: str) -> None:
        self._url = f"{url}/api/v1"
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {key}"
        told = {"URL": url, "API_KEY": key, "PROJECT": "northwind", "ENVIRONMENT": "production"}
        self._environment = os.environ | {f"HEADGATE_{name}": value for name, value in told.items()}

    def get(self, path: str) -> Any:
        """The content of an address."""
        return self._checked(self._session.get(self._url + path, timeout=10))

    def page(self, path: str) -> str:
        """A page, as text."""
        answer = self._session.get(self._url + path, timeout=10)
        if not answer.ok:
            raise DemoError(f"GET {path}: {answer.status_code} {answer.text}")
        return answer.text

    def post(self, path: str, content: dict[str, Any] | None = None) -> Any:
        """Send something new."""
        return self._checked(self._session.post(self._url + path, json=content or {}, timeout=10))

    def put(self, path: str, content: dict[str, Any]) -> Any:
        """Put something in its place."""
        return self._checked(self._session.put(self._url + path, json=content, timeout=10))

    def command(self, *arguments: str) -> str:
        """What the command ``headgate`` says to this person; DemoError if it fails."""
        return _command(*arguments, environment=self._environment)

    def refused(self, path: str, content: dict[str, Any]) -> list[dict[str, str]]:
        """Send something that is to be refused; returns every reason."""
        answer = self._session.post(self._url + path, json=content, timeout=10)
        if answer.status_code != requests.codes.conflict:
            raise DemoError(f"POST {path} was not refused: {answer.status_code} {answer.text}")
        reasons: list[dict[str, str]] = answer.json()["errors"]
        return reasons

    def _checked(self, answer: requests.Response) -> Any:
        if not answer.ok:
            raise DemoError(f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text}")
        return answer.json()


def _command(*arguments: str, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(  # noqa: S603 - our own command
        [_headgate(), *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise DemoError(f"headgate {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return done.stdout


def _headgate() -> str:
    return str(Path(sys.executable).with_name("headgate"))


def _free_port(preferred: int) -> int:
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise DemoError("there is no free port on this machine")
