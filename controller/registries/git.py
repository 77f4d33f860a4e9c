"""Prompts as files in a git repository, where a branch or a tag says which commit is live."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from dulwich.client import SendPackResult
from dulwich.object_store import ObjectStoreGraphWalker
from dulwich.objects import ObjectID
from dulwich.refs import Ref, check_ref_format

from controller.http import Outbound
from controller.registries import entered
from controller.registries.client import Client
from controller.registries.content import sha256_of
from controller.registries.deadline import Deadline
from controller.registries.git_objects import Objects
from controller.registries.git_transport import GuardedGit
from controller.registries.login import Scheme
from controller.registries.registry import (
    BadPointer,
    Conflict,
    Missing,
    Nonsense,
    Pointer,
    Refused,
    Registry,
    RegistryError,
    check_word,
)
from controller.secrets import Secrets

_COMMIT = re.compile(r"[0-9a-f]{40}")
_REASON = re.compile(r"[A-Za-z0-9 ,'()-]{1,80}")


@dataclass(frozen=True, slots=True)
class Git(Registry):
    """One repository behind http or https. A name is the path of a file, a version the id of a commit that is there."""

    kind: ClassVar[str] = "git"

    url: str
    client: Client

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], outbound: Outbound, secrets: Secrets) -> Self:
        """Make one from ``url``, ``auth`` (none, basic or bearer) and ``secret``; see `Registry.from_settings`."""
        entered.only(settings, "url", "auth", "secret")
        url = entered.base_url(settings, outbound)
        login = entered.login(settings, secrets, url, Scheme.NONE, Scheme.BASIC, Scheme.BEARER)
        return cls(url, Client(outbound, secrets, login))

    def check_pointer(self, pointer: Pointer) -> None:
        """See `Registry.check_pointer`: the path of a file, and a branch or a tag by its full name."""
        for part in pointer.name.split("/"):
            check_word("name", part)
        ref = pointer.pointer
        check_word("pointer", ref)
        if not ref.startswith(("refs/heads/", "refs/tags/")) or not check_ref_format(Ref(ref.encode())):
            raise BadPointer("pointer", "is not a branch or a tag", "enter refs/heads/… or refs/tags/…")

    def check_version(self, version: str) -> None:
        """See `Registry.check_version`: the whole id of a commit."""
        if not _COMMIT.fullmatch(version):
            raise BadPointer("version", "is not the id of a commit", "enter all 40 hex digits")

    def read(self, pointer: Pointer, deadline_s: float) -> str:
        """See `Registry.read`: the commit behind the ref, also when an annotated tag is between."""
        self.check_pointer(pointer)
        return self._behind(pointer, Deadline.after(deadline_s))[1]

    def write(self, pointer: Pointer, version: str, expected: str, deadline_s: float) -> None:
        """See `Registry.write`. The server moves the ref only from where it was; history may be left behind.

        A tag becomes a plain one.
        """
        self.check_pointer(pointer)
        self.check_version(version)
        deadline = Deadline.after(deadline_s)
        at, commit = self._behind(pointer, deadline)
        if commit == version:
            return
        if commit != expected:
            raise Conflict("the ref is at another commit by now")
        ref = Ref(pointer.pointer.encode())
        with _understood(), contextlib.closing(GuardedGit(self.url, self.client, deadline)) as git:
            sent = git.send_pack("", _moving(ref, at, ObjectID(version.encode())), _no_objects)
        self._check_sent(sent, pointer, commit, deadline)

    def content_sha256(self, pointer: Pointer, version: str, deadline_s: float) -> str | None:
        """See `Registry.content_sha256`: of the bytes of the file in that commit."""
        self.check_pointer(pointer)
        self.check_version(version)
        deadline = Deadline.after(deadline_s)
        commit, ref = ObjectID(version.encode()), Ref(pointer.pointer.encode())
        objects = Objects()
        with _understood():
            objects.add(self._pack(commit, ref, deadline, without_files=True))
            blob = objects.blob_at(commit, pointer.name)
            if objects.bytes_of(blob) is None:
                objects.add(self._pack(blob, ref, deadline))
            return sha256_of(objects.bytes_of(blob))

    def _behind(self, pointer: Pointer, deadline: Deadline) -> tuple[ObjectID, str]:
        """What a ref is at, and the commit that leads to."""
        ref = Ref(pointer.pointer.encode())
        with _understood(), contextlib.closing(GuardedGit(self.url, self.client, deadline)) as git:
            refs = git.get_refs("", ref_prefix=[ref]).refs
        at = refs.get(ref)
        if at is None:
            raise Missing("the repository has no such branch or tag")
        commit = (refs.get(Ref(ref + b"^{}")) or at).decode()
        if not _COMMIT.fullmatch(commit):
            raise Nonsense("the git server answered with an id that is not one of SHA-1")
        return at, commit

    def _check_sent(self, sent: SendPackResult, pointer: Pointer, before: str, deadline: Deadline) -> None:
        """Find out why a ref was not moved, if it was not."""
        reason = (sent.ref_status or {}).get(pointer.pointer.encode())
        if reason is None:
            return
        if self._behind(pointer, deadline)[1] != before:
            raise Conflict("somebody else moved the ref at the same moment")
        shown = f": {self.client.secrets.redact(reason)}" if _REASON.fullmatch(reason) else ""
        raise Refused(f"the git server does not move the ref{shown}")

    def _pack(self, id: ObjectID, ref: Ref, deadline: Deadline, *, without_files: bool = False) -> bytes:
        """One object and what it is made of, packed; nothing of the history. Not every server can leave files out."""
        pack = io.BytesIO()
        with contextlib.closing(GuardedGit(self.url, self.client, deadline)) as git:
            git.fetch_pack(
                "",
                lambda _refs, depth=None: [id],  # noqa: ARG005 - the signature is dulwich's
                ObjectStoreGraphWalker([], lambda _: []),
                pack.write,
                depth=1,
                filter_spec=b"blob:none" if without_files else None,
                ref_prefix=[ref],
            )
        return pack.getvalue()


def _moving(ref: Ref, at: ObjectID, to: ObjectID) -> Any:
    """Say what to push: one ref, and only if the server still has it where we saw it."""

    def update(refs: Mapping[Ref, ObjectID]) -> dict[Ref, ObjectID]:
        if refs.get(ref) != at:
            raise Conflict("the ref has been moved in the meantime")
        return {ref: to}

    return update


def _no_objects(*_: Any, **__: Any) -> tuple[int, Iterator[Any]]:
    """What to push along: nothing, because the commit is there already."""
    return 0, iter(())


@contextlib.contextmanager
def _understood() -> Iterator[None]:
    """Make one kind of error of all that dulwich raises for answers it cannot read."""
    try:
        yield
    except RegistryError:
        raise
    except Exception:  # It reads what anybody may send, and raises whatever that runs into.
        raise Nonsense("the git server did not answer in the git protocol") from None
