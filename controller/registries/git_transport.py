"""The git protocol over HTTP, by dulwich, with every request going out through our own door."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from dulwich.client import AbstractHttpGitClient

from controller.registries.client import Client
from controller.registries.deadline import Deadline
from controller.registries.registry import Missing, Nonsense, Refused

MAX_BYTES = 8 << 20
"""The most that is read of one answer: the refs of a repository, or the files of one commit, packed."""

_GIT = "application/x-git-"


_ERROR = slice(4, 8)
"""Where, behind its length, the first line of an answer says that it is an error."""


@dataclass(frozen=True, slots=True)
class _Response:
    """What dulwich wants to know of an answer beside its body."""

    content_type: str
    redirect_location: str = ""

    def close(self) -> None:
        """Nothing is open any more."""


class GuardedGit(AbstractHttpGitClient):
    """A git client of one repository whose requests end together at one moment.

    What it raises is either a RegistryError, for what happened on the way, or whatever dulwich raises for an answer
    that it cannot read.
    """

    def __init__(self, url: str, client: Client, deadline: Deadline) -> None:
        # A pack that leans on objects which are not in it is of no use to somebody who has none.
        super().__init__(url, thin_packs=False, quiet=True)
        self._client = client
        self._deadline = deadline

    def _http_request(
        self,
        url: str,
        headers: dict[str, str] | None = None,
        data: bytes | Iterator[bytes] | None = None,
        raise_for_status: bool = True,  # noqa: ARG002, FBT001, FBT002 - the signature is dulwich's
    ) -> tuple[Any, Callable[[int], bytes]]:
        """What dulwich asks of a transport."""
        if not url.startswith(self._base_url):
            raise Refused("the git server wanted to send us elsewhere")
        body = data if data is None or isinstance(data, bytes) else b"".join(data)
        sent = {name: value for name, value in (headers or {}).items() if name != "Content-Length"}
        answer = self._client.send(
            "GET" if body is None else "POST",
            url,
            self._deadline.left_s,
            body=body,
            headers={"User-Agent": "git/headgate", **sent},
            max_bytes=MAX_BYTES,
        )
        content_type = answer.headers.get("content-type", "")
        if not content_type.startswith(_GIT):  # Otherwise dulwich would begin to ask for single files.
            raise Nonsense("there is no git repository with the smart protocol at that address")
        _refuse_error(answer.body)
        return _Response(content_type), io.BytesIO(answer.body).read


def _refuse_error(body: bytes) -> None:
    """Say what an answer means that is nothing but an error, before dulwich reads it as something else."""
    if body[_ERROR] != b"ERR ":
        return
    if b"not our ref" in body:
        raise Missing("the repository has no such commit, or does not give it out")
    raise Refused("the git server answered with an error")
