"""Bundles of releases, put together from a work tree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from controller.api.feature_schemas import BundleSchema
from controller.api.parsing import load
from controller.cli.documents import parse
from controller.cli.worktree import Commit, CommittedFile, NotCommitted, find_commit
from stages import Release, seal

REST = "release.yaml"
"""The file of a work tree with all of a bundle but its prompts."""


class BadBundle(Exception):
    """A bundle cannot be put together; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A bundle that is not sealed yet, and what is to be said of it."""

    bundle: Mapping[str, Any]
    notes: str


def from_work_tree(
    folder: Path, prompts: Iterable[str], rest: Mapping[str, Any] | None = None, revision: str | None = None
) -> Draft:
    """A bundle whose prompts are files of a commit.

    ``prompts`` are paths as seen from the folder, the main one first; a further one may have a name in front of it:
    ``router=prompts/router.md``. Without ``rest``, the rest of the bundle is in `REST` at the same commit.

    Raises:
        BadBundle: Something is not committed, not there, or said twice.
    """
    named = [_name_and_path(prompt) for prompt in prompts]
    try:
        commit = find_commit(folder, revision)
        content = dict(rest) if rest is not None else _rest(commit, [path for _, path in named])
        files = commit.files(path for _, path in named)
        notes = commit.subject()
    except NotCommitted as error:
        raise BadBundle(str(error)) from error
    return Draft(content | _prompts([name for name, _ in named], files, content), notes)


def complete(bundle: Mapping[str, Any]) -> Release:
    """A bundle as the API would seal it, with what it adds of itself.

    Raises:
        InvalidInput: It is none; names every field.
    """
    return seal(load(BundleSchema(), bundle))


def _name_and_path(prompt: str) -> tuple[str, str]:
    name, is_named, path = prompt.partition("=")
    return (name, path) if is_named else (PurePosixPath(prompt).stem, prompt)


def _rest(commit: Commit, prompts: list[str]) -> dict[str, Any]:
    if not commit.has(REST):
        raise BadBundle(f"there is no {REST} in {commit.folder}; write one, or name a file with --bundle")
    # Asked for together with the prompts, so that everything that is not committed is named at once.
    file, *_ = commit.files([REST, *prompts])
    try:
        return parse(file.content, REST)
    except ValueError as error:
        raise BadBundle(f"{file.path}: {error}") from error


def _prompts(names: list[str], files: list[CommittedFile], content: Mapping[str, Any]) -> dict[str, Any]:
    if not files:
        if "prompt" not in content:
            raise BadBundle("no prompt is named; name its file with --prompt")
        return {}
    if said := [field for field in ("prompt", "prompts") if field in content]:
        raise BadBundle(
            f"{' and '.join(said)} stands in the bundle and is named by --prompt; take one of them"
        )
    if twice := next((name for name in names[1:] if names[1:].count(name) > 1), None):
        raise BadBundle(f"two prompts are called {twice}; name one of them: --prompt another={twice}.md")
    main, *others = [{"ref": file.ref, "sha256": file.sha256} for file in files]
    further = [{"name": name, **prompt} for name, prompt in zip(names[1:], others, strict=True)]
    return {"prompt": main} | ({"prompts": further} if further else {})
