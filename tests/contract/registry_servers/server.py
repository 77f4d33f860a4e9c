"""What the registries on this machine have in common: they let in, they answer, and they fail when they are told to."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum, auto
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, urlsplit

from controller.registries import Pointer
from tests.endpoint import Behaviour, Call


class Moment(Enum):
    """When a registry fails."""

    READ = auto()
    WRITE = auto()
    AFTER_WRITE = auto()
    """What was asked for is done, but the answer is another."""
    READ_BACK = auto()


class RegistryServer(ABC):
    """A registry with one prompt in three versions; its pointer is at the first of them.

    ``before_write`` happens after a request to write has come in and before it is done.
    """

    user: ClassVar[str] = "headgate"
    password: ClassVar[str] = "s3cret/of+the=registry"
    pointer: ClassVar[Pointer]
    target_sha256: ClassVar[str | None]
    compares_and_swaps: ClassVar[bool] = False

    def __init__(self) -> None:
        self.faults: dict[Moment, Behaviour] = {}
        self.before_write: Callable[[], None] = lambda: None
        self.written = False

    @classmethod
    @contextmanager
    def made(cls, folder: Path) -> Iterator[Self]:
        """A server with its three versions; ``folder`` is for what it wants to keep."""
        del folder
        yield cls()

    @property
    @abstractmethod
    def versions(self) -> tuple[str, str, str]:
        """Where the pointer is at first, where it is to go, and where somebody else could move it."""

    @property
    @abstractmethod
    def now(self) -> str:
        """Where the pointer is."""

    @abstractmethod
    def move(self, version: str) -> None:
        """Move the pointer as somebody else would."""

    @abstractmethod
    def settings(self, url: str) -> dict[str, Any]:
        """What a user enters to connect this server with its secret, env:REGISTRY."""

    @property
    def secret(self) -> str:
        """What the operator sets for this server."""
        return f"{self.user}:{self.password}"

    @property
    def authorization(self) -> tuple[str, str]:
        """The header that lets somebody in."""
        return "authorization", f"Basic {b64encode(self.secret.encode()).decode()}"

    @abstractmethod
    def is_write(self, call: Call) -> bool:
        """Whether a request wants to move the pointer."""

    @abstractmethod
    def answer(self, call: Call) -> None:
        """Do what is asked."""

    def refuse(self, call: Call, status: int) -> None:
        """Refuse a request in the words of the product, with as much of the request in them as there can be."""
        reply(call, status, {"message": said_too_much(call), "error": "Refused"})

    def __call__(self, call: Call) -> None:
        """Answer one call."""
        writing = self.is_write(call)
        if writing:
            self.before_write()
        moment = Moment.WRITE if writing else Moment.READ_BACK if self.written else Moment.READ
        if moment in self.faults:
            self.faults[moment](call)
            return
        name, value = self.authorization
        if call.headers.get(name) != value:
            self.refuse(call, 401)
            return
        self.written |= writing
        if writing and Moment.AFTER_WRITE in self.faults:
            self.answer(replace(call, connection=_Nowhere()))  # type: ignore[arg-type]
            self.faults[Moment.AFTER_WRITE](call)
            return
        self.answer(call)


class _Nowhere:
    def sendall(self, data: bytes) -> None:
        """Lose an answer."""


def reply(call: Call, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
    """Answer with JSON."""
    call.reply(status, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})})


def said_too_much(call: Call) -> str:
    """A message that repeats what nobody should ever read."""
    return f"{call.path} was asked with {call.headers}"


def path_of(call: Call) -> str:
    """The path of a request, as it was sent."""
    return urlsplit(call.path).path


def query_of(call: Call) -> dict[str, str]:
    """The query of a request."""
    return {name: values[-1] for name, values in parse_qs(urlsplit(call.path).query).items()}
