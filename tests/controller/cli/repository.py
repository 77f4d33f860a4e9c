"""A real git repository to release from."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

REST = """
model: {provider: example, id: model-2026-01-01, params: {temperature: 0.2}}
guardrails: g-7
retrieval: {index: 2026-11-01}
"""


@dataclass(frozen=True)
class Repository:
    folder: Path

    def git(self, *arguments: str) -> str:
        own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        who = {
            f"GIT_{role}_{what}": "ada@example.com"
            for role in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        }
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], **own, **who},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def commit(self, subject: str = "Answer politely", **files: str) -> str:
        """Commit everything that is there; gives the commit's id."""
        for name, text in files.items():
            self.write(name, text)
        self.git("add", "--all", "--force")
        self.git("commit", "--message", subject)
        return self.git("rev-parse", "HEAD")


def new_repository(folder: Path) -> Repository:
    """A repository with a prompt and the rest of a bundle, committed."""
    folder.mkdir()
    repository = Repository(folder)
    repository.git("init", "--initial-branch=main")
    repository.write("prompts/answer.md", "Answer politely.\n")
    repository.write("prompts/router.md", "Where does it belong?\n")
    repository.write("release.yaml", REST)
    repository.commit()
    return repository
