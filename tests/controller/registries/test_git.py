from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.http import Outbound
from controller.registries import REGISTRIES, BadPointer, Outcome, Pointer, Registry, move_pointer
from controller.registries.git_objects import MAX_OBJECTS, MAX_UNPACKED, Objects, unpacked_size
from controller.registries.registry import Missing, Nonsense, Refused
from controller.secrets import Secrets
from tests.contract.registry_servers.git import GitServer, git
from tests.endpoint import Call, replying, serving

BLOB, REF_DELTA = 3, 7


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer.made(tmp_path) as server:
        yield server


@pytest.fixture
def registry(server: GitServer) -> Iterator[Registry]:
    with serving(server) as endpoint:
        secrets = Secrets({"HEADGATE_SECRET_REGISTRY": f"{endpoint.url} {server.secret}"})
        yield REGISTRIES["git"].from_settings(server.settings(endpoint.url), Outbound(), secrets)


def first_protocol(server: GitServer) -> None:
    """Make a server speak as those did that know no second version of the protocol."""
    answer = server.answer

    def old(call: Call) -> None:
        answer(
            Call(
                call.method,
                call.path,
                {**call.headers, "git-protocol": ""},
                *(vars(call)[name] for name in ("body", "connection", "endpoint")),
            )
        )

    server.answer = old  # type: ignore[method-assign]


@pytest.mark.parametrize("filters", ["true", "false"])
@pytest.mark.parametrize("is_old", [False, True])
def test_servers_that_can_do_less_serve_as_well(
    server: GitServer, registry: Registry, filters: str, is_old: bool
) -> None:
    git(server.folder, "config", "uploadpack.allowFilter", filters)
    if is_old:
        first_protocol(server)
    assert registry.content_sha256(server.pointer, server.commits[0], 20.0) == server.target_sha256
    assert registry.read(server.pointer, 20.0) == server.commits[1]


@pytest.mark.parametrize("is_old", [False, True])
def test_an_annotated_tag_is_read_as_its_commit_and_moved_to_a_plain_one(
    server: GitServer, registry: Registry, is_old: bool
) -> None:
    git(server.folder, "tag", "-a", "-m", "Live", "live", server.commits[1])
    if is_old:
        first_protocol(server)
    tag = Pointer(server.pointer.name, "refs/tags/live")
    assert registry.read(tag, 20.0) == server.commits[1]
    expected, target, _ = server.versions
    moved = move_pointer(registry, tag, expected=expected, target=target, deadline_s=20.0)
    assert moved.outcome is Outcome.MOVED, moved.message
    assert git(server.folder, "rev-parse", "refs/tags/live") == target


def test_a_ref_is_not_taken_for_one_that_begins_like_it(server: GitServer, registry: Registry) -> None:
    git(server.folder, "branch", "live-too", server.commits[2])
    assert registry.read(server.pointer, 20.0) == server.commits[1]
    with pytest.raises(Missing):
        registry.read(Pointer("a", "refs/heads/liv"), 20.0)


def test_a_server_that_lets_no_history_be_left_behind_says_so(server: GitServer, registry: Registry) -> None:
    git(server.folder, "config", "receive.denyNonFastForwards", "true")
    expected, target, _ = server.versions
    moved = move_pointer(registry, server.pointer, expected=expected, target=target, deadline_s=20.0)
    assert (moved.outcome, moved.now) == (Outcome.FAILED, expected)
    assert moved.message.endswith("the git server does not move the ref: non-fast-forward")


def test_a_hook_that_declines_is_a_failure(server: GitServer, registry: Registry) -> None:
    hook = server.folder / ".git" / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    expected, target, _ = server.versions
    with pytest.raises(Refused, match="pre-receive hook declined"):
        registry.write(server.pointer, target, expected, 20.0)


def test_a_commit_that_is_not_there_is_not_moved_to_or_looked_into(
    server: GitServer, registry: Registry
) -> None:
    gone = "0" * 39 + "1"
    moved = move_pointer(registry, server.pointer, expected=server.commits[1], target=gone, deadline_s=20.0)
    assert (moved.outcome, server.now) == (Outcome.FAILED, server.commits[1])
    with pytest.raises(Missing, match="no such commit"):
        registry.content_sha256(server.pointer, gone, 20.0)


@pytest.mark.parametrize("name", ["nothing", "prompts", "prompts/claims answer.txt/more", "link"])
def test_only_a_file_has_a_hash(server: GitServer, registry: Registry, name: str) -> None:
    (server.folder / "link").symlink_to("README")
    git(server.folder, "add", "link")
    git(server.folder, "commit", "-q", "-m", "Link")
    commit = git(server.folder, "rev-parse", "HEAD")
    with pytest.raises(Missing, match="at that path"):
        registry.content_sha256(Pointer(name, "refs/heads/main"), commit, 20.0)


def test_files_are_hashed_as_they_are(server: GitServer, registry: Registry) -> None:
    """Many files alike are packed as differences from one another."""
    for number in range(30):
        text = "".join(f"Line {line} of a prompt\n" for line in range(300)) + f"Number {number}\n"
        (server.folder / "prompts" / f"{number}.txt").write_text(text)
    git(server.folder, "add", "prompts")
    git(server.folder, "commit", "-q", "-m", "Many")
    git(server.folder, "gc", "-q", "--aggressive")
    git(server.folder, "config", "uploadpack.allowFilter", "false")
    commit = git(server.folder, "rev-parse", "HEAD")
    for number in (0, 17, 29):
        name = f"prompts/{number}.txt"
        content = (server.folder / name).read_bytes()
        found = registry.content_sha256(Pointer(name, "refs/heads/main"), commit, 20.0)
        assert found == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    "ref", ["main", "HEAD", "refs/heads/", "refs/remotes/a/b", "refs/heads/a..b", "refs/heads/a b"]
)
def test_a_pointer_is_a_branch_or_a_tag_by_its_full_name(registry: Registry, ref: str) -> None:
    with pytest.raises(BadPointer, match="pointer"):
        registry.check_pointer(Pointer("a", ref))


@pytest.mark.parametrize("name", ["/a", "a/", "a//b", "../a", "a/./b"])
def test_a_name_is_the_path_of_a_file(registry: Registry, name: str) -> None:
    with pytest.raises(BadPointer, match="name"):
        registry.check_pointer(Pointer(name, "refs/heads/live"))


@pytest.mark.parametrize("version", ["abc", "A" * 40, "0" * 39, "0" * 64, "refs/heads/main"])
def test_a_version_is_the_whole_id_of_a_commit(registry: Registry, version: str) -> None:
    with pytest.raises(BadPointer, match="version"):
        registry.check_version(version)


def test_a_place_without_a_repository_is_nonsense() -> None:
    with serving(replying(200, b"<html>", {"Content-Type": "text/html"})) as endpoint:
        registry = REGISTRIES["git"].from_settings({"url": endpoint.url}, Outbound(), Secrets({}))
        with pytest.raises(Nonsense, match="no git repository"):
            registry.read(Pointer("a", "refs/heads/live"), 20.0)
    assert len(endpoint.calls) == 1


def test_an_error_in_the_protocol_is_a_refusal_that_repeats_nothing() -> None:
    body = b"002fERR the secret is s3cret and so is the rest"
    kind = {"Content-Type": "application/x-git-upload-pack-advertisement"}
    with serving(replying(200, body, kind)) as endpoint:
        registry = REGISTRIES["git"].from_settings({"url": endpoint.url}, Outbound(), Secrets({}))
        with pytest.raises(Refused, match=r"^the git server answered with an error$"):
            registry.read(Pointer("a", "refs/heads/live"), 20.0)


def number(value: int) -> bytes:
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    return bytes([*written, value])


def packed(kind: int, data: bytes, *, says: int | None = None, base: bytes = b"") -> bytes:
    size = len(data) if says is None else says
    first = kind << 4 | size & 15
    head = bytes([first | 128]) + number(size >> 4) if size > 15 else bytes([first])
    return head + base + zlib.compress(data)


def pack(*objects: bytes, count: int | None = None) -> bytes:
    body = b"PACK" + struct.pack(">II", 2, len(objects) if count is None else count) + b"".join(objects)
    return body + hashlib.sha1(body).digest()


@given(st.lists(st.binary(max_size=9000), max_size=8))
def test_a_pack_is_as_large_as_its_objects(blobs: list[bytes]) -> None:
    assert unpacked_size(pack(*(packed(BLOB, blob) for blob in blobs))) == sum(map(len, blobs))


BASE = b"a" * 1000
BASE_ID = hashlib.sha1(b"blob 1000\0" + BASE).digest()
LARGE = b"a" * (MAX_UNPACKED + 1)


@pytest.mark.parametrize(
    "sent",
    [
        pack(packed(BLOB, LARGE)),
        pack(packed(BLOB, b"", says=MAX_UNPACKED + 1)),
        pack(*[packed(BLOB, LARGE[: MAX_UNPACKED // 2 + 1])] * 2),
        pack(packed(BLOB, LARGE, says=10)),
        pack(packed(BLOB, b"short", says=100)),
        pack(packed(BLOB, BASE), packed(REF_DELTA, number(1000) + number(1 << 40), base=BASE_ID)),
        pack(packed(BLOB, BASE), count=MAX_OBJECTS + 1),
        pack(packed(BLOB, BASE))[:20],
    ],
    ids=["large", "says large", "large together", "says less", "says more", "delta", "count", "cut off"],
)
def test_what_would_unpack_to_more_than_allowed_or_than_it_says_is_refused(sent: bytes) -> None:
    objects = Objects()
    with pytest.raises(Nonsense):
        objects.add(sent)
    assert list(objects.store) == []
