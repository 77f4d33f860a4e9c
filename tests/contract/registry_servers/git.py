"""A git server: git's own, behind our door for tests."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from controller.registries import Pointer
from tests.contract.registry_servers.server import RegistryServer, said_too_much
from tests.endpoint import Call

_WHO = ("-c", "user.name=Claims", "-c", "user.email=claims@example.com")


def git(folder: Path, *arguments: str, stdin: bytes = b"") -> str:
    """Run git in a repository, away from the settings of this machine."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    ran = subprocess.run(
        ["git", *_WHO, *arguments],
        cwd=folder,
        env=environ,
        input=stdin,
        capture_output=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    return ran.stdout.decode().strip()


class GitServer(RegistryServer):
    """One repository with a branch of three commits that is moved, and a branch that has them all."""

    pointer = Pointer("prompts/claims answer.txt", "refs/heads/live")
    target_sha256 = hashlib.sha256(b"Answer 0\n").hexdigest()
    compares_and_swaps = True

    def __init__(self, folder: Path, commits: list[str]) -> None:
        super().__init__()
        self.folder = folder
        self.commits = commits

    @classmethod
    @contextmanager
    def made(cls, folder: Path) -> Iterator[Self]:
        (folder / "prompts").mkdir(parents=True)
        git(folder, "init", "-q", "--initial-branch=main", ".")
        commits = []
        for number in range(3):
            (folder / "prompts" / "claims answer.txt").write_text(f"Answer {number}\n")
            (folder / "README").write_text("Prompts of the claims team.\n")
            git(folder, "add", "prompts", "README")
            git(folder, "commit", "-q", "-m", f"Version {number}")
            commits.append(git(folder, "rev-parse", "HEAD"))
        git(folder, "branch", "live", commits[1])
        git(folder, "config", "http.receivepack", "true")
        git(folder, "config", "uploadpack.allowFilter", "true")
        yield cls(folder, commits)

    @property
    def versions(self) -> tuple[str, str, str]:
        """Back is down: the target is the oldest."""
        return self.commits[1], self.commits[0], self.commits[2]

    @property
    def now(self) -> str:
        return git(self.folder, "rev-parse", "refs/heads/live^{commit}")

    def move(self, version: str) -> None:
        git(self.folder, "update-ref", "refs/heads/live", version)

    def settings(self, url: str) -> dict[str, Any]:
        return {"url": f"{url}/.git", "auth": "basic", "secret": "env:REGISTRY"}

    def is_write(self, call: Call) -> bool:
        return call.path.endswith("/git-receive-pack")

    def refuse(self, call: Call, status: int) -> None:
        headers = {"Content-Type": "text/plain", "WWW-Authenticate": 'Basic realm="git"'}
        if status == 429:
            headers["Retry-After"] = "17"
        call.reply(status, said_too_much(call).encode(), headers)

    def answer(self, call: Call) -> None:
        """Let git's own program answer, by the rules of CGI."""
        url = urlsplit(call.path)
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": call.headers.get("git-protocol", ""),
            "PATH_INFO": url.path,
            "QUERY_STRING": url.query,
            "REQUEST_METHOD": call.method,
            "REMOTE_USER": self.user,
            "CONTENT_TYPE": call.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(call.body)),
        }
        command = ["git", "http-backend"]
        ran = subprocess.run(command, env=environ, input=call.body, capture_output=True, check=False)
        head, _, body = ran.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        status = int(headers.pop("Status", "200").split(" ")[0])
        call.reply(status, body, headers)
