from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from controller.cli.worktree import NotCommitted, find_commit
from tests.controller.cli.repository import Repository, new_repository

PROMPT = "prompts/answer.md"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return new_repository(tmp_path / "product")


def test_a_file_is_what_it_is_at_the_commit(repository: Repository) -> None:
    commit = find_commit(repository.folder)
    assert commit.sha == repository.git("rev-parse", "HEAD")
    assert commit.subject() == "Answer politely"
    (file,) = commit.files([PROMPT])
    assert file.content == b"Answer politely.\n"
    assert file.ref == f"git:{PROMPT}@{commit.sha}"
    assert file.sha256 == hashlib.sha256(b"Answer politely.\n").hexdigest()


def test_a_file_is_named_as_seen_from_a_subfolder(repository: Repository) -> None:
    repository.write("service/prompts/answer.md", "Another one.\n")
    repository.commit()
    commit = find_commit(repository.folder / "service")
    own, above = commit.files(["prompts/answer.md", "../prompts/answer.md"])
    assert (own.path, own.content) == ("service/prompts/answer.md", b"Another one.\n")
    assert (above.path, above.content) == ("prompts/answer.md", b"Answer politely.\n")


def test_an_absolute_path_and_a_link_to_the_work_tree_lead_to_the_same_file(
    repository: Repository, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(repository.folder)
    commit = find_commit(tmp_path / "link")
    by_link, absolute = commit.files([PROMPT, str(tmp_path / "link" / PROMPT)])
    assert by_link == absolute
    assert by_link.path == PROMPT


def test_an_earlier_commit_is_taken_whatever_is_on_the_disk(repository: Repository) -> None:
    repository.git("tag", "first")
    repository.write(PROMPT, "Newer.\n")
    repository.commit("Newer")
    repository.write(PROMPT, "Newest, not committed.\n")
    commit = find_commit(repository.folder, "first")
    assert commit.files([PROMPT])[0].content == b"Answer politely.\n"
    assert find_commit(repository.folder, "HEAD").files([PROMPT])[0].content == b"Newer.\n"


def test_what_is_not_committed_is_refused_by_name_all_at_once(repository: Repository) -> None:
    repository.write(".gitignore", "ignored.md\n")
    repository.commit("Ignore")
    repository.write(PROMPT, "Changed.\n")
    (repository.folder / "prompts/router.md").unlink()
    for name in ("new.md", "ignored.md", "staged.md"):
        repository.write(name, "x")
    repository.git("add", "staged.md")
    names = [PROMPT, "prompts/router.md", "new.md", "ignored.md", "staged.md"]
    with pytest.raises(NotCommitted) as refused:
        find_commit(repository.folder).files(names)
    told, remedy = str(refused.value).split(";")
    assert sorted(told.split(", ")) == [
        "ignored.md is not committed",
        "new.md is not committed",
        "prompts/answer.md differs from what is committed",
        "prompts/router.md differs from what is committed",
        "staged.md differs from what is committed",
    ]
    assert "commit first" in remedy


def test_changes_of_other_files_do_not_matter(repository: Repository) -> None:
    repository.write("prompts/router.md", "Changed.\n")
    repository.write("new.md", "x")
    assert find_commit(repository.folder).files([PROMPT])


def test_names_are_taken_literally(repository: Repository) -> None:
    repository.write("prompts/*.md", "a star\n")
    repository.write("prompts/ü \n.md", "odd\n")
    repository.commit()
    repository.write(PROMPT, "Changed.\n")
    star, odd = find_commit(repository.folder).files(["prompts/*.md", "prompts/ü \n.md"])
    assert (star.content, odd.content) == (b"a star\n", b"odd\n")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("prompts/none.md", "prompts/none.md is not in the commit"),
        ("prompts", "prompts is not a plain file"),
        ("link.md", "link.md is not a plain file"),
        ("../other.md", "lies outside of the work tree"),
        ("..", "lies outside of the work tree"),
        (".", "lies outside of the work tree"),
    ],
)
def test_what_is_no_file_of_the_commit_is_refused(repository: Repository, name: str, said: str) -> None:
    (repository.folder / "link.md").symlink_to(PROMPT)
    repository.commit("Link")
    with pytest.raises(NotCommitted, match=said):
        find_commit(repository.folder).files([name])


def test_a_folder_that_is_no_work_tree_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotCommitted, match=r"git rev-parse failed in .*not a git repository"):
        find_commit(tmp_path)
    with pytest.raises(NotCommitted, match="is not a folder"):
        find_commit(tmp_path / "none")


def test_a_work_tree_without_a_commit_is_refused(tmp_path: Path) -> None:
    Repository(tmp_path).git("init")
    with pytest.raises(NotCommitted, match=r"there is no commit HEAD in .*; commit first"):
        find_commit(tmp_path)


@pytest.mark.parametrize("revision", ["none", "--all", "HEAD:prompts", "-"])
def test_what_is_no_commit_is_refused(repository: Repository, revision: str) -> None:
    with pytest.raises(NotCommitted, match=f"there is no commit {revision} in"):
        find_commit(repository.folder, revision)


def test_what_a_shell_or_hook_tells_git_is_left_out(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = new_repository(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other.folder / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.folder))
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert find_commit(repository.folder).top == repository.folder.resolve()


def test_a_program_that_a_repository_names_is_not_run(repository: Repository, tmp_path: Path) -> None:
    program = repository.write(".git/monitor", f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n")
    program.chmod(0o700)
    repository.git("config", "core.fsmonitor", str(program))
    find_commit(repository.folder).files([PROMPT])
    assert not (tmp_path / "ran").exists()


def test_without_git_the_remedy_is_told(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shutil.which("git")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NotCommitted, match="git is not installed"):
        find_commit(repository.folder)
