"""What every registry is: it tells which version a pointer names, and moves the pointer to another version.

RegistryError
├── Unreachable   nobody answered in time, or the answer was "not now"
├── Denied        the secret is missing, wrong or not allowed to do this
├── Missing       there is no such prompt, pointer or version
├── Conflict      somebody else moved the pointer, or holds it in place
├── Refused       it will not be done like this, however often it is tried
└── Nonsense      the answer is not in the format of the product
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from controller.errors import BadConfiguration
from controller.http import Outbound
from controller.secrets import Secrets

MAX_LENGTH = 500
"""Names, pointers and versions are words; none is longer than this."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """A name in a registry and what says which of its versions is live.

    ``name`` is a prompt, a model, a configuration or the path of a file; ``pointer`` is a label, an alias, an
    environment or a ref, as the kind of registry calls it.
    """

    name: str
    pointer: str


class BadPointer(BadConfiguration):
    """A pointer or a version cannot be one of this registry; ``field`` is ``name``, ``pointer`` or ``version``."""


class RegistryError(Exception):
    """A registry did not do what it was asked to.

    The message is safe to show: it holds no secret, path, query or body. ``retry_after_s`` is how long the registry
    asked to be left alone, if it did.
    """

    def __init__(self, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unreachable(RegistryError):
    """No whole answer came in time, or it was "not now". After a write it is unknown whether it was done."""


class Denied(RegistryError):
    """The registry does not accept the secret, or does not let its owner do this."""


class Missing(RegistryError):
    """There is no such name, pointer or version, or not for the owner of the secret."""


class Conflict(RegistryError):
    """The pointer is not where it was expected, or something else is at work on it."""


class Refused(RegistryError):
    """The call is not allowed from here, or the registry does not do such a thing."""


class Nonsense(RegistryError):
    """The answer is not one of this product."""


class Registry(ABC):
    """A place where a pointer says which version of a prompt is live.

    ``kind`` is its name in settings. Every call ends within its ``deadline_s`` seconds, whatever the other side does.
    """

    kind: ClassVar[str]

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: Mapping[str, Any], outbound: Outbound, secrets: Secrets) -> Self:
        """Make a registry from what a user entered. Nothing is sent yet.

        Raises:
            BadSetting: A setting is missing, unknown or of the wrong kind, or its secret is not for this address.
        """

    @abstractmethod
    def check_pointer(self, pointer: Pointer) -> None:
        """Find out, when a release is made, whether this registry could have such a pointer.

        Raises:
            BadPointer: Its name or pointer cannot exist there, or cannot be moved.
        """

    @abstractmethod
    def check_version(self, version: str) -> None:
        """Find out whether this registry could have such a version.

        Raises:
            BadPointer: It is not written as versions are there.
        """

    @abstractmethod
    def read(self, pointer: Pointer, deadline_s: float) -> str:
        """The version that a pointer names now.

        Raises:
            RegistryError: It could not be found out.
            BadPointer: See `check_pointer`.
        """

    @abstractmethod
    def write(self, pointer: Pointer, version: str, expected: str, deadline_s: float) -> None:
        """Move a pointer to a version. Doing it twice is as good as once.

        ``expected`` is the version it was read at a moment ago. A registry that can compare and move in one step does
        so; the others move.

        Raises:
            Conflict: The pointer is elsewhere by now.
            RegistryError: It was not moved; with Unreachable it may have been.
            BadPointer: See `check_pointer` and `check_version`.
        """

    @abstractmethod
    def content_sha256(self, pointer: Pointer, version: str, deadline_s: float) -> str | None:
        """The SHA-256, in hex, of what a version says, or nothing when the registry does not tell its text.

        Raises:
            RegistryError: It could not be found out.
            BadPointer: See `check_pointer` and `check_version`.
        """


def check_word(field: str, text: str) -> None:
    """Refuse what can be no name anywhere.

    Raises:
        BadPointer: It is empty, too long, made of dots alone, or has a character that cannot be seen.
    """
    if not text or len(text) > MAX_LENGTH:
        raise BadPointer(field, "is empty or too long", f"enter 1 to {MAX_LENGTH} characters")
    if not text.isprintable():
        raise BadPointer(field, "has a character that cannot be seen", "leave it out")
    if text in (".", ".."):  # In an address these would lead to another place.
        raise BadPointer(field, "is made of dots alone", "enter the name as the registry shows it")


def check_number(version: str) -> None:
    """Refuse what is no number of a version.

    Raises:
        BadPointer: It is not a whole number from 1 on, written without anything before it.
    """
    if not (version.isascii() and version.isdigit()) or version[0] == "0" or len(version) > len(str(2**63)):
        raise BadPointer("version", "is not the number of a version", "enter a whole number from 1 on")
