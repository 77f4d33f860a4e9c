"""Files of a git work tree as they are at a commit. Nothing is read from the disk, and nothing is changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_PATIENCE_S = 60.0
_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}
"""What git is told by its environment, whatever the shell or a hook says."""
_KEPT = ("HOME", "PATH", "XDG_CONFIG_HOME")
"""What is taken over: where git is, and which directories its user calls safe."""
_PLAIN_FILES = ("100644", "100755")


class NotCommitted(Exception):
    """A file or commit is not there as it would have to be; the message says which, and what to do."""


@dataclass(frozen=True, slots=True)
class CommittedFile:
    """A file at a commit. ``path`` begins at the top of the work tree."""

    path: str
    commit: str
    content: bytes

    @property
    def ref(self) -> str:
        """Where it stands, for ever."""
        return f"git:{self.path}@{self.commit}"

    @property
    def sha256(self) -> str:
        """The hash of its content."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of the work tree around ``folder``. ``is_checked_out``: what is on the disk is meant to be this."""

    folder: Path
    top: Path
    sha: str
    is_checked_out: bool

    def subject(self) -> str:
        """The first line of its message."""
        return _git(self.top, "show", "--no-patch", "--format=%s", self.sha).decode(errors="replace").strip()

    def files(self, names: Iterable[str]) -> list[CommittedFile]:
        """Files by their names as seen from the folder.

        Raises:
            NotCommitted: One is not a plain file of the commit, or differs on the disk; names each.
        """
        paths = [self._path(name) for name in names]
        if self.is_checked_out:
            _refuse_changed(self.top, paths)
        return [self._file(path) for path in paths]

    def has(self, name: str) -> bool:
        """Whether a file is in the commit, or at least on the disk of one that is checked out."""
        on_disk = self.is_checked_out and (self.folder / name).exists()
        return on_disk or bool(self._entry(self._path(name)))

    def _path(self, name: str) -> str:
        given = self.folder / name
        inside = Path(os.path.normpath(given.parent.resolve() / given.name))
        if not inside.is_relative_to(self.top) or inside == self.top:
            raise NotCommitted(f"{name} lies outside of the work tree {self.top}; name a file in it")
        return PurePosixPath(inside.relative_to(self.top)).as_posix()

    def _entry(self, path: str) -> str:
        return os.fsdecode(_git(self.top, "ls-tree", "-z", "--full-tree", self.sha, "--", path))

    def _file(self, path: str) -> CommittedFile:
        entry = self._entry(path)
        if not entry:
            raise NotCommitted(
                f"{path} is not in the commit {self.sha[:12]}; name one that has it with --commit"
            )
        if not entry.startswith(_PLAIN_FILES):
            raise NotCommitted(
                f"{path} is not a plain file in the commit {self.sha[:12]}; name the file itself"
            )
        return CommittedFile(path, self.sha, _git(self.top, "cat-file", "blob", f"{self.sha}:{path}"))


def find_commit(folder: Path, revision: str | None = None) -> Commit:
    """The commit that a work tree stands on, or another one of it.

    Raises:
        NotCommitted: There is no work tree, or no such commit.
    """
    if not folder.is_dir():
        raise NotCommitted(f"{folder} is not a folder; name one of a git work tree")
    top = Path(os.fsdecode(_git(folder, "rev-parse", "--show-toplevel")).removesuffix("\n"))
    wanted = revision or "HEAD"
    try:
        # What begins with a dash would be an option.
        sha = _git(folder, "rev-parse", "--verify", "--quiet", f"{wanted.lstrip('-')}^{{commit}}")
    except NotCommitted:
        remedy = "name one of this work tree" if revision else "commit first"
        raise NotCommitted(f"there is no commit {wanted} in {top}; {remedy}") from None
    return Commit(folder.resolve(), top.resolve(), sha.decode().strip(), is_checked_out=not revision)


def _refuse_changed(top: Path, paths: list[str]) -> None:
    if not paths:
        return
    asked = ("status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--ignored=matching")
    entries = os.fsdecode(_git(top, *asked, "--", *paths)).split("\0")
    if found := sorted(_changed(entries)):
        raise NotCommitted(f"{', '.join(found)}; commit first, or name a commit with --commit")


def _changed(entries: list[str]) -> Iterator[str]:
    for entry in filter(None, entries):
        is_known = entry[:2] not in ("??", "!!")
        yield f"{entry[3:]} {'differs from what is committed' if is_known else 'is not committed'}"


def _git(folder: Path, *arguments: str) -> bytes:
    binary = shutil.which("git")
    if binary is None:
        raise NotCommitted("git is not installed; install it, or write the bundle by hand (--bundle)")
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    # A file-system monitor is a program that the configuration of a repository could name.
    command = [binary, "-c", "core.fsmonitor=false", *arguments]
    try:
        done = subprocess.run(  # noqa: S603 - its arguments are ours, and paths behind a --
            command,
            cwd=folder,
            env=kept | _ENVIRONMENT,
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotCommitted(
            f"git {arguments[0]} did not end within {_PATIENCE_S:g} s; look at it by hand"
        ) from None
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())
        raise NotCommitted(f"git {arguments[0]} failed in {folder}: {said or 'it did not say why'}")
    return done.stdout
